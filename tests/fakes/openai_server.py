"""A scripted OpenAI-compatible provider on loopback.

It speaks just enough of the API for every adapter of Tiku, answers what a test tells it to, at the pace and with the
faults that the test chooses, and keeps what it saw: each request, and the instant at which a client left.

    async with ScriptedProvider() as provider:
        provider.answer(Script(tokens=["Hello", " there"], pace=0.01))
        ...  # point TIKU_LLM_BASE_URL at provider.base_url
        assert provider.requests[0].body["model"] == "scripted"

Alone, for a bench or a look by hand: `python -m tests.fakes.openai_server --port 9100 --latency 0.3`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from services.llm.adapters.embedders.fake import hashed_vector

_EVENT_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}


@dataclass(frozen=True, kw_only=True)
class Script:
    """How one call goes.

    Positions of faults count tokens: `cut_at=2` cuts the connection after two tokens were sent. Embeddings and rerank
    heed latency, status and body alone.
    """

    tokens: Sequence[str] = ("Hello", ",", " world", "!")
    latency: float = 0.0
    """Seconds before the headers."""
    pace: float = 0.0
    """Seconds before each token."""
    finish_reason: str | None = "stop"
    usage: bool = True
    timings: Mapping[str, float] | None = None
    """How long the prompt took to read, as llama.cpp tells it."""
    status: int = 200
    """Anything else is an error with `body`, or with an error object around `message`."""
    message: str = "scripted failure, secret sk-scripted"
    code: str | int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    hang_at: int | None = None
    """Silence after so many tokens, until the client leaves."""
    cut_at: int | None = None
    """The connection is cut after so many tokens."""
    malformed_at: int | None = None
    """An event that is no JSON after so many tokens."""
    giant_at: int | None = None
    """A line of 4 MiB without end after so many tokens."""
    error_at: int | None = None
    """An event with an error object after so many tokens, as llama.cpp sends it."""
    done: bool = True
    """Whether `data: [DONE]` ends the stream."""
    linger: float = 0.0
    """Seconds between `[DONE]` and the end of the body."""


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    path: str
    """With its query, where there is one."""
    body: Any
    headers: Mapping[str, str]
    at: float
    """`time.monotonic()`."""


@dataclass(frozen=True)
class Departure:
    """A client that left before its answer was complete."""

    path: str
    tokens_sent: int
    at: float
    """`time.monotonic()`."""


class ScriptedProvider:
    """The server; an async context manager.

    Args:
        respond: chooses the script of a chat call from its body where `answer` has left none.
        models: what `/models` lists.
        dimension: length of embeddings.
        float_embeddings: answer with lists of numbers even where base64 is asked for, as many servers do.
    """

    def __init__(
        self,
        respond: Callable[[Any], Script] | None = None,
        *,
        models: Sequence[str] = ("scripted",),
        dimension: int = 32,
        float_embeddings: bool = False,
        port: int = 0,
    ) -> None:
        self._respond = respond or (lambda _: Script())
        self._scripts: deque[Script] = deque()
        self._models = tuple(models)
        self._dimension = dimension
        self._float_embeddings = float_embeddings
        self._port = port
        self._runner: web.AppRunner | None = None
        self._happened = asyncio.Event()
        self.requests: list[Request] = []
        self.departures: list[Departure] = []
        self.active = 0
        """Calls being answered now."""
        self.most_active = 0
        self.connections: set[tuple[str, int]] = set()
        """Peers that sent a request: how many sockets the client used."""

    def answer(self, *scripts: Script) -> None:
        """Scripts the next calls, one each, whichever they are."""
        self._scripts.extend(scripts)

    async def departure(self, timeout: float = 5.0) -> Departure:
        """The next client that leaves early and was not asked for yet."""
        async with asyncio.timeout(timeout):
            while not self.departures:
                await self._happened.wait()
        return self.departures.pop(0)

    async def received(self, count: int, timeout: float = 5.0) -> None:
        """Waits until so many requests came in."""
        async with asyncio.timeout(timeout):
            while len(self.requests) < count:
                await self._happened.wait()

    @property
    def base_url(self) -> str:
        """What a client is configured with."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        for path in ("/rerank", "/reranks", "/services/rerank/text-rerank/text-rerank"):
            app.router.add_post("/v1" + path, self._rerank)
        app.router.add_get("/v1/models", self._list_models)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _received(self, request: web.Request) -> Any:
        body = await request.json()
        self.requests.append(Request(request.path_qs, body, dict(request.headers), time.monotonic()))
        self._tell()
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        return body

    def _script(self, body: Any) -> Script:
        return self._scripts.popleft() if self._scripts else self._respond(body)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._received(request)
        script = self._script(body)
        sent = [0]
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await asyncio.sleep(script.latency)
            if script.status != 200:
                return _failure(script)
            if body.get("stream"):
                return await self._stream(request, body, script, sent)
            return await self._whole(body, script)
        except (asyncio.CancelledError, ConnectionError):
            self._departed(request, sent[0])
            raise
        finally:
            self.active -= 1

    async def _whole(self, body: Any, script: Script) -> web.Response:
        await asyncio.sleep(script.pace * len(script.tokens))
        if script.hang_at is not None:
            await asyncio.Event().wait()
        if script.body is not None:
            return web.Response(body=script.body, content_type="application/json")
        answer: dict[str, Any] = {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "".join(script.tokens)},
                    "finish_reason": script.finish_reason,
                }
            ],
        }
        if body.get("logprobs"):
            answer["choices"][0]["logprobs"] = {"content": [{"top_logprobs": _verdict(body)}]}
        if script.usage:
            answer["usage"] = _usage(body, len(script.tokens))
        if script.timings is not None:
            answer["timings"] = script.timings
        return web.json_response(answer)

    async def _stream(self, request: web.Request, body: Any, script: Script, sent: list[int]) -> web.StreamResponse:
        response = web.StreamResponse(headers=_EVENT_HEADERS)
        await response.prepare(request)
        model = body["model"]
        await response.write(_event(model, {"role": "assistant", "content": ""}))
        for position in range(len(script.tokens) + 1):
            if position == script.hang_at:
                await asyncio.Event().wait()
            if position == script.cut_at:
                assert request.transport is not None
                request.transport.abort()
                return response
            if position == script.malformed_at:
                await response.write(b'data: {"choices": [{"del\n\n')
            if position == script.error_at:
                error = {"code": script.code or 500, "message": script.message, "type": "server_error"}
                await response.write(b"data: " + json.dumps({"error": error}).encode() + b"\n\n")
                return response
            if position == script.giant_at:
                for _ in range(64):
                    await response.write(b"data: " + b"x" * 65536)
                await asyncio.Event().wait()
            if position < len(script.tokens):
                if script.pace:
                    await asyncio.sleep(script.pace)
                await response.write(_event(model, {"content": script.tokens[position]}))
                sent[0] += 1
        if script.finish_reason is not None:
            await response.write(_event(model, {}, script.finish_reason))
        if script.usage and (body.get("stream_options") or {}).get("include_usage"):
            chunk = {**_chunk(model), "choices": [], "usage": _usage(body, len(script.tokens))}
            if script.timings is not None:
                chunk["timings"] = script.timings
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        if script.done:
            await response.write(b"data: [DONE]\n\n")
        await asyncio.sleep(script.linger)
        await response.write_eof()
        return response

    async def _embeddings(self, request: web.Request) -> web.Response:
        body = await self._received(request)
        if self._scripts:
            script = self._scripts.popleft()
            await self._delayed(request, script)
            if script.status != 200 or script.body is not None:
                return _failure(script)
        vectors = [hashed_vector(text, self._dimension) for text in body["input"]]
        as_text = body.get("encoding_format") == "base64" and not self._float_embeddings
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(vector.tobytes()).decode() if as_text else vector.tolist(),
            }
            for index, vector in enumerate(vectors)
        ]
        tokens = sum(len(text.split()) for text in body["input"])
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return web.json_response({"object": "list", "model": body["model"], "data": data, "usage": usage})

    async def _rerank(self, request: web.Request) -> web.Response:
        body = await self._received(request)
        if self._scripts:
            script = self._scripts.popleft()
            await self._delayed(request, script)
            if script.status != 200 or script.body is not None:
                return _failure(script)
        asked = {**body, **body.get("input", {}), **body.get("parameters", {})}
        words = set(asked["query"].lower().split())
        scored = [
            (len(words & set(document.lower().split())) / max(1, len(words)), index)
            for index, document in enumerate(asked.get("texts") or asked["documents"])
        ]
        scored.sort(key=lambda pair: (-pair[0], pair[1]))
        if "texts" in asked:
            return web.json_response([{"index": index, "score": score} for score, index in scored])
        results = [{"index": index, "relevance_score": score} for score, index in scored]
        answer = {"results": results[: asked.get("top_n") or len(results)]}
        if "input" in body:
            return web.json_response({"output": answer, "usage": {"total_tokens": 7}})
        counts = {"usage": {"total_tokens": 7}, "meta": {"tokens": {"input_tokens": 7}}}
        return web.json_response({"model": body["model"], **answer, **counts})

    async def _delayed(self, request: web.Request, script: Script) -> None:
        try:
            await asyncio.sleep(script.latency)
        except asyncio.CancelledError:
            self._departed(request, 0)
            raise

    async def _list_models(self, _: web.Request) -> web.Response:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self._models]
        return web.json_response({"object": "list", "data": data})

    def _departed(self, request: web.Request, tokens_sent: int) -> None:
        self.departures.append(Departure(request.path, tokens_sent, time.monotonic()))
        self._tell()

    def _tell(self) -> None:
        self._happened.set()
        self._happened = asyncio.Event()


def _failure(script: Script) -> web.Response:
    body = script.body
    if body is None:
        error = {"message": script.message, "type": "scripted", "code": script.code}
        body = json.dumps({"error": error}).encode()
    return web.Response(status=script.status, headers=script.headers, body=body, content_type="application/json")


def _verdict(body: Any) -> list[dict[str, Any]]:
    """How likely "yes" and "no" are: the share of the question's words that the passage before it has."""
    passage, _, question = body["messages"][-1]["content"].partition("Question: ")
    words = set(question.partition("\n")[0].lower().split())
    share = min(0.99, max(0.01, len(words & set(passage.lower().split())) / max(1, len(words))))
    likely = {"Yes": share * 0.9, " yes": share * 0.1, "no": 1 - share, "maybe": 1e-9}
    return [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in likely.items()]


def _usage(body: Any, tokens: int) -> dict[str, int]:
    prompt = sum(len(str(message["content"]).split()) for message in body["messages"])
    return {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}


def _chunk(model: str) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 0, "model": model}


def _event(model: str, delta: Mapping[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + json.dumps({**_chunk(model), "choices": [choice]}).encode() + b"\n\n"


async def _serve(port: int, script: Script) -> None:
    async with ScriptedProvider(lambda _: script, port=port) as provider:
        print(provider.base_url, flush=True)  # noqa: T201 - the address is this program's output
        await asyncio.Event().wait()


def main() -> None:
    """Serves one script to every call until it is interrupted."""
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible provider.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.3, help="seconds before the first byte")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds before each token")
    parser.add_argument("--tokens", type=int, default=20, help="how many tokens an answer has")
    options = parser.parse_args()
    words = [f"word{index} " for index in range(options.tokens)]
    asyncio.run(_serve(options.port, Script(tokens=words, latency=options.latency, pace=options.pace)))


if __name__ == "__main__":
    main()
