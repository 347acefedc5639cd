"""Calls that a cancellation must not interrupt, and work that runs ahead of the reader of its results."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


async def run_to_end(call: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Await `call` even while canceled; the cancellation goes on when the call has ended."""
    task = asyncio.ensure_future(call)
    canceled = False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            canceled = True
    if canceled:
        task.exception()
        raise asyncio.CancelledError
    return task.result()


async def run_unless(call: Awaitable[object], stop: asyncio.Event) -> bool:
    """Await `call`, and cancel it once `stop` is set; return whether it ended by itself."""
    work, stopping = asyncio.ensure_future(call), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            await work
        return work.done()
    finally:
        work.cancel()
        stopping.cancel()
        await asyncio.wait((work, stopping))


async def lookahead(
    items: AsyncIterator[ItemT], work: Callable[[ItemT], Awaitable[ResultT]], *, most: int
) -> AsyncGenerator[tuple[ItemT, ResultT], None]:
    """Yield each item with its result, in the items' order, while up to `most` calls of `work` run.

    They run on while the caller is busy with an earlier result. The first error ends the generator; closing it cancels
    what runs.
    """
    running: deque[tuple[ItemT, asyncio.Future[ResultT]]] = deque()

    try:
        async for item in items:
            running.append((item, asyncio.ensure_future(work(item))))
            if len(running) >= most:
                yield running[0][0], await running[0][1]
                running.popleft()
        while running:
            yield running[0][0], await running[0][1]
            running.popleft()
    finally:
        for _, future in running:
            future.cancel()
        await asyncio.gather(*(future for _, future in running), return_exceptions=True)
