"""What every chat model of the exercises service owes the domain: a scripted one, and the llm service over gRPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from services.common.values import Message
from services.exercises.adapters.clients.fake import FakeChatModel
from services.exercises.adapters.clients.llm import LlmChatModel
from services.exercises.ports import ChatModel
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.kit.channels import open_channel
from services.kit.errors import DeadlineExceeded, FailedPrecondition, NotFound
from services.kit.server import running
from services.llm.app import build
from services.llm.settings import LlmSettings
from tests.fakes.llm_in_process import STREAM_ENDS, streaming
from tests.fakes.openai_server import Script, ScriptedProvider
from tests.waiting import at_once, eventually
from tiku.llm.v1 import llm_pb2

SCHEMA = {"type": "object", "properties": {"stem": {"type": "string"}, "answer": {}}, "required": ["stem", "answer"]}
REQUEST = ChatRequest(
    messages=(Message("system", "You are a teacher. 你是老师。"), Message("user", "Ask.")),
    schema_name="question",
    schema=SCHEMA,
    max_tokens=77,
    temperature=0.25,
    model="scripted",
    seed=0,
)
PIECES = ('{"stem"', ': "光合', '作用", ', '"answer', '": 1}  ')
TEXT = "".join(PIECES)


@dataclass
class Opened:
    """A model, and what stands behind it."""

    model: ChatModel
    stopped: Callable[[], Awaitable[None]]
    """Waits for the end of a call that was left early."""
    received: Callable[[], list[dict[str, Any]]]
    """The calls that came in."""


Open = Callable[..., AbstractAsyncContextManager[Opened]]


@asynccontextmanager
async def _fake(
    *, pieces: Sequence[str] = PIECES, pause: float = 0.0, truncated: bool = False, configured: bool = True,
    timeout: float = 10.0,
) -> AsyncIterator[Opened]:  # fmt: skip
    def script(request: ChatRequest) -> str | Exception:
        if not configured:
            return FailedPrecondition("No chat provider is configured.", reason="NO_CHAT_PROVIDER")
        if request.model != "scripted":
            return NotFound("There is no such model.", reason="MODEL_NOT_FOUND")
        return "".join(pieces)

    model = FakeChatModel(script, piece=len(pieces[0]), pause=pause, timeout=timeout, truncated=truncated)

    async def stopped() -> None:
        assert (model.open, model.stopped_early) == (0, 1)

    def received() -> list[dict[str, Any]]:
        return [
            {
                "messages": [{"role": message.role, "content": message.content} for message in request.messages],
                "name": request.schema_name,
                "schema": request.schema,
                "options": (request.max_tokens, request.temperature, request.seed),
            }
            for request in model.tasks
        ]

    yield Opened(model, stopped, received)


@asynccontextmanager
async def _llm(
    *, pieces: Sequence[str] = PIECES, pause: float = 0.0, truncated: bool = False, configured: bool = True,
    timeout: float = 10.0,
) -> AsyncIterator[Opened]:  # fmt: skip
    script = Script(tokens=pieces, pace=pause, finish_reason="length" if truncated else "stop")
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(ScriptedProvider(lambda _: script))
        base_url, name = (provider.base_url, "scripted") if configured else ("", "")
        settings = LlmSettings(llm_base_url=base_url, llm_model=name, drain_seconds=0.2)
        app = await build(settings, stack)
        server = await stack.enter_async_context(running(app, "127.0.0.1:0", settings))
        channel = await stack.enter_async_context(open_channel(server.address))

        async def stopped() -> None:
            await provider.departure()

        def received() -> list[dict[str, Any]]:
            return [
                {
                    "messages": body["messages"],
                    "name": body["response_format"]["json_schema"]["name"],
                    "schema": body["response_format"]["json_schema"]["schema"],
                    "options": (body["max_tokens"], body["temperature"], body["seed"]),
                }
                for body in (request.body for request in provider.requests)
            ]

        yield Opened(LlmChatModel(channel, timeout=timeout), stopped, received)


@pytest.fixture(params=[_fake, _llm], ids=["fake", "llm"])
def opening(request: pytest.FixtureRequest) -> Open:
    """Open a model of one kind that writes `pieces`, each after `pause` seconds."""
    opened: Open = request.param
    return opened


async def _answer(model: ChatModel, request: ChatRequest = REQUEST) -> list[str | ChatFinish]:
    async with model.stream(request) as parts:
        return [part async for part in parts]


async def test_texts_come_in_order_and_then_one_finish(opening: Open) -> None:
    async with opening() as opened:
        *texts, finish = await _answer(opened.model)
    assert "".join(text for text in texts if isinstance(text, str)) == TEXT
    assert all(isinstance(text, str) for text in texts)
    assert isinstance(finish, ChatFinish)
    assert finish.model
    assert finish.usage.prompt_tokens > 0
    assert finish.usage.completion_tokens > 0
    assert not finish.truncated


async def test_the_first_text_does_not_wait_for_the_last(opening: Open) -> None:
    async with (
        opening(pieces=PIECES[:1] * 50, pause=0.05) as opened,
        opened.model.stream(REQUEST) as parts,
        at_once(1.5),
    ):
        assert isinstance(await anext(parts), str)


async def test_an_answer_that_the_token_limit_cut_says_so(opening: Open) -> None:
    async with opening(truncated=True) as opened:
        finish = (await _answer(opened.model))[-1]
    assert isinstance(finish, ChatFinish)
    assert finish.truncated


async def test_the_model_gets_messages_schema_and_options_as_they_were_given(opening: Open) -> None:
    async with opening() as opened:
        await _answer(opened.model)
        (received,) = opened.received()
    assert received == {
        "messages": [{"role": message.role, "content": message.content} for message in REQUEST.messages],
        "name": "question",
        "schema": SCHEMA,
        "options": (77, 0.25, 0),
    }
    assert list(received["schema"]["properties"]) == ["stem", "answer"]


async def test_answers_side_by_side_stay_apart(opening: Open) -> None:
    async with opening(pause=0.01) as opened:
        answers = await asyncio.gather(*(_answer(opened.model) for _ in range(5)))
    assert ["".join(part for part in parts if isinstance(part, str)) for parts in answers] == [TEXT] * 5


async def test_without_a_provider_there_is_no_text_and_the_reason_is_known(opening: Open) -> None:
    async with opening(configured=False) as opened, opened.model.stream(REQUEST) as parts:
        with pytest.raises(FailedPrecondition) as refused:
            await anext(parts)
    assert refused.value.reason == "NO_CHAT_PROVIDER"


async def test_an_error_of_the_service_keeps_its_kind_and_reason(opening: Open) -> None:
    request = ChatRequest(REQUEST.messages, "question", SCHEMA, max_tokens=5, model="absent")
    async with opening() as opened:
        with pytest.raises(NotFound) as refused:
            await _answer(opened.model, request)
    assert refused.value.reason == "MODEL_NOT_FOUND"


async def test_a_model_that_takes_too_long_is_left(opening: Open) -> None:
    async with opening(pieces=PIECES[:1] * 500, pause=0.05, timeout=1.0) as opened:
        began = time.monotonic()
        async with at_once(3):
            with pytest.raises(DeadlineExceeded):
                await _answer(opened.model)
        assert time.monotonic() - began > 0.9
        if opened.received():  # A machine may be too busy to send it within its time.
            await opened.stopped()


async def test_leaving_the_context_stops_the_model_within_100_ms(opening: Open) -> None:
    async with opening(pieces=PIECES[:1] * 500, pause=0.02) as opened, AsyncExitStack() as leaving:
        await anext(await leaving.enter_async_context(opened.model.stream(REQUEST)))
        async with at_once():
            await leaving.aclose()
            await opened.stopped()


async def test_cancelling_the_reader_stops_the_model_within_100_ms(opening: Open) -> None:
    async with opening(pieces=PIECES[:1] * 500, pause=0.02) as opened:
        reading = asyncio.create_task(_answer(opened.model))
        await eventually(lambda: bool(opened.received()))
        await asyncio.sleep(0.05)
        async with at_once():
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await opened.stopped()


@pytest.mark.parametrize(("delta", "reason", "expected"), STREAM_ENDS.values(), ids=STREAM_ENDS)
async def test_what_is_no_text_is_not_written_and_is_known_at_the_end(
    delta: llm_pb2.ChatDelta, reason: llm_pb2.FinishReason.ValueType, expected: tuple[bool, bool]
) -> None:
    async with streaming(delta, reason) as channel:
        *texts, finish = await _answer(LlmChatModel(channel, timeout=10))
    assert "".join(text for text in texts if isinstance(text, str)) == delta.text
    assert isinstance(finish, ChatFinish)
    assert (finish.refused, finish.thought) == expected
