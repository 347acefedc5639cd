"""Work on many items that leaves the event loop its turns."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.kit.concurrency import map_in_turns

ITEMS = 20


@pytest.mark.parametrize("aside", [False, True])
async def test_results_come_in_order_and_others_get_their_turns(aside: bool) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def work(item: int) -> int:
        end = time.perf_counter() + 0.002
        while time.perf_counter() < end:
            pass
        return -item

    task = asyncio.create_task(other())
    assert await map_in_turns(work, range(ITEMS), 1, aside=aside) == [-item for item in range(ITEMS)]
    task.cancel()
    # One turn for each item, or as many as there is time for.
    assert turns > 2 * ITEMS if aside else turns <= 2 * ITEMS


async def test_two_calls_aside_leave_as_much_to_others_as_one() -> None:
    took: list[float] = []

    def work(_: int) -> None:
        began = time.perf_counter()
        while time.perf_counter() < began + 0.001:
            pass
        took.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(map_in_turns(work, range(ITEMS), 1, aside=True) for _ in range(2)))
    assert time.perf_counter() - began > 2 * sum(took) - took[-1]
