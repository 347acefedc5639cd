"""Many calls at a time, and work on many items that leaves the event loop its turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_ITEMS_A_TURN = 16
_next_aside = 0.0
"""When work aside may have its next turn: all of it together leaves the loop to others half of the time."""


async def gather(calls: Iterable[Awaitable[T]], at_once: int) -> list[T]:
    """Return the results of `calls` in their order, at most `at_once` at a time; the first error cancels the others."""
    slots = asyncio.Semaphore(at_once)

    async def run(call: Awaitable[T]) -> T:
        try:
            async with slots:
                return await call
        finally:
            if asyncio.iscoroutine(call):
                call.close()  # One that was canceled while it waited for a slot was never begun.

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(call)) for call in calls]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return [task.result() for task in tasks]


async def map_in_turns(
    function: Callable[[T], R], items: Iterable[T], a_turn: int = _ITEMS_A_TURN, *, aside: bool = False
) -> list[R]:
    """Return `function` of each item; the loop gets a turn after every `a_turn`, by default 16 that take 60 µs each.

    `aside`, it gets as long as those items took: what others wait for takes many turns, and each of them would wait.
    This holds for all such work of the process together, however many calls do it at once.
    """
    results: list[R] = []
    left = iter(items)
    while some := list(islice(left, a_turn)):
        if aside:
            await _turn_aside()
        began = time.perf_counter()
        results += map(function, some)
        if aside:
            _give_way(time.perf_counter() - began)
        elif len(some) == a_turn:
            await asyncio.sleep(0)
    return results


async def _turn_aside() -> None:
    """Return when nothing else that was done aside is owed a pause."""
    while (pause := _next_aside - time.perf_counter()) > 0:  # noqa: ASYNC110  # No event tells the time.
        await asyncio.sleep(pause)


def _give_way(seconds: float) -> None:
    global _next_aside
    _next_aside = time.perf_counter() + seconds
