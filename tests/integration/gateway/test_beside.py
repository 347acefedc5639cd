"""A service and the gateway in one process, as `tiku serve llm --with-gateway` starts them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson

from services.kit.channels import open_channel
from tests.fakes.openai_server import Script, ScriptedProvider
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc

CHAT = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}]}
ALONE = {"TIKU_RETRIEVAL_TARGET": "", "TIKU_DOCS_TARGET": "", "TIKU_EXERCISES_TARGET": ""}


async def start(name: str = "llm", **environment: str) -> asyncio.subprocess.Process:
    own = {"TIKU_LISTEN": "127.0.0.1:0", "TIKU_GATEWAY_LISTEN": "127.0.0.1:0", "TIKU_LLM_MODEL": "scripted"}
    without = dict.fromkeys(("TIKU_EMBED_BASE_URL", "TIKU_RERANK_BASE_URL"), "")
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.serve", name, "--with-gateway"),
        env={**os.environ, **without, **own, **ALONE, **environment},
        stderr=asyncio.subprocess.PIPE,
    )


@contextlib.asynccontextmanager
async def serving(
    provider: ScriptedProvider, **environment: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, str]]:
    """Run one; give the process, the gateway's address and the service's."""
    process = await start(TIKU_LLM_BASE_URL=provider.base_url, **environment)
    assert process.stderr is not None
    told: dict[str, Any] = {}
    try:
        while "url" not in told and (line := await process.stderr.readline()):
            told |= orjson.loads(line)
        yield process, told["url"], told["address"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_both_serve_and_what_is_not_there_is_not_missed() -> None:
    async with ScriptedProvider() as provider, serving(provider) as (process, url, address):
        async with aiohttp.ClientSession(url) as http, open_channel(address) as channel:
            answered = await (await http.post("/v1/chat/completions", json=CHAT)).json()
            assert answered["choices"][0]["message"]["content"] == "Hello, world!"
            async with http.post("/v1/chat/completions", json={**CHAT, "stream": True}) as response:
                assert (await response.text()).endswith("data: [DONE]\n\n")
            asked = [llm_pb2.ChatMessage(role=llm_pb2.ROLE_USER, content="hi")]
            stub = llm_pb2_grpc.LlmServiceStub(channel)
            assert (await stub.Chat(llm_pb2.ChatRequest(messages=asked))).message.content == "Hello, world!"

            async with http.get("/readyz") as response:
                assert (response.status, (await response.json())["services"]) == (200, {"llm": "SERVING"})
            for path in ("/api/v1/documents", "/api/v1/answer"):
                assert (await http.get(path)).status == 404
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_a_stop_lets_a_stream_end() -> None:
    async with ScriptedProvider() as provider, serving(provider) as (process, url, _):
        provider.answer(Script(tokens=["a"] * 20, pace=0.02))
        async with (
            aiohttp.ClientSession(url) as http,
            http.post("/v1/chat/completions", json={**CHAT, "stream": True}) as response,
        ):
            await response.content.readline()
            process.send_signal(signal.SIGTERM)
            assert (await response.text()).endswith("data: [DONE]\n\n")
        assert await process.wait() == 0


async def test_a_client_that_leaves_ends_the_call_at_the_provider() -> None:
    async with ScriptedProvider() as provider, serving(provider) as (_, url, _):
        for stream in (False, True):
            provider.answer(Script(hang_at=0))
            http = aiohttp.ClientSession(url)
            asking = asyncio.create_task(http.post("/v1/chat/completions", json={**CHAT, "stream": stream}))
            await provider.received(len(provider.requests) + 1)
            await http.close()
            await provider.departure()
            asking.cancel()


async def test_what_keeps_the_gateway_from_serving_is_one_line() -> None:
    process = await start(TIKU_GATEWAY_MAX_CLIENT_SHARE="2")
    _, told = await process.communicate()
    assert (process.returncode, told.count(b"\n")) == (2, 1)
    assert b"TIKU_GATEWAY_MAX_CLIENT_SHARE" in told
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = await start(TIKU_GATEWAY_LISTEN=address, TIKU_LLM_BASE_URL="")
        _, told = await process.communicate()
    assert process.returncode == 1
    assert told.splitlines()[-1].decode() == f"llm cannot serve: cannot listen on {address}: the port is in use"


async def test_the_gateway_is_not_beside_itself() -> None:
    process = await start("gateway")
    _, told = await process.communicate()
    assert (process.returncode, told.partition(b":")[0]) == (2, b"usage")


async def test_a_stop_ends_what_does_not_end_in_time_and_says_so() -> None:
    async with ScriptedProvider(lambda _: Script(hang_at=1)) as provider:
        async with (
            serving(provider, TIKU_GATEWAY_DRAIN_SECONDS="1") as (process, url, _),
            aiohttp.ClientSession(url) as http,
        ):
            whole, streamed = (
                asyncio.create_task(answered(http, {**CHAT, "stream": stream})) for stream in (False, True)
            )
            await provider.received(2)
            host, _, port = url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost:")
            await http.get("/healthz")  # What was sent before it has been read.
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) == 0
            status, retry_after, text = await whole
            assert (status, retry_after, orjson.loads(text)["error"]["code"]) == (503, "1", "stopping")
            status, _, text = await streamed
            *_, failure, end = text.strip().split("\n\n")
            assert (status, end) == (200, "data: [DONE]")
            assert orjson.loads(failure.removeprefix("data: "))["error"]["code"] == "stopping"
            refusal = (await reader.read()).lower()
            assert refusal.startswith(b"http/1.1 503")
            assert b"retry-after: 1" in refusal
            writer.close()
        for _ in range(2):
            await provider.departure()


async def answered(http: aiohttp.ClientSession, chat: dict[str, Any]) -> tuple[int, str, str]:
    """Return the status, when to try again, and the body of the answer to a chat."""
    async with http.post("/v1/chat/completions", json=chat) as response:
        return response.status, response.headers.get("Retry-After", ""), await response.text()
