"""Limits on the time between what a stream gives."""

from __future__ import annotations

import asyncio
from math import inf
from types import TracebackType
from typing import Self

from services.llm.domain import faults


class ReadWatch:
    """Ends a read of a provider's stream that is not done at its instant, with PROVIDER_TIMEOUT.

    `start` before each read, `stop` behind it; `here` in the task that reads. There is one timer for a stream, which
    looks again when it comes too early, and nobody is asked for the running task at each token: `asyncio.timeout`
    around each would cost as much as all else that is done with it.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._fires = inf
        self._reader: asyncio.Task[object] | None = None
        self._cancels = 0
        self._due = inf
        self._expired = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._due = inf
        if self._timer is not None:
            self._timer.cancel()
        expired = self._expired and kind is asyncio.CancelledError
        # As asyncio.timeout does: somebody else may have canceled as well.
        if expired and self._reader is not None and self._reader.uncancel() <= self._cancels:
            raise faults.timed_out(self._provider) from None

    def here(self) -> None:
        """Take the running task for the one that reads from now on."""
        self._reader = asyncio.current_task()
        self._cancels = self._reader.cancelling() if self._reader else 0

    def start(self, due: float) -> None:
        """Watch a read that begins now and has to be done at `due` on the loop's clock."""
        self._due = due
        if due < self._fires:
            self._arm(due)

    def stop(self) -> None:
        """Watch no longer: the read is done, and what its reader does with it is its own time."""
        self._due = inf

    def _arm(self, instant: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._fires = self._loop.call_at(instant, self._look), instant

    def _look(self) -> None:
        self._timer, self._fires = None, inf
        if self._due == inf or self._reader is None:
            return  # The next read sets it again.
        if self._loop.time() < self._due:
            self._arm(self._due)
            return
        self._expired = True
        self._reader.cancel()
