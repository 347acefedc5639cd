"""The application that Tiku replaces, done well for what it is: FastAPI, plain `def` routes, the synchronous SDK.

`python -m benchmarks.servers.synchronous BASE_URL` prints its URL and serves. Starlette runs `def` routes in its
default thread pool of 40; nothing is slowed down on purpose: one shared client, a connection a thread, no database.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import openai
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.servers.asgi import serve


class Message(BaseModel):
    """One turn."""

    role: str
    content: str


class ChatRequest(BaseModel):
    """The same body as Tiku's."""

    messages: list[Message]


class GenerateRequest(BaseModel):
    """A text and how many questions to make of it."""

    text: str
    count: int


SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {"name": "question", "schema": {"type": "object", "properties": {"quote": {"type": "string"}}}},
}
ROLES = {"ROLE_SYSTEM": "system", "ROLE_USER": "user", "ROLE_ASSISTANT": "assistant"}


def application(base_url: str) -> FastAPI:
    """Return the app over the provider at `base_url`."""
    app = FastAPI()
    client = openai.OpenAI(base_url=base_url, api_key="benchmark", max_retries=0, timeout=120)

    @app.post("/api/v1/chat")
    def chat(request: ChatRequest) -> dict[str, Any]:
        messages: Any = [{"role": ROLES[m.role], "content": m.content} for m in request.messages]
        answer = client.chat.completions.create(model="bench", messages=messages)
        usage = answer.usage
        return {
            "message": {"role": "ROLE_ASSISTANT", "content": answer.choices[0].message.content},
            "usage": {"totalTokens": usage.total_tokens if usage else 0},
            "model": answer.model,
        }

    @app.post("/api/v1/exercises:generate")
    def generate(request: GenerateRequest) -> dict[str, Any]:
        # One question after another, as the applications did: a thread has one call at a time.
        sentences = [sentence.strip() + "." for sentence in request.text.split(".") if sentence.strip()]
        questions = []
        for sentence in sentences[: request.count]:
            prompt = f"Material:\n{request.text}\nWrite a question.\nAsk about this sentence: {sentence}\n"
            messages: Any = [{"role": "user", "content": prompt}]
            answer = client.chat.completions.create(model="bench", messages=messages, response_format=SCHEMA)
            made = json.loads(answer.choices[0].message.content or "")
            if made["quote"] not in request.text or made["answer"] not in made["quote"]:
                raise ValueError("the quote is not in the text")
            questions.append(made)
        return {"questions": questions}

    return app


if __name__ == "__main__":
    serve(application(sys.argv[1]))
