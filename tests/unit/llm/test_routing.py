"""Which provider answers, how often it is tried, and what the ledger says."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from services.common.values import TokenUsage
from services.kit.errors import ResourceExhausted, TikuError
from services.llm.adapters.providers.fake import FakeChatProvider, FakeTurn
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.capacity import Capacity
from services.llm.domain.ledger import Ledger, Tally
from services.llm.domain.routing import ChatRouter, FixedTable, RetryPolicy
from services.llm.domain.targets import Backend, Served, routing_table
from services.llm.ports import ChatProvider
from services.llm.values.chat import ChatFinish, ChatMessage, ChatRequest, Completion, FinishReason, Role, TextDelta
from services.llm.values.providers import Model, Provider, Providers
from tests.waiting import at_once, turns

MESSAGES = (ChatMessage(Role.USER, "Why?"),)
DOWN = faults.unavailable("a", "down")


class House:
    """A router over fakes."""

    def __init__(self, slots: int = 8, attempts: int = 3, **providers: tuple[FakeChatProvider, list[str]]) -> None:
        self.ledger = Ledger()
        backends: list[Backend[ChatProvider]] = [
            Backend(
                Provider(name=name, base_url="http://x", models=tuple(Model(name=model) for model in models)),
                provider,
                Capacity(Bulkhead(name, slots, max_waiting=0, max_wait_seconds=5)),
            )
            for name, (provider, models) in providers.items()
        ]
        configured = Providers(providers=tuple(backend.provider for backend in backends))
        tables = FixedTable(routing_table(configured, backends))
        retry = RetryPolicy(attempts, first_wait_seconds=0.001)
        self.router = ChatRouter(tables, self.ledger, retry, faults.NO_CHAT)

    async def stream(self, model: str = "", timeout: float = 5) -> list[TextDelta | tuple[ChatFinish, Served]]:
        async with aclosing(self.router.stream(ChatRequest(model, MESSAGES), timeout)) as events:
            return [event async for event in events]

    async def complete(self, model: str = "", timeout: float = 5) -> tuple[Completion, Served]:
        return await self.router.complete(ChatRequest(model, MESSAGES), timeout)


async def test_no_model_means_the_first_of_the_first() -> None:
    a, b = FakeChatProvider(), FakeChatProvider()
    house = House(a=(a, ["small", "large"]), b=(b, ["other"]))
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
    house = House(a=(FakeChatProvider(), ["small"]))
    for call in (house.complete, house.stream):
        with pytest.raises(TikuError) as caught:
            await call("huge")
        assert (caught.value.reason, caught.value.status) == ("MODEL_NOT_FOUND", "NOT_FOUND")
    assert house.ledger.tallies() == []


async def test_nothing_configured_says_what_to_set() -> None:
    for call in (House().complete, House().stream):
        with pytest.raises(TikuError, match="TIKU_LLM_BASE_URL") as caught:
            await call()
        assert (caught.value.reason, caught.value.status) == ("NO_CHAT_PROVIDER", "FAILED_PRECONDITION")


async def test_a_passing_fault_is_tried_again() -> None:
    provider = FakeChatProvider(FakeTurn(error=DOWN), FakeTurn(error=DOWN), FakeTurn(usage=TokenUsage(5, 4)))
    house = House(a=(provider, ["m"]))
    completion, _ = await house.complete()
    assert completion.text == "Hello, world!"
    assert house.ledger.tallies() == [Tally("a", "m", calls=3, failed=2, tokens=TokenUsage(5, 4))]


async def test_a_passing_fault_before_the_first_token_of_a_stream_is_tried_again() -> None:
    provider = FakeChatProvider(FakeTurn(error=DOWN), FakeTurn())
    house = House(a=(provider, ["m"]))
    events = await house.stream()
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hello", ",", " world", "!"]
    assert len(provider.prompts) == 2


async def test_after_the_first_token_nothing_is_tried_again() -> None:
    provider = FakeChatProvider(FakeTurn(error=DOWN, error_at=1), FakeTurn())
    house = House(a=(provider, ["m"]))
    with pytest.raises(TikuError) as caught:
        await house.stream()
    assert caught.value is DOWN
    assert len(provider.prompts) == 1
    assert house.ledger.tallies() == [Tally("a", "m", calls=1, failed=1, tokens=TokenUsage(0, 1))]


async def test_tries_are_bounded_and_the_last_error_is_told() -> None:
    provider = FakeChatProvider(*(FakeTurn(error=DOWN) for _ in range(9)))
    house = House(a=(provider, ["m"]))
    for call in (house.complete, house.stream):
        provider.prompts.clear()
        with pytest.raises(TikuError) as caught:
            await call()
        assert caught.value is DOWN
        assert len(provider.prompts) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 413, 418])
async def test_a_fault_that_stays_is_not_tried_again(status: int) -> None:
    provider = FakeChatProvider(FakeTurn(error=faults.from_status("a", "m", status, b"")))
    house = House(a=(provider, ["m"]))
    with pytest.raises(TikuError):
        await house.complete()
    assert len(provider.prompts) == 1


async def test_the_next_try_goes_to_the_next_provider_of_the_model() -> None:
    a, b = FakeChatProvider(FakeTurn(error=DOWN)), FakeChatProvider()
    house = House(a=(a, ["m"]), b=(b, ["m"]))
    _, served = await house.complete()
    assert served == Served("m", "b")


async def test_a_rate_limit_is_waited_for_only_where_there_is_time() -> None:
    def limited(seconds: str) -> FakeTurn:
        return FakeTurn(error=faults.from_status("a", "m", 429, b"", {"retry-after": seconds}))

    provider = FakeChatProvider(limited("0.05"), FakeTurn())
    house = House(a=(provider, ["m"]))
    started = asyncio.get_running_loop().time()
    await house.complete()
    assert asyncio.get_running_loop().time() - started >= 0.05
    for seconds, timeout in (("0.5", 0.3), ("60", 300)):
        provider.turns.append(limited(seconds))
        async with at_once():
            with pytest.raises(ResourceExhausted) as caught:
                await house.complete(timeout=timeout)
        assert caught.value.retry_after == float(seconds)


async def test_a_deadline_that_is_past_starts_no_call() -> None:
    provider = FakeChatProvider()
    house = House(a=(provider, ["m"]))
    for call in (house.complete, house.stream):
        for timeout in (0.0, -1.0):
            with pytest.raises(TikuError) as caught:
                await call(timeout=timeout)
            assert caught.value.status == "DEADLINE_EXCEEDED"
    assert provider.prompts == []
    assert house.ledger.tallies() == []


async def test_a_full_provider_refuses_and_a_stream_gives_its_slot_back() -> None:
    provider = FakeChatProvider(FakeTurn(hang_at=1), FakeTurn())
    house = House(slots=1, a=(provider, ["m"]))
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
    house = House(a=(provider, ["m"]))
    task = asyncio.create_task(house.stream())
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert provider.cancelled_at == [position]
    assert house.ledger.tallies() == [Tally("a", "m", calls=1, cancelled=1, tokens=TokenUsage(0, position))]


async def test_a_stream_without_usage_is_counted_by_what_came() -> None:
    house = House(a=(FakeChatProvider(FakeTurn(), FakeTurn(usage=TokenUsage(7, 9))), ["m"]))
    await house.stream()
    await house.stream()
    assert house.ledger.tallies() == [Tally("a", "m", calls=2, tokens=TokenUsage(7, 13))]


async def test_cancelling_while_waiting_for_the_next_try_ends_at_once() -> None:
    provider = FakeChatProvider(FakeTurn(error=faults.from_status("a", "m", 429, b"", {"retry-after": "4"})))
    house = House(a=(provider, ["m"]))
    task = asyncio.create_task(house.complete(timeout=60))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(provider.prompts) == 1
