"""Slots and the line in front of them."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.errors import ResourceExhausted
from services.llm.domain.admission import Admission


async def _hold(admission: Admission, release: asyncio.Event, entered: list[int], number: int) -> None:
    async with admission.slot(5):
        entered.append(number)
        await release.wait()


async def test_one_more_than_slots_waits_and_one_more_than_the_line_is_refused() -> None:
    admission = Admission("p", slots=2, line=1, patience=5)
    release = asyncio.Event()
    entered: list[int] = []
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(_hold(admission, release, entered, number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert entered == [0, 1]
        assert admission.waiting == 1
        with pytest.raises(ResourceExhausted) as caught:
            async with admission.slot(5):
                pytest.fail("entered a full house")
        assert caught.value.reason == "PROVIDER_BUSY"
        assert caught.value.retry_after is not None
        assert caught.value.retry_after > 0
        release.set()
    assert entered == [0, 1, 2]
    assert admission.waiting == 0


@pytest.mark.parametrize(("timeout", "patience"), [(0.02, 5), (5, 0.02)])
async def test_a_wait_ends_with_the_callers_time_or_our_patience(timeout: float, patience: float) -> None:
    admission = Admission("p", slots=1, line=1, patience=patience)
    async with admission.slot(5):
        with pytest.raises(ResourceExhausted):
            async with admission.slot(timeout):
                pytest.fail("entered a full house")
    async with admission.slot(0.01):
        pass


async def test_whoever_leaves_the_line_takes_no_slot_along() -> None:
    admission = Admission("p", slots=1, line=5, patience=5)
    release = asyncio.Event()
    entered: list[int] = []
    holder = asyncio.create_task(_hold(admission, release, entered, 0))
    await asyncio.sleep(0)
    waiters = [asyncio.create_task(_hold(admission, release, entered, number)) for number in (1, 2)]
    await asyncio.sleep(0)
    waiters[0].cancel()
    release.set()
    await asyncio.gather(holder, *waiters, return_exceptions=True)
    assert entered == [0, 2]
    async with admission.slot(0.01):
        pass


async def test_a_failing_call_gives_its_slot_back() -> None:
    admission = Admission("p", slots=1, line=0, patience=5)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with admission.slot(0.01):
                raise ZeroDivisionError
