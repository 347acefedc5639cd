"""Which provider answers, how often it is tried, and what the ledger says."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from services.common.values import TokenUsage
from services.kit.errors import ResourceExhausted, TikuError
from services.llm.adapters.providers.fake import FakeChatProvider, FakeTurn
from services.llm.domain import faults
from services.llm.domain.targets import Served
from services.llm.values.chat import ChatFinish, ChatRequest, FinishReason, TextDelta
from services.llm.values.spending import Spending
from tests.fakes.routed_chats import MESSAGES, RoutedChats
from tests.waiting import at_once, turns

DOWN = faults.unavailable("a", "down")


async def test_no_model_means_the_first_of_the_first() -> None:
    a, b = FakeChatProvider(), FakeChatProvider()
    house = RoutedChats(a=(a, ["small", "large"]), b=(b, ["other"]))
    _, served = await house.complete()
    assert served == Served("small", "a")
    assert [prompt.model for prompt in a.prompts] == ["small"]
    assert (await house.complete("other"))[1] == Served("other", "b")
    assert (await house.stream("large"))[-1] == (
        ChatFinish(FinishReason.STOP, TokenUsage(completion_tokens=4)),
        Served("large", "a"),
    )
    assert house.router.served == [Served("small", "a"), Served("large", "a"), Served("other", "b")]


async def test_a_model_that_nobody_serves_is_not_found() -> None:
    house = RoutedChats(a=(FakeChatProvider(), ["small"]))
    for call in (house.complete, house.stream):
        with pytest.raises(TikuError) as caught:
            await call("huge")
        assert (caught.value.reason, caught.value.status) == ("MODEL_NOT_FOUND", "NOT_FOUND")
    assert await house.spent() == {}


async def test_nothing_configured_says_what_to_set() -> None:
    for call in (RoutedChats().complete, RoutedChats().stream):
        with pytest.raises(TikuError, match="TIKU_LLM_BASE_URL") as caught:
            await call()
        assert (caught.value.reason, caught.value.status) == ("NO_CHAT_PROVIDER", "FAILED_PRECONDITION")


async def test_a_passing_fault_is_tried_again() -> None:
    provider = FakeChatProvider(FakeTurn(error=DOWN), FakeTurn(error=DOWN), FakeTurn(usage=TokenUsage(5, 4)))
    house = RoutedChats(a=(provider, ["m"]))
    completion, _ = await house.complete()
    assert completion.text == "Hello, world!"
    assert await house.spent() == {"a": Spending(calls=3, failed=2, tokens=TokenUsage(5, 4))}


async def test_a_passing_fault_before_the_first_token_of_a_stream_is_tried_again() -> None:
    provider = FakeChatProvider(FakeTurn(error=DOWN), FakeTurn())
    house = RoutedChats(a=(provider, ["m"]))
    events = await house.stream()
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hello", ",", " world", "!"]
    assert len(provider.prompts) == 2


async def test_after_the_first_token_nothing_is_tried_again() -> None:
    provider = FakeChatProvider(FakeTurn(error=DOWN, error_at=1), FakeTurn())
    house = RoutedChats(a=(provider, ["m"]))
    with pytest.raises(TikuError) as caught:
        await house.stream()
    assert caught.value is DOWN
    assert len(provider.prompts) == 1
    assert await house.spent() == {"a": Spending(calls=1, failed=1, estimated=1, tokens=TokenUsage(1, 1))}


async def test_tries_are_bounded_and_the_last_error_is_told() -> None:
    provider = FakeChatProvider(*(FakeTurn(error=DOWN) for _ in range(9)))
    house = RoutedChats(a=(provider, ["m"]))
    for call in (house.complete, house.stream):
        provider.prompts.clear()
        with pytest.raises(TikuError) as caught:
            await call()
        assert caught.value is DOWN
        assert len(provider.prompts) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 413, 418])
async def test_a_fault_that_stays_is_not_tried_again(status: int) -> None:
    provider = FakeChatProvider(FakeTurn(error=faults.from_status("a", "m", status, b"")))
    house = RoutedChats(a=(provider, ["m"]))
    with pytest.raises(TikuError):
        await house.complete()
    assert len(provider.prompts) == 1


async def test_the_next_try_goes_to_the_next_provider_of_the_model() -> None:
    a, b = FakeChatProvider(FakeTurn(error=DOWN)), FakeChatProvider()
    house = RoutedChats(a=(a, ["m"]), b=(b, ["m"]))
    _, served = await house.complete()
    assert served == Served("m", "b")


def _limited(seconds: str) -> FakeTurn:
    return FakeTurn(error=faults.from_status("a", "m", 429, b"", {"retry-after": seconds}))


async def test_a_rate_limit_is_waited_for() -> None:
    provider = FakeChatProvider(_limited("0.05"), FakeTurn())
    house = RoutedChats(a=(provider, ["m"]))
    started = asyncio.get_running_loop().time()
    await house.complete()
    assert asyncio.get_running_loop().time() - started >= 0.05


@pytest.mark.parametrize(("seconds", "timeout"), [("0.5", 0.3), ("60", 300)])
async def test_a_rate_limit_is_not_waited_for_where_there_is_no_time(seconds: str, timeout: float) -> None:
    provider = FakeChatProvider(_limited(seconds))
    house = RoutedChats(a=(provider, ["m"]))
    for _ in range(2):
        async with at_once():
            with pytest.raises(ResourceExhausted) as caught:
                await house.complete(timeout=timeout)
        assert caught.value.reason == "PROVIDER_RATE_LIMITED"
        assert caught.value.retry_after == pytest.approx(float(seconds), abs=0.4)
    assert len(provider.prompts) == 1, "it asked not to be asked"


async def test_a_deadline_that_is_past_starts_no_call() -> None:
    provider = FakeChatProvider()
    house = RoutedChats(a=(provider, ["m"]))
    for call in (house.complete, house.stream):
        for timeout in (0.0, -1.0):
            with pytest.raises(TikuError) as caught:
                await call(timeout=timeout)
            assert caught.value.status == "DEADLINE_EXCEEDED"
    assert provider.prompts == []
    assert await house.spent() == {}


async def test_a_full_provider_refuses_and_a_stream_gives_its_slot_back() -> None:
    provider = FakeChatProvider(FakeTurn(hang_at=1), FakeTurn())
    house = RoutedChats(slots=1, a=(provider, ["m"]))
    async with aclosing(house.router.stream(ChatRequest("", MESSAGES), 5)) as events:
        assert await anext(events) == TextDelta("Hello")
        with pytest.raises(ResourceExhausted) as caught:
            await house.complete()
        assert caught.value.reason == "PROVIDER_BUSY"
    assert provider.active == 0
    await house.complete()


@pytest.mark.parametrize("position", range(5))
async def test_a_cancelled_stream_counts_the_tokens_that_came(position: int) -> None:
    provider = FakeChatProvider(FakeTurn(hang_at=position))
    house = RoutedChats(a=(provider, ["m"]))
    task = asyncio.create_task(house.stream())
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert provider.cancelled_at == [position]
    assert await house.spent() == {"a": Spending(calls=1, cancelled=1, estimated=1, tokens=TokenUsage(1, position))}


async def test_a_stream_without_usage_is_counted_by_what_came() -> None:
    house = RoutedChats(a=(FakeChatProvider(FakeTurn(), FakeTurn(usage=TokenUsage(7, 9))), ["m"]))
    await house.stream()
    await house.stream()
    assert await house.spent() == {"a": Spending(calls=2, estimated=1, tokens=TokenUsage(8, 13))}


async def test_cancelling_while_waiting_for_the_next_try_ends_at_once() -> None:
    provider = FakeChatProvider(FakeTurn(error=faults.from_status("a", "m", 429, b"", {"retry-after": "4"})))
    house = RoutedChats(a=(provider, ["m"]))
    task = asyncio.create_task(house.complete(timeout=60))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(provider.prompts) == 1
