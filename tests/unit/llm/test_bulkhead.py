"""Slots and the line in front of them."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.errors import ResourceExhausted
from services.llm.domain.bulkhead import Bulkhead


async def _hold(bulkhead: Bulkhead, release: asyncio.Event, entered: list[int], number: int) -> None:
    async with bulkhead.slot(5):
        entered.append(number)
        await release.wait()


async def test_one_more_than_slots_waits_and_one_more_than_the_line_is_refused() -> None:
    bulkhead = Bulkhead("p", slots=2, max_waiting=1, max_wait_seconds=5)
    release = asyncio.Event()
    entered: list[int] = []
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(_hold(bulkhead, release, entered, number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert entered == [0, 1]
        assert bulkhead.waiting == 1
        with pytest.raises(ResourceExhausted) as caught:
            async with bulkhead.slot(5):
                pytest.fail("entered a full house")
        assert caught.value.reason == "PROVIDER_BUSY"
        assert caught.value.retry_after is not None
        assert caught.value.retry_after > 0
        release.set()
    assert entered == [0, 1, 2]
    assert bulkhead.waiting == 0


@pytest.mark.parametrize(("timeout", "patience"), [(0.02, 5), (5, 0.02)])
async def test_a_wait_ends_with_the_callers_time_or_our_patience(timeout: float, patience: float) -> None:
    bulkhead = Bulkhead("p", slots=1, max_waiting=1, max_wait_seconds=patience)
    async with bulkhead.slot(5):
        with pytest.raises(ResourceExhausted):
            async with bulkhead.slot(timeout):
                pytest.fail("entered a full house")
    async with bulkhead.slot(0.01):
        pass


async def test_whoever_leaves_the_line_takes_no_slot_along() -> None:
    bulkhead = Bulkhead("p", slots=1, max_waiting=5, max_wait_seconds=5)
    release = asyncio.Event()
    entered: list[int] = []
    holder = asyncio.create_task(_hold(bulkhead, release, entered, 0))
    await asyncio.sleep(0)
    waiters = [asyncio.create_task(_hold(bulkhead, release, entered, number)) for number in (1, 2)]
    await asyncio.sleep(0)
    waiters[0].cancel()
    release.set()
    await asyncio.gather(holder, *waiters, return_exceptions=True)
    assert entered == [0, 2]
    async with bulkhead.slot(0.01):
        pass


async def test_a_failing_call_gives_its_slot_back() -> None:
    bulkhead = Bulkhead("p", slots=1, max_waiting=0, max_wait_seconds=5)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with bulkhead.slot(0.01):
                raise ZeroDivisionError
