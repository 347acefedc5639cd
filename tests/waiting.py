"""Waiting for what is bound to happen, but not at once; and for what has to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_TURN_SECONDS = 0.005


async def eventually(check: Callable[[], bool], within: float = 60.0) -> None:
    """Returns once ``check`` holds; raises TimeoutError when it does not within so many seconds."""
    async with asyncio.timeout(within):
        while not check():  # noqa: ASYNC110 - a check is no event
            await asyncio.sleep(0.005)


async def turns(count: int = 200) -> None:
    """Gives what runs on this loop so many turns: far more than what waits for nothing outside needs to its end."""
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def loop_time() -> AsyncIterator[Callable[[], float]]:
    """Gives a clock that counts the loop's own turns: seconds of short sleeps, one after the other, since the start.

    What keeps this process from a core delays each of the sleeps, as it delays what is measured, so a busy machine
    fails no test. Whoever is measured has to run on the same loop, or has to be as starved.
    """
    passed = 0

    async def count() -> None:
        nonlocal passed
        while True:
            await asyncio.sleep(_TURN_SECONDS)
            passed += 1

    counting = asyncio.create_task(count())
    try:
        yield lambda: passed * _TURN_SECONDS
    finally:
        counting.cancel()


@asynccontextmanager
async def at_once(within: float = 0.1) -> AsyncIterator[None]:
    """Ends the block with TimeoutError where it takes longer than ``within`` seconds of `loop_time`."""
    loop = asyncio.get_running_loop()

    async def end() -> None:
        for _ in range(round(within / _TURN_SECONDS)):
            await asyncio.sleep(_TURN_SECONDS)
        timeout.reschedule(loop.time())

    async with asyncio.timeout(None) as timeout:
        ending = asyncio.create_task(end())
        try:
            yield
        finally:
            ending.cancel()
    if timeout.expired():  # The block took the cancellation for another one, and went on.
        raise TimeoutError(f"it took more than {within:g} seconds of the loop's time")
