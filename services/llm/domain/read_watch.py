"""Limits on the time between what a stream gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self, TypeVar

from services.llm.domain import faults

T = TypeVar("T")


class ReadWatch:
    """Ends a read of a provider's stream that is not done at its instant.

    There is one timer for a stream, which looks again when it comes too early: one `asyncio.timeout` a token would
    cost as much as all else that is done with a token.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._reader: asyncio.Task[object] | None = None
        self._due = 0.0
        self._expired = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def read(self, stream: AsyncGenerator[T, None], due: float) -> T | None:
        """Return the next item of `stream`, or None at its end.

        Raises:
            DeadlineExceeded: there was none at `due`, on the loop's clock; reason PROVIDER_TIMEOUT.
        """
        reader = asyncio.current_task()
        assert reader is not None
        cancels = reader.cancelling()
        self._due, self._reader = due, reader
        if self._timer is None or self._timer.when() > due:
            self._arm(due)
        try:
            return await anext(stream, None)
        except asyncio.CancelledError:
            if self._expired and reader.uncancel() <= cancels:
                raise faults.timed_out(self._provider) from None
            raise
        finally:
            self._reader = None

    def _arm(self, instant: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(instant, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._reader is None:
            return  # The next read sets it again.
        if self._loop.time() < self._due:
            self._arm(self._due)
            return
        self._expired = True
        self._reader.cancel()
