"""Group commit: items that arrive while a write is under way are written together by the next."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from services.kit.errors import TikuError

Item = TypeVar("Item")
Result = TypeVar("Result")

_PAUSE_SECONDS = 0.005
"""Least time between the beginnings of two writes, in which items gather; a write after a pause is not delayed."""
_MAX_ITEMS = 256
"""Items of one write."""


class GroupCommit(Generic[Item, Result]):
    """Calls of `write`, which writes several items at once, all or none, and gives a result for each, in their order.

    When a group cannot be written because of an item, each of its items is written by itself, so that a bad one fails
    no other. A caller that is canceled is not waited for; its item is written all the same.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._began = 0.0

    async def __call__(self, item: Item) -> Result:
        """Return the result of an item once it is written; raise what writing it raised."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        return await future

    async def _write_waiting(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while self._waiting:
                if (pause := self._began + _PAUSE_SECONDS - clock()) > 0:
                    await asyncio.sleep(pause)
                self._began = clock()
                group, self._waiting = self._waiting[:_MAX_ITEMS], self._waiting[_MAX_ITEMS:]
                await self._write_group(group)
        finally:
            self._writing = None
            for _, future in self._waiting:
                future.cancel()

    async def _write_group(self, group: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in group])
        except Exception as error:
            if len(group) == 1 or isinstance(error, TikuError):
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                return
            for one in group:
                await self._write_group([one])
        except asyncio.CancelledError:
            for _, future in group:
                future.cancel()
            raise
        else:
            for (_, future), result in zip(group, results, strict=True):
                with contextlib.suppress(asyncio.InvalidStateError):
                    future.set_result(result)
