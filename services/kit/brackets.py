"""A block of `async with` between two functions, for what every call enters.

`contextlib.asynccontextmanager` makes a generator of its own for each block, which the event loop keeps a list of: that
is several times what such a block costs here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

HeldT = TypeVar("HeldT")


class Bracket(AbstractAsyncContextManager[HeldT]):
    """Waits for `begin` and gives its result to the block, and then to `end`, with the error that ended the block."""

    __slots__ = ("_begin", "_end", "_held")

    def __init__(
        self, begin: Callable[[], Awaitable[HeldT]], end: Callable[[HeldT, BaseException | None], None]
    ) -> None:
        self._begin = begin
        self._end = end
        self._held: HeldT

    async def __aenter__(self) -> HeldT:
        self._held = await self._begin()
        return self._held

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self._end(self._held, error)
