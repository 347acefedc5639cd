"""What retrieval's ChatModel promises: the fake, and the llm service as chat model."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from services.kit.channels import Channel
from services.kit.errors import DeadlineExceeded, FailedPrecondition, TikuError, Unavailable
from services.retrieval.adapters.clients.fake import FakeChatModel
from services.retrieval.adapters.clients.llm import LlmChatModel
from services.retrieval.ports import ChatModel
from services.retrieval.values.chat import ChatFinish, ChatMessage, ChatRequest
from tests.fakes.llm_in_process import STREAM_ENDS, llm_service, streaming, time_left
from tests.fakes.openai_server import Script, ScriptedProvider
from tests.waiting import at_once
from tiku.llm.v1 import llm_pb2

REQUEST = ChatRequest((ChatMessage("system", "Be short."), ChatMessage("user", "水?")), "", 77)
PIECES = ("Photo", "synthesis", " 光合", "作用", " ends", ".")

Writing = Callable[..., ChatModel]
"""Makes a model that writes pieces, at a pace in seconds, and then ends or fails."""


@pytest.fixture
async def channel(provider: ScriptedProvider) -> AsyncIterator[Channel]:
    async with llm_service(provider) as channel:
        yield channel


@pytest.fixture(params=["fake", "llm"])
def writing(request: pytest.FixtureRequest, provider: ScriptedProvider, channel: Channel) -> Writing:
    def model(pieces: Sequence[str], pace: float = 0.0, *, fails: bool = False) -> ChatModel:
        if request.param == "fake":
            return FakeChatModel(pieces, delay=pace, error=Unavailable("The model is gone.") if fails else None)
        provider.answer(Script(tokens=pieces, pace=pace, cut_at=len(pieces) if fails else None))
        return LlmChatModel(channel, 30)

    return model


async def written(model: ChatModel, request: ChatRequest = REQUEST) -> list[str | ChatFinish]:
    async with contextlib.aclosing(model.stream(request)) as stream:
        return [item async for item in stream]


async def test_the_text_comes_whole_and_ends_with_one_finish(writing: Writing) -> None:
    *texts, finish = await written(writing(PIECES))
    assert isinstance(finish, ChatFinish)
    assert "".join(text for text in texts if isinstance(text, str)) == "".join(PIECES)
    assert not any(isinstance(text, ChatFinish) for text in texts)
    assert finish.usage.completion_tokens > 0
    assert finish.usage.total_tokens == finish.usage.prompt_tokens + finish.usage.completion_tokens
    assert (finish.model, finish.truncated) == ("scripted", False)


async def test_text_comes_as_it_is_written(writing: Writing) -> None:
    async with contextlib.aclosing(writing(["first ", "second"], 0.3).stream(REQUEST)) as stream:
        assert await anext(stream) == "first "


async def test_a_model_that_breaks_off_is_an_error_after_what_it_wrote(writing: Writing) -> None:
    texts: list[str | ChatFinish] = []
    with pytest.raises(TikuError) as caught:
        async for item in writing(PIECES, fails=True).stream(REQUEST):
            texts.append(item)
    assert isinstance(caught.value, Unavailable)
    assert "".join(text for text in texts if isinstance(text, str)) == "".join(PIECES)


async def test_a_model_can_be_asked_by_its_name(writing: Writing) -> None:
    request = ChatRequest(REQUEST.messages, "scripted", 5)
    finish = (await written(writing(PIECES), request))[-1]
    assert isinstance(finish, ChatFinish)
    assert finish.model == "scripted"


async def test_the_request_arrives_as_it_is(provider: ScriptedProvider, channel: Channel) -> None:
    await written(LlmChatModel(channel, 30))
    body = provider.requests[0].body
    assert body["messages"] == [{"role": "system", "content": "Be short."}, {"role": "user", "content": "水?"}]
    assert (body["temperature"], body["max_tokens"]) == (0, 77)


async def test_a_schema_arrives_as_it_is(provider: ScriptedProvider, channel: Channel) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    await written(LlmChatModel(channel, 30), ChatRequest(REQUEST.messages, "", 5, "letters", schema))
    sent = provider.requests[0].body["response_format"]["json_schema"]
    assert (sent["name"], sent["schema"]) == ("letters", schema)


async def test_an_answer_that_a_limit_cut_says_so(provider: ScriptedProvider, channel: Channel) -> None:
    provider.answer(Script(finish_reason="length"))
    finish = (await written(LlmChatModel(channel, 30)))[-1]
    assert isinstance(finish, ChatFinish)
    assert finish.truncated


async def test_without_a_model_the_reason_says_so() -> None:
    async with llm_service(None) as channel:
        with pytest.raises(FailedPrecondition) as caught:
            await written(LlmChatModel(channel, 30))
    assert caught.value.reason == "NO_CHAT_PROVIDER"


async def test_a_failure_is_raised_with_its_reason(provider: ScriptedProvider, channel: Channel) -> None:
    provider.answer(Script(status=503))
    with pytest.raises(Unavailable) as caught:
        await written(LlmChatModel(channel, 30))
    assert caught.value.reason == "PROVIDER_UNAVAILABLE"


async def test_a_fakes_reader_that_leaves_stops_it() -> None:
    model = FakeChatModel(["word "], endless=True, delay=0.001)
    async with contextlib.aclosing(model.stream(REQUEST)) as stream:
        await anext(stream)
    assert model.closed


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_leaving_reaches_the_provider_within_100_ms(
    provider: ScriptedProvider, channel: Channel, how: str
) -> None:
    provider.answer(Script(tokens=["word "] * 1000, pace=0.005))
    reading = asyncio.Event()
    stream = LlmChatModel(channel, 30).stream(REQUEST)

    async def read() -> None:
        async with contextlib.aclosing(stream):
            async for _ in stream:
                reading.set()
                if how == "close":
                    return

    task = asyncio.create_task(read())
    await reading.wait()
    async with at_once():
        if how == "cancel":
            task.cancel()
        await asyncio.wait((task,))
        await provider.departure()


@pytest.mark.parametrize(("timeout", "left"), [(0.3, 30.0), (30.0, 0.3)])
async def test_the_shorter_of_timeout_and_deadline_ends_the_answer(
    provider: ScriptedProvider, channel: Channel, timeout: float, left: float
) -> None:
    provider.answer(Script(hang_at=1))
    async with at_once(10):
        with time_left(left), pytest.raises(DeadlineExceeded):
            await written(LlmChatModel(channel, timeout))
    await provider.departure()


@pytest.mark.parametrize(("delta", "reason", "expected"), STREAM_ENDS.values(), ids=STREAM_ENDS)
async def test_what_is_no_text_is_not_written_and_is_known_at_the_end(
    delta: llm_pb2.ChatDelta, reason: llm_pb2.FinishReason.ValueType, expected: tuple[bool, bool]
) -> None:
    async with streaming(delta, reason) as channel:
        *texts, finish = await written(LlmChatModel(channel, 10))
    assert "".join(text for text in texts if isinstance(text, str)) == delta.text
    assert isinstance(finish, ChatFinish)
    assert (finish.refused, finish.thought) == expected
