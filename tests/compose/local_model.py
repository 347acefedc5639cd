"""The profile with a model of its own: a chat and a cited answer, written by llama.cpp's server in its container."""

from __future__ import annotations

import time

import aiohttp

from services.client.rest import TikuClient
from tests.compose.job import Job, NotHeldError

WEIGHTS = "qwen2.5-coder-1.5b-instruct-q4_k_m"
MODEL = "qwen2.5-coder-1.5b-instruct"
CONTAINER = "model"
ENVIRONMENT = {
    "TIKU_LLM_BASE_URL": "http://model:8081/v1",
    "TIKU_LLM_MODEL": MODEL,
    "TIKU_LLM_API_KEY": "",
    "TIKU_LLM_MAX_CONCURRENT": "4",
}
_CHAT = {
    "model": MODEL,
    "max_tokens": 24,
    "temperature": 0,
    "messages": [{"role": "user", "content": "What is the capital of France? Answer with one word."}],
}
_SECONDS = 300.0


async def chat(server: str) -> str:
    """What the model says, through /v1/chat/completions. Raises NotHeldError where it is not the model that speaks."""
    began = time.monotonic()
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session,
        session.post(f"{server}/v1/chat/completions", json=_CHAT) as response,
    ):
        body = await response.json()
    if response.status != 200:
        raise NotHeldError(f"the chat ended with {response.status}: {body}")
    text = body["choices"][0]["message"]["content"]
    if body["model"] != MODEL or "Paris" not in text or not body["usage"]["completion_tokens"]:
        raise NotHeldError(f"{body['model']} said {text!r}")
    return f"{body['model']} said {text!r} in {time.monotonic() - began:.1f} s"


async def play(server: str) -> list[str]:
    """A chat, and an upload with a question about it; a line about each. Raises NotHeldError or ClientError."""
    lines = [await chat(server)]
    async with TikuClient.open(server) as client:
        job = Job(client)
        document = await job.index("local")
        began = time.monotonic()
        cited = await job.ask(document)
    lines.append(f"the question about the upload was answered in {time.monotonic() - began:.1f} s, {cited} cited")
    return lines
