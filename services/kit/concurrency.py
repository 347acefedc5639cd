"""Many calls at a time, and work on many items that leaves the event loop its turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_ITEMS_A_TURN = 16


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
    """
    results: list[R] = []
    began = time.perf_counter()
    for item in items:
        results.append(function(item))
        if len(results) % a_turn == 0:
            await asyncio.sleep(time.perf_counter() - began if aside else 0)
            began = time.perf_counter()
    return results
