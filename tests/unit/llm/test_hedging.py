"""A second provider beside one that is slower than it nearly always is."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from services.common.values import TokenUsage
from services.kit.errors import TikuError
from services.llm.adapters.providers.fake import FakeChatProvider, FakeTurn
from services.llm.domain import faults
from services.llm.values.chat import ChatRequest, TextDelta
from services.llm.values.providers import Strategy
from services.llm.values.spending import Spending
from tests.fakes.routed_chats import MESSAGES, RoutedChats
from tests.waiting import at_once, turns

DOWN = faults.unavailable("a", "down")
CALLS = ["stream", "complete"]


def _house(a: FakeChatProvider, b: FakeChatProvider, *, seen: int = 60, **options: Any) -> RoutedChats:
    """Providers of which the first was seen to answer within 10 ms, so often that three hedges are saved."""
    house = RoutedChats(strategy=Strategy.HEDGED, **{"a": (a, ["m"]), "b": (b, ["m"]), **options})
    for _ in range(seen):
        house.health("a").first_token.record(0.01)
        house.health("a").whole.record(0.01)
        house.router._hedges.earn()
    return house


async def _answer(house: RoutedChats, call: str) -> str:
    """The provider that answered."""
    if call == "complete":
        completion, served = await house.complete("m")
        assert completion.text == "Hello, world!"
        return served.provider
    events = await house.stream("m")
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello, world!"
    assert isinstance(events[-1], tuple)
    return events[-1][1].provider


@pytest.mark.parametrize("call", CALLS)
async def test_a_slow_first_one_is_overtaken_closed_and_counted(call: str) -> None:
    a, b = FakeChatProvider(FakeTurn(hang_at=0)), FakeChatProvider()
    house = _house(a, b)
    async with at_once(0.5):
        assert await _answer(house, call) == "b"
    assert (a.active, a.cancelled_at) == (0, [0])
    spent = await house.spent()
    assert spent["a"] == Spending(calls=1, cancelled=1, estimated=1, tokens=TokenUsage(1, 0))
    assert (spent["b"].calls, spent["b"].cancelled) == (1, 0)


@pytest.mark.parametrize("call", CALLS)
async def test_a_first_one_that_is_late_but_sooner_than_the_second_stays(call: str) -> None:
    a, b = FakeChatProvider(FakeTurn(pace=0.03)), FakeChatProvider(FakeTurn(hang_at=0))
    house = _house(a, b)
    assert await _answer(house, call) == "a"
    assert (b.active, b.cancelled_at) == (0, [0])


@pytest.mark.parametrize("call", CALLS)
async def test_a_fast_failure_is_fallback_and_no_hedge(call: str) -> None:
    a, b = FakeChatProvider(FakeTurn(error=DOWN)), FakeChatProvider()
    house = _house(a, b)
    left = house.router._hedges._balance
    assert await _answer(house, call) == "b"
    assert house.router._hedges._balance > left


async def test_nobody_is_hedged_before_times_are_known() -> None:
    a, b = FakeChatProvider(FakeTurn(pace=0.03)), FakeChatProvider()
    assert await _answer(_house(a, b, seen=10), "stream") == "a"
    assert b.prompts == []


async def test_only_spare_capacity_is_used() -> None:
    a, b = FakeChatProvider(FakeTurn(pace=0.03)), FakeChatProvider()
    assert await _answer(_house(a, b, slots=1), "stream") == "a"
    assert b.prompts == []


async def test_hedges_are_at_most_a_twentieth_of_the_calls() -> None:
    a, b = FakeChatProvider(*[FakeTurn(pace=0.005)] * 200), FakeChatProvider()
    house = RoutedChats(slots=256, strategy=Strategy.HEDGED, a=(a, ["m"]), b=(b, ["m"]))
    for _ in range(60):
        house.health("a").first_token.record(0.0001)
    await asyncio.gather(*(house.stream("m") for _ in range(200)))
    assert 0 < len(b.prompts) <= 10


async def test_where_both_fail_the_next_one_is_asked() -> None:
    a, b, c = FakeChatProvider(FakeTurn(hang_at=0)), FakeChatProvider(FakeTurn(error=DOWN)), FakeChatProvider()
    limits = {"first_token_timeout_seconds": 0.1}
    house = _house(a, b, limits=limits, more={"c": (c, ["m"])})
    assert await _answer(house, "stream") == "c"
    assert (len(a.prompts), len(b.prompts), len(c.prompts)) == (1, 1, 1)


async def test_after_the_first_token_a_fault_is_the_callers() -> None:
    a = FakeChatProvider(FakeTurn(hang_at=0))
    b = FakeChatProvider(FakeTurn(error=DOWN, error_at=2, usage=TokenUsage(1, 1)))
    house = _house(a, b)
    with pytest.raises(TikuError) as caught:
        await house.stream("m")
    assert caught.value is DOWN
    assert len(a.prompts) == 1


@pytest.mark.parametrize("wait", [0.0, 0.03])
async def test_a_caller_that_leaves_closes_both(wait: float) -> None:
    a, b = FakeChatProvider(FakeTurn(hang_at=0)), FakeChatProvider(FakeTurn(hang_at=0))
    house = _house(a, b)
    task = asyncio.create_task(house.stream("m"))
    await turns(20)
    await asyncio.sleep(wait)
    async with at_once():
        task.cancel()
        await asyncio.wait([task])
    assert (a.active, b.active) == (0, 0)


@pytest.mark.parametrize("position", range(1, 5))
async def test_a_caller_that_leaves_the_winner_at_any_token_closes_it(position: int) -> None:
    a, b = FakeChatProvider(FakeTurn(hang_at=0)), FakeChatProvider(FakeTurn(hang_at=position))
    house = _house(a, b)
    async with aclosing(house.router.stream(ChatRequest("m", MESSAGES), 5)) as events:
        for _ in range(position):
            assert isinstance(await anext(events), TextDelta)
        assert a.active == 0
    assert b.active == 0
    assert b.cancelled_at == [position]
