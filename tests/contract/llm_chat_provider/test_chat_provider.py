"""What every ChatProvider does: our own adapter, the SDK's, and the fake that unit tests stand on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field

import pytest

from services.common.values import TokenUsage
from services.kit.errors import TikuError
from services.llm.adapters.providers.fake import FakeChatProvider, FakeTurn
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from services.llm.domain import faults
from services.llm.ports import ChatProvider
from services.llm.values.chat import (
    ChatFinish,
    ChatMessage,
    ChatRequest,
    Completion,
    FinishReason,
    OutputSchema,
    Reading,
    Role,
    TextDelta,
)
from tests.fakes.openai_server import Script, ScriptedProvider
from tests.late import imported
from tests.waiting import at_once

TOKENS = ("Photo", "synthesis", " 光合", "作用", " ends", ".")
PROMPT = ChatRequest(model="scripted", messages=(ChatMessage(Role.USER, "What is it?"),))


@dataclass
class Bench:
    """One adapter and the side that it talks to."""

    provider: ChatProvider
    script: Callable[[Script], None]
    left: Callable[[], Awaitable[int]]
    """Tokens sent when the caller left; waits for that."""
    server: ScriptedProvider | None = field(default=None)


@pytest.fixture(params=["http", "sdk", "fake"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "fake":
        yield _fake_bench()
        return
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ScriptedProvider())
        yield Bench(await _adapter(request.param, server.base_url, stack), server.answer, lambda: _left(server), server)


@pytest.fixture(params=["http", "sdk"])
async def wired(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Adapters with a wire, for what only a wire can do wrong."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ScriptedProvider())
        yield Bench(await _adapter(request.param, server.base_url, stack), server.answer, lambda: _left(server), server)


async def _adapter(name: str, base_url: str, stack: AsyncExitStack, key: str = "sk-test") -> ChatProvider:
    if name == "http":
        return await stack.enter_async_context(OpenAiHttpProvider.open("scripted", base_url, key))
    sdk = await imported("services.llm.adapters.providers.openai_sdk")
    provider: ChatProvider = await stack.enter_async_context(sdk.OpenAiSdkProvider.open("scripted", base_url, key))
    return provider


async def _left(server: ScriptedProvider) -> int:
    return (await server.departure()).tokens_sent


def _fake_bench() -> Bench:
    fake = FakeChatProvider()

    def script(script: Script) -> None:
        error = None
        at = 0
        if script.status != 200:
            error = faults.from_status("scripted", "scripted", script.status, script.message.encode())
        elif script.cut_at is not None:
            error, at = faults.unavailable("scripted", "cut"), script.cut_at
        fake.turns.append(
            FakeTurn(
                tokens=script.tokens,
                pace=script.pace,
                reason=FinishReason(script.finish_reason or ""),
                usage=TokenUsage(3, len(script.tokens)) if script.usage else None,
                error=error,
                error_at=at,
                hang_at=script.hang_at,
            )
        )

    async def left() -> int:
        return fake.cancelled_at.pop(0)

    return Bench(fake, script, left)


async def _collect(
    provider: ChatProvider, prompt: ChatRequest = PROMPT, timeout: float = 5
) -> list[TextDelta | ChatFinish]:
    async with aclosing(provider.stream(prompt, timeout)) as stream:
        return [event async for event in stream]


def _said(events: list[TextDelta | ChatFinish]) -> tuple[str, int]:
    """Return what was said, and in how many pieces of the provider's."""
    deltas = [event for event in events if isinstance(event, TextDelta)]
    return "".join(delta.text for delta in deltas), sum(delta.pieces for delta in deltas)


async def test_complete_returns_the_whole_answer(bench: Bench) -> None:
    bench.script(Script(tokens=TOKENS))
    answer = await bench.provider.complete(PROMPT, 5)
    assert answer == Completion("".join(TOKENS), FinishReason.STOP, TokenUsage(3, len(TOKENS)))


async def test_stream_gives_each_token_and_one_finish(bench: Bench) -> None:
    bench.script(Script(tokens=TOKENS))
    *deltas, finish = await _collect(bench.provider)
    assert finish == ChatFinish(FinishReason.STOP, TokenUsage(3, len(TOKENS)))
    # Those that came together may be one.
    assert _said(deltas) == ("".join(TOKENS), len(TOKENS))


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("timings", "reading"),
    [
        ({"prompt_n": 200, "prompt_ms": 4000.0, "cache_n": 100}, Reading(200, 4.0)),
        ({"prompt_n": 1, "prompt_ms": 12}, Reading(1, 0.012)),
        (None, None),
        ({"predicted_n": 9}, None),
        ({"prompt_n": 0, "prompt_ms": 4.0}, None),
        ({"prompt_n": 200, "prompt_ms": 0}, None),
        ({"prompt_n": 200, "prompt_ms": "soon"}, None),
    ],
)
async def test_a_server_may_say_how_long_it_read(
    wired: Bench, streamed: bool, timings: dict[str, float] | None, reading: Reading | None
) -> None:
    wired.script(Script(tokens=TOKENS, timings=timings))
    if streamed:
        finish = (await _collect(wired.provider))[-1]
        assert isinstance(finish, ChatFinish)
        assert finish.reading == reading
    else:
        assert (await wired.provider.complete(PROMPT, 5)).reading == reading


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_is_not_reported_is_none_or_unknown(bench: Bench, streamed: bool) -> None:
    bench.script(Script(finish_reason="length", usage=False))
    answer = (await _collect(bench.provider))[-1] if streamed else await bench.provider.complete(PROMPT, 5)
    assert isinstance(answer, ChatFinish | Completion)
    assert (answer.reason, answer.usage) == (FinishReason.LENGTH, None)
    bench.script(Script(finish_reason="of_its_own"))
    answer = (await _collect(bench.provider))[-1] if streamed else await bench.provider.complete(PROMPT, 5)
    assert isinstance(answer, ChatFinish | Completion)
    assert answer.reason is FinishReason.UNKNOWN


@pytest.mark.parametrize("position", range(len(TOKENS) + 1))
async def test_cancelling_at_any_token_stops_the_provider_at_once(bench: Bench, position: int) -> None:
    bench.script(Script(tokens=TOKENS, hang_at=position))
    seen: list[str] = []
    reached = asyncio.Event()

    async def consume() -> None:
        async with aclosing(bench.provider.stream(PROMPT, 30)) as stream:
            if position == 0:
                reached.set()
            async for event in stream:
                assert isinstance(event, TextDelta)
                seen.append(event.text)
                if "".join(seen) == "".join(TOKENS[:position]):
                    reached.set()

    task = asyncio.create_task(consume())
    await reached.wait()
    if bench.server:
        await bench.server.received(1)
    await asyncio.sleep(0.02)
    async with at_once():
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await bench.left() == position
    assert "".join(seen) == "".join(TOKENS[:position])


@pytest.mark.parametrize("position", range(1, len(TOKENS) + 1))
async def test_closing_at_any_token_stops_the_provider_at_once(bench: Bench, position: int) -> None:
    bench.script(Script(tokens=TOKENS, hang_at=position))
    async with aclosing(bench.provider.stream(PROMPT, 30)) as stream:
        said = ""
        while said != "".join(TOKENS[:position]):
            event = await anext(stream)
            assert isinstance(event, TextDelta)
            said += event.text
        async with at_once():
            await stream.aclose()
            assert await bench.left() == position


async def test_cancelling_a_whole_answer_stops_the_provider_at_once(bench: Bench) -> None:
    bench.script(Script(hang_at=0))
    task = asyncio.create_task(bench.provider.complete(PROMPT, 30))
    await (bench.server.received(1) if bench.server is not None else asyncio.sleep(0.1))
    async with at_once():
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await bench.left()


@pytest.mark.parametrize("position", [0, 2])
async def test_a_stream_that_falls_silent_times_out(bench: Bench, position: int) -> None:
    bench.script(Script(tokens=TOKENS, hang_at=position))
    started = time.monotonic()
    async with at_once(2):
        with pytest.raises(TikuError) as caught:
            await _collect(bench.provider, timeout=1)
    assert (caught.value.reason, caught.value.status) == ("PROVIDER_TIMEOUT", "DEADLINE_EXCEEDED")
    assert time.monotonic() - started > 0.9
    assert await bench.left() == position


async def test_a_whole_answer_that_does_not_come_times_out(bench: Bench) -> None:
    bench.script(Script(hang_at=0))
    with pytest.raises(TikuError) as caught:
        await bench.provider.complete(PROMPT, 0.2)
    assert caught.value.reason == "PROVIDER_TIMEOUT"


async def test_a_stream_that_keeps_talking_still_ends_at_the_deadline(bench: Bench) -> None:
    bench.script(Script(tokens=["tok"] * 1000, pace=0.02))
    async with at_once(1):
        with pytest.raises(TikuError) as caught:
            await _collect(bench.provider, timeout=0.3)
    assert caught.value.reason == "PROVIDER_TIMEOUT"


FAULTS = [
    (Script(status=401), "PROVIDER_UNAUTHENTICATED", "FAILED_PRECONDITION"),
    (Script(status=402), "PROVIDER_OUT_OF_CREDIT", "FAILED_PRECONDITION"),
    (Script(status=403), "PROVIDER_FORBIDDEN", "FAILED_PRECONDITION"),
    (Script(status=404, message="The model `x` does not exist"), "MODEL_NOT_FOUND", "NOT_FOUND"),
    (Script(status=404, message="no such path"), "PROVIDER_BAD_RESPONSE", "INTERNAL"),
    (Script(status=400, message="context_length_exceeded"), "CONTEXT_TOO_LONG", "INVALID_ARGUMENT"),
    (
        Script(status=400, message="the request exceeds the available context size"),
        "CONTEXT_TOO_LONG",
        "INVALID_ARGUMENT",
    ),
    (Script(status=413), "CONTEXT_TOO_LONG", "INVALID_ARGUMENT"),
    (Script(status=400), "PROVIDER_REJECTED", "INVALID_ARGUMENT"),
    (Script(status=429), "PROVIDER_RATE_LIMITED", "RESOURCE_EXHAUSTED"),
    (Script(status=500), "PROVIDER_UNAVAILABLE", "UNAVAILABLE"),
    (Script(status=503), "PROVIDER_UNAVAILABLE", "UNAVAILABLE"),
    (Script(status=302), "PROVIDER_BAD_RESPONSE", "INTERNAL"),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("script", "reason", "status"), FAULTS, ids=lambda value: str(value)[:40])
async def test_a_status_becomes_a_reason_without_the_providers_words(
    bench: Bench, script: Script, reason: str, status: str, streamed: bool
) -> None:
    bench.script(script)
    with pytest.raises(TikuError) as caught:
        if streamed:
            await _collect(bench.provider)
        else:
            await bench.provider.complete(PROMPT, 5)
    error = caught.value
    assert (error.reason, error.status) == (reason, status)
    assert "secret" not in error.message + str(error.metadata)


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-1", 1.0), ("soon", 1.0), ("inf", 1.0)])
async def test_a_rate_limit_says_when_to_come_back(wired: Bench, value: str, seconds: float) -> None:
    wired.script(Script(status=429, headers={"Retry-After": value}))
    with pytest.raises(TikuError) as caught:
        await wired.provider.complete(PROMPT, 5)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("position", [0, 1, len(TOKENS)])
async def test_a_cut_connection_is_unavailable_after_what_came(bench: Bench, position: int) -> None:
    bench.script(Script(tokens=TOKENS, cut_at=position, pace=0.005))
    seen: list[TextDelta | ChatFinish] = []
    with pytest.raises(TikuError) as caught:
        async with aclosing(bench.provider.stream(PROMPT, 5)) as stream:
            async for event in stream:
                seen.append(event)
    assert caught.value.reason == "PROVIDER_UNAVAILABLE"
    assert _said(seen) == ("".join(TOKENS[:position]), position)


async def test_an_end_without_a_finish_is_unavailable(wired: Bench) -> None:
    wired.script(Script(tokens=TOKENS, finish_reason=None, usage=False, done=False))
    with pytest.raises(TikuError) as caught:
        await _collect(wired.provider)
    assert caught.value.reason == "PROVIDER_UNAVAILABLE"


async def test_done_without_a_finish_is_an_end_whose_reason_is_unknown(wired: Bench) -> None:
    wired.script(Script(tokens=TOKENS, finish_reason=None, usage=False))
    assert (await _collect(wired.provider))[-1] == ChatFinish(FinishReason.UNKNOWN, None)


async def test_an_answer_is_not_held_up_by_a_body_that_does_not_end(wired: Bench) -> None:
    assert wired.server is not None
    wired.script(Script(tokens=TOKENS, linger=30))
    async with at_once(1):
        assert (await _collect(wired.provider))[-1] == ChatFinish(FinishReason.STOP, TokenUsage(3, len(TOKENS)))
    await wired.server.departure()
    await _collect(wired.provider)


async def test_a_finish_without_done_is_an_end(wired: Bench) -> None:
    wired.script(Script(tokens=TOKENS, done=False))
    assert (await _collect(wired.provider))[-1] == ChatFinish(FinishReason.STOP, TokenUsage(3, len(TOKENS)))


@pytest.mark.parametrize("position", [0, 2])
async def test_an_event_that_is_no_json_is_a_bad_response(wired: Bench, position: int) -> None:
    wired.script(Script(tokens=TOKENS, malformed_at=position))
    with pytest.raises(TikuError) as caught:
        await _collect(wired.provider)
    assert caught.value.reason == "PROVIDER_BAD_RESPONSE"


async def test_an_error_event_carries_its_own_status(wired: Bench) -> None:
    wired.script(Script(tokens=TOKENS, error_at=2, code=503))
    with pytest.raises(TikuError) as caught:
        await _collect(wired.provider)
    assert caught.value.reason == "PROVIDER_UNAVAILABLE"


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"choices": []}', b'{"choices": [{"index": 0}]}', b"[1]"])
async def test_a_body_that_is_no_answer_is_a_bad_response(wired: Bench, body: bytes) -> None:
    wired.script(Script(body=body))
    with pytest.raises(TikuError) as caught:
        await wired.provider.complete(PROMPT, 5)
    assert caught.value.reason == "PROVIDER_BAD_RESPONSE"


async def test_a_line_without_end_is_a_bad_response_and_not_held(wired: Bench) -> None:
    wired.script(Script(tokens=TOKENS, giant_at=1))
    with pytest.raises(TikuError) as caught:
        await _collect(wired.provider)
    assert caught.value.reason == "PROVIDER_BAD_RESPONSE"


@pytest.mark.parametrize("name", ["http", "sdk"])
async def test_nobody_listening_is_unavailable(name: str, unused_tcp_port: int) -> None:
    async with AsyncExitStack() as stack:
        provider = await _adapter(name, f"http://127.0.0.1:{unused_tcp_port}/v1", stack)
        with pytest.raises(TikuError) as caught:
            await provider.complete(PROMPT, 5)
        assert caught.value.reason == "PROVIDER_UNAVAILABLE"


async def test_what_goes_over_the_wire(wired: Bench) -> None:
    assert wired.server is not None
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    prompt = ChatRequest(
        model="scripted",
        messages=(
            ChatMessage(Role.SYSTEM, "Be brief."),
            ChatMessage(Role.USER, "你好"),
            ChatMessage(Role.ASSISTANT, "Hi"),
        ),
        temperature=0.0,
        top_p=0.5,
        max_tokens=7,
        stop=("\n\n",),
        seed=0,
        output=OutputSchema("answer", schema),
    )
    await _collect(wired.provider, prompt)
    await wired.provider.complete(PROMPT, 5)
    streamed, plain = wired.server.requests
    assert streamed.body == {
        "model": "scripted",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "你好"},
            {"role": "assistant", "content": "Hi"},
        ],
        "temperature": 0.0,
        "top_p": 0.5,
        "max_tokens": 7,
        "seed": 0,
        "stop": ["\n\n"],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": schema},
        },
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert streamed.headers["Authorization"] == "Bearer sk-test"
    assert plain.body == {"model": "scripted", "messages": [{"role": "user", "content": "What is it?"}]}


@pytest.mark.parametrize("name", ["http", "sdk"])
@pytest.mark.parametrize("query", ["?api-version=2024-10-21", "/?a=1&b=%E9%A2%98%E5%BA%93", "?empty="])
async def test_a_query_of_the_address_stays_behind_the_path(name: str, query: str) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ScriptedProvider())
        provider = await _adapter(name, server.base_url + query, stack)
        await provider.complete(PROMPT, 5)
    assert [request.path for request in server.requests] == ["/v1/chat/completions" + query.lstrip("/")]


async def test_no_redirect_is_followed_with_the_key(wired: Bench) -> None:
    assert wired.server is not None
    wired.script(Script(status=307, headers={"Location": wired.server.base_url + "/chat/completions"}))
    with pytest.raises(TikuError) as caught:
        await wired.provider.complete(PROMPT, 5)
    assert caught.value.reason == "PROVIDER_BAD_RESPONSE"
    assert len(wired.server.requests) == 1
