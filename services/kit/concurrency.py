"""Many calls at a time, and work on many items that leaves the event loop its turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_ITEMS_A_TURN = 16
_TURN_ASIDE_SECONDS = 0.005
"""Most that a turn aside waits for what goes ahead: it takes a millisecond."""
_next_aside = 0.0
"""When work aside may have its next turn: all of it together leaves the loop to others half of the time."""
_questions = 0
"""How much of what somebody waits for is under way in this process."""
_given_way: set[asyncio.Future[None]] = set()
"""Work aside that waits until nothing of that is."""


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

    `aside`, it gets as long as those items took, and what goes `ahead` is let go first: what others wait for takes many
    turns, and each of them would wait. This holds for all such work of the process together, however many calls do it.
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


@contextmanager
def ahead() -> Iterator[None]:
    """Go before all work aside of this process while the block runs: somebody waits for what it does."""
    global _questions
    _questions += 1
    try:
        yield
    finally:
        _questions -= 1
        if not _questions:
            for waiting in _given_way:
                if not waiting.done():
                    waiting.set_result(None)


async def give_way(most_seconds: float) -> None:
    """Return when nothing goes `ahead`, but after `most_seconds` in any case.

    Work aside that others do, an engine or a worker process, is asked for in pieces, with this before each. What takes
    as long as it waits at most gets half of the time however many questions there are.
    """
    if not _questions:
        return
    waiting = asyncio.get_running_loop().create_future()
    _given_way.add(waiting)
    try:
        await asyncio.wait([waiting], timeout=most_seconds)
    finally:
        _given_way.discard(waiting)


async def _turn_aside() -> None:
    """Return when nothing else that was done aside is owed a pause, and nothing goes ahead."""
    await give_way(_TURN_ASIDE_SECONDS)
    while (pause := _next_aside - time.perf_counter()) > 0:  # noqa: ASYNC110  # No event tells the time.
        await asyncio.sleep(pause)


def _give_way(seconds: float) -> None:
    global _next_aside
    _next_aside = time.perf_counter() + seconds
