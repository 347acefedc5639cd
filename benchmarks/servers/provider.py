"""An OpenAI-compatible provider of a stated latency, on raw ASGI so that it takes little of the machine.

`python -m benchmarks.servers.provider --latency 0.3 [--tokens 40] [--pace 0]` prints its base URL and serves. A whole
answer comes after the latency; a stream's first token comes after the latency, the others `pace` seconds apart
(0: as fast as they are taken). A request for JSON gets one fill-in-the-blank question about the sentence that it names.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

import orjson

from benchmarks.servers.asgi import serve

USAGE = {"prompt_tokens": 20, "completion_tokens": 40, "total_tokens": 60}


def question(prompt: str) -> str:
    """A fill-in-the-blank question, as JSON, about the sentence after "Ask about this sentence:"."""
    quote = prompt.rpartition("Ask about this sentence: ")[2].partition("\n")[0].strip()
    word = max(quote.rstrip(".").split(), key=len)
    return json.dumps(
        {
            "quote": quote,
            "stem": quote.replace(word, "____", 1),
            "answer": word,
            "explanation": f"The sentence names {word}.",
        }
    )


class Provider:
    """The ASGI app."""

    def __init__(self, latency: float, tokens: int, pace: float) -> None:
        self._latency = latency
        self._tokens = tokens
        self._pace = pace

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = orjson.loads(body) if body else {}
        await asyncio.sleep(self._latency)
        tokens = ["token "] * self._tokens
        if "response_format" in asked:
            written = question(asked["messages"][-1]["content"])
            tokens = [written[i : i + 40] for i in range(0, len(written), 40)]
        if asked.get("stream"):
            await self._stream(send, tokens)
        else:
            await self._whole(send, asked, "".join(tokens))

    async def _whole(self, send: Any, asked: dict[str, Any], text: str) -> None:
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": asked.get("model", "bench"),
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"},
            ],
            "usage": USAGE,
        }
        data = orjson.dumps(answer)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    async def _stream(self, send: Any, tokens: list[str]) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
        for token in tokens:
            delta = {**head, "choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]}
            event = b"data: " + orjson.dumps(delta) + b"\n\n"
            await send({"type": "http.response.body", "body": event, "more_body": True})
            await asyncio.sleep(self._pace)
        last = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}
        end = b"data: " + orjson.dumps(last) + b"\n\ndata: [DONE]\n\n"
        await send({"type": "http.response.body", "body": end})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--pace", type=float, default=0.0)
    asked = parser.parse_args()
    serve(Provider(asked.latency, asked.tokens, asked.pace), suffix="/v1")


if __name__ == "__main__":
    main()
