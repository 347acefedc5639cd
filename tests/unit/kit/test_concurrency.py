"""Work on many items that leaves the event loop its turns."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.kit import concurrency
from services.kit.concurrency import ahead, give_way, map_in_turns
from tests.waiting import at_once, turns

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


async def test_work_aside_waits_for_all_that_goes_ahead() -> None:
    async with at_once():
        await give_way(60)
    with ahead():
        with ahead():
            waiting = [asyncio.create_task(give_way(60)) for _ in range(2)]
            await turns()
        await turns()
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)


async def test_work_aside_goes_on_beside_what_is_always_ahead() -> None:
    with ahead():
        await give_way(0.001)
        assert await map_in_turns(str, range(ITEMS), aside=True) == list(map(str, range(ITEMS)))


async def test_items_aside_wait_for_what_goes_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_TURN_ASIDE_SECONDS", 60.0)
    seen: list[int] = []
    with ahead():
        work = asyncio.create_task(map_in_turns(seen.append, range(ITEMS), aside=True))
        await map_in_turns(str, range(ITEMS))
        await turns()
        assert not seen
    await work
    assert seen == list(range(ITEMS))


async def test_who_leaves_while_it_gives_way_is_forgotten() -> None:
    with ahead():
        waiting = asyncio.create_task(give_way(60))
        await turns()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert not concurrency._given_way
