"""Lookahead: results in order, work ahead within bounds, nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from services.docs.domain.concurrency import lookahead


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_results_come_in_the_order_of_the_items() -> None:
    async def later_first(number: int) -> int:
        await asyncio.sleep(0.02 - number * 0.005)
        return number * 10

    found = [pair async for pair in lookahead(numbers(4), later_first, most=3)]
    assert found == [(0, 0), (1, 10), (2, 20), (3, 30)]


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_no_more_than_so_many_run_at_once(most: int) -> None:
    running = seen = 0

    async def work(number: int) -> int:
        nonlocal running, seen
        running += 1
        seen = max(seen, running)
        await asyncio.sleep(0.001)
        running -= 1
        return number

    assert [item async for item, _ in lookahead(numbers(8), work, most=most)] == list(range(8))
    assert seen == most


async def test_work_goes_on_while_the_caller_is_busy() -> None:
    done: list[int] = []

    async def work(number: int) -> int:
        done.append(number)
        return number

    async with aclosing(lookahead(numbers(5), work, most=2)) as results:
        assert await anext(results) == (0, 0)
        await asyncio.sleep(0.01)
        assert done == [0, 1]


async def test_closing_cancels_what_runs() -> None:
    cancelled: list[int] = []

    async def work(number: int) -> int:
        if number:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(number)
                raise
        return number

    async with aclosing(lookahead(numbers(9), work, most=3)) as results:
        await anext(results)
    assert cancelled == [1, 2]


async def test_an_error_comes_in_its_turn_and_ends_the_rest() -> None:
    async def work(number: int) -> int:
        if number == 1:
            raise ValueError("one")
        await asyncio.sleep(0.005)
        return number

    seen = []
    with pytest.raises(ValueError, match="one"):
        async for item, _ in lookahead(numbers(5), work, most=3):
            seen.append(item)
    assert seen == [0]
