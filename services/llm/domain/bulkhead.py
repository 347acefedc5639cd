"""How many calls a provider gets at once, and how many may wait for it."""

from __future__ import annotations

import asyncio
from functools import partial

from services.kit.brackets import Bracket
from services.llm.domain import faults

_SMOOTHING = 0.2
"""Weight of the newest call in the average time of a call."""


class Bulkhead:
    """A bounded number of slots with a bounded queue in front, first come, first served.

    A full queue refuses at once and says when to come back, instead of growing. A call waits at most
    `max_wait_seconds`, however much time it has.
    """

    def __init__(self, provider: str, slots: int, *, max_waiting: int, max_wait_seconds: float) -> None:
        self._provider = provider
        self._slots = slots
        self._max_waiting = max_waiting
        self._max_wait_seconds = max_wait_seconds
        self._semaphore = asyncio.Semaphore(slots)
        self._free = slots
        self.waiting = 0
        """The calls that wait now."""
        self._typical_seconds = 1.0

    def has_spare(self) -> bool:
        """Return whether one more call would leave a tenth of the slots free, at least one."""
        return self._free > max(1, self._slots // 10)

    def wait_seconds(self) -> float:
        """Return how long a call that came now would probably wait for a slot."""
        return self._turn_seconds() if self._semaphore.locked() else 0.0

    def slot(self, timeout: float) -> Bracket[float]:
        """Hold a slot while the block runs; refuse where the queue is full or none comes free in `timeout` seconds."""
        return Bracket(partial(self._taken, timeout), self._give_back)

    async def _taken(self, timeout: float) -> float:
        """Take a slot; return the instant on the loop's clock."""
        if self._semaphore.locked():
            await self._turn(timeout)
        else:
            await self._semaphore.acquire()  # At once.
        self._free -= 1
        return asyncio.get_running_loop().time()

    def _give_back(self, since: float, _: object) -> None:
        self._free += 1
        self._semaphore.release()
        self._typical_seconds += _SMOOTHING * (asyncio.get_running_loop().time() - since - self._typical_seconds)

    async def _turn(self, timeout: float) -> None:
        """Wait in the queue for a slot and take it."""
        if self.waiting >= self._max_waiting:
            raise self._busy()
        self.waiting += 1
        try:
            async with asyncio.timeout(min(timeout, self._max_wait_seconds)):
                await self._semaphore.acquire()
        except TimeoutError as error:
            raise self._busy() from error
        finally:
            self.waiting -= 1

    def _busy(self) -> Exception:
        """Return the refusal, with the time in which everyone who waits now should have had a turn."""
        return faults.busy(self._provider, max(0.1, self._turn_seconds()))

    def _turn_seconds(self) -> float:
        return self._typical_seconds * (self.waiting + 1) / self._slots
