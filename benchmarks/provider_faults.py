"""The llm service before providers that do everything wrong: who is answered, how late, and what it costs.

One process holds the service, its providers on loopback and the callers. The providers are those of the tests. Each
answers with a text that is made of the number in its question, so a text that is mixed, doubled or another's is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from services.kit.channels import open_channel
from services.kit.server import running
from services.llm.app import build
from services.llm.settings import LlmSettings
from tests.fakes.openai_server import Script, ScriptedProvider
from tiku.llm.v1 import llm_pb2 as pb
from tiku.llm.v1.llm_pb2_grpc import LlmServiceStub

HEADER = "| what | seen | goal |\n| --- | --- | --- |"
CALLS = 10_000
LEAVERS = 1_000
_AT_ONCE = 40
_DEADLINE_SECONDS = 10.0
_SHORT_SECONDS = 0.3
_LEAVE_TOKENS = 200
_NOBODY = "http://127.0.0.1:9/v1"
_FAULTS: tuple[dict[str, Any], ...] = (
    *({"status": status} for status in (400, 401, 402, 403, 404, 408, 413, 422, 500, 502, 503, 529)),
    {"status": 429, "headers": {"Retry-After": "0.02"}},
    {"latency": 60.0},
    {"hang_at": 0},
    {"cut_at": 0},
    {"malformed_at": 0, "body": b'{"choices": [{"mess'},
    {"error_at": 0, "body": b'{"error": {"message": "overloaded"}}'},
    {"giant_at": 0, "body": b"<html>"},
    {"finish_reason": None, "done": False, "usage": False, "tokens": (), "body": b"{}"},
)
_LIMITS = "first_token_timeout_seconds = 0.25\ntotal_timeout_seconds = 0.5\n"


def _text(question: str) -> list[str]:
    return [f"{question}.{place} " for place in range(8)]


def _asked(body: Any) -> str:
    return str(body["messages"][-1]["content"])


def _well(body: Any) -> Script:
    return Script(tokens=_text(_asked(body)))


@dataclass(slots=True, eq=False)
class _Bad:
    """Does something wrong every second time, so that no breaker keeps its faults from the callers."""

    asked: int = 0

    def __call__(self, body: Any) -> Script:
        self.asked += 1
        fault = {} if self.asked % 2 else _FAULTS[self.asked // 2 % len(_FAULTS)]
        return Script(**{"tokens": _text(_asked(body)), **fault})


@asynccontextmanager
async def _service(file: Path, adapter: str) -> AsyncIterator[LlmServiceStub]:
    values: dict[str, Any] = {"llm_base_url": "", "embed_base_url": "", "rerank_base_url": "", "embed_model_path": None}
    settings = LlmSettings(**values, llm_providers_file=file, llm_adapter=adapter, drain_seconds=0.2)
    async with AsyncExitStack() as stack:
        app = await build(settings, stack)
        server = await stack.enter_async_context(running(app, "127.0.0.1:0", settings))
        yield LlmServiceStub(await stack.enter_async_context(open_channel(server.address)))


@asynccontextmanager
async def _before(
    adapter: str, *responds: Callable[[Any], Script], more: str = ""
) -> AsyncIterator[tuple[LlmServiceStub, list[ScriptedProvider]]]:
    """Give the service before a provider for each function; `more` are further entries, which come first."""
    async with AsyncExitStack() as stack:
        providers = [await stack.enter_async_context(ScriptedProvider(respond)) for respond in responds]
        entries = [more]
        for number, (provider, respond) in enumerate(zip(providers, responds, strict=True)):
            limits = _LIMITS if isinstance(respond, _Bad) else ""
            entries.append(
                f'[[providers]]\nname = "p{number}"\nbase_url = "{provider.base_url}"\nmodels = ["m"]\n{limits}'
            )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = folder / "providers.toml"
        await asyncio.to_thread(file.write_text, "\n".join(entries))
        yield await stack.enter_async_context(_service(file, adapter)), providers


class _Callers:
    """Callers, half of whom want a stream, and what they got."""

    def __init__(self, stub: LlmServiceStub) -> None:
        self._stub = stub
        self.ends: Counter[str] = Counter()
        self.latest = 0.0
        """Seconds after its deadline at which the latest call ended."""

    async def call(self, count: int, seconds: float) -> None:
        """Let so many calls be made, `_AT_ONCE` at a time."""
        numbers = iter(range(count))

        async def caller() -> None:
            for number in numbers:
                began = time.monotonic()
                self.ends[await self._once(number, seconds)] += 1
                self.latest = max(self.latest, time.monotonic() - began - seconds)

        await asyncio.gather(*(caller() for _ in range(_AT_ONCE)))

    async def _once(self, number: int, seconds: float) -> str:
        question = f"q{number}"
        asked = [pb.ChatMessage(role=pb.ROLE_USER, content=question)]
        try:
            if number % 2:
                request = pb.StreamChatRequest(model="m", messages=asked)
                events = self._stub.StreamChat(request, timeout=seconds)
                text = "".join([event.delta.text async for event in events])
            else:
                answer = await self._stub.Chat(pb.ChatRequest(model="m", messages=asked), timeout=seconds)
                text = answer.message.content
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "answered" if text == "".join(_text(question)) else "wrong text"


async def run(*, calls: int = CALLS, leavers: int = LEAVERS) -> AsyncIterator[str]:
    """Yield the lines of a table."""
    yield HEADER
    for adapter in ("http", "sdk"):
        async for row in _rows(adapter, calls, leavers):
            yield row


async def _rows(adapter: str, calls: int, leavers: int) -> AsyncIterator[str]:
    gone = f'[[providers]]\nname = "gone"\nbase_url = "{_NOBODY}"\nmodels = ["m"]\n'
    bad = (_Bad(), _Bad())
    async with _before(adapter, *bad, _well, more=gone) as (stub, _):
        callers = _Callers(stub)
        await callers.call(calls, _DEADLINE_SECONDS)
        answered = callers.ends["answered"] / calls
        others = {end: count for end, count in callers.ends.items() if end not in ("answered", "wrong text")}
        faults = sum(one.asked // 2 for one in bad)
        seen = f"{answered:.2%} of {calls}, {faults} faults {others or ''}"
        yield f"| {adapter}: one of four healthy, answered | {seen} | ≥ 99.9 % |"
        yield f"| {adapter}: texts mixed, doubled or of another call | {callers.ends['wrong text']} | 0 |"
    async with _before(adapter, _Bad(), _Bad(), more=gone) as (stub, providers):
        callers = _Callers(stub)
        await callers.call(calls // 10, _SHORT_SECONDS)
        late = f"{callers.latest * 1000:.0f} ms"
        yield f"| {adapter}: latest end of {calls // 10} after a deadline of {_SHORT_SECONDS} s | {late} | no hang |"
    async with _before(adapter, _down, _down, _down) as (stub, providers):
        callers = _Callers(stub)
        await callers.call(calls, _SHORT_SECONDS)  # Else they wait, as they may, for probes to succeed.
        attempts = sum(len(provider.requests) for provider in providers)
        yield f"| {adapter}: attempts a call when all are down | {attempts / calls:.3f} | ≤ 1.1 |"
    async with _before(adapter, _well) as (stub, (provider,)):
        times = [await _leave(stub, provider, number % _LEAVE_TOKENS) for number in range(leavers)]
        soon = sum(seconds <= 0.1 for seconds in times)
        yield (
            f"| {adapter}: a caller leaves a stream at each of {_LEAVE_TOKENS} tokens, and the provider sees it within "
            f"100 ms | {soon} of {leavers}, latest {max(times) * 1000:.0f} ms | all |"
        )


def _down(_: Any) -> Script:
    return Script(status=503)


async def _leave(stub: LlmServiceStub, provider: ScriptedProvider, position: int) -> float:
    """Return the seconds from a caller's leaving to the provider's seeing it."""
    tokens = [f"t{place} " for place in range(_LEAVE_TOKENS)]
    provider.answer(Script(tokens=tokens, hang_at=position))
    seen = len(provider.requests)
    asked = [pb.ChatMessage(role=pb.ROLE_USER, content="Go on.")]
    call = stub.StreamChat(pb.StreamChatRequest(model="m", messages=asked))
    length, wanted = 0, len("".join(tokens[:position]))
    while length < wanted:
        event = await call.read()
        length += len(event.delta.text) if isinstance(event, pb.StreamChatResponse) else 0
    await provider.received(seen + 1)
    began = time.monotonic()
    call.cancel()
    departure = await provider.departure()
    with contextlib.suppress(asyncio.CancelledError):
        await call.code()
    return departure.at - began
