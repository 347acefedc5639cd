"""Work that runs ahead of the reader of its results, in order and within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


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
                first, future = running[0]
                result = await future
                running.popleft()
                yield first, result
        while running:
            first, future = running[0]
            result = await future
            running.popleft()
            yield first, result
    finally:
        for _, future in running:
            future.cancel()
        await asyncio.gather(*(future for _, future in running), return_exceptions=True)
