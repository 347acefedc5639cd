"""What a provider can take: calls at once, and requests and tokens a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.rate_window import RateWindow


@dataclass(frozen=True, slots=True)
class Capacity:
    """Slots, and behind them a window of requests and tokens; None for a provider that limits neither.

    The window comes last: what passed it and then waited for a slot would be sent in another minute than it counts in.
    """

    bulkhead: Bulkhead
    window: RateWindow | None = None
    max_wait_seconds: float = 60.0
    """Longest that a call waits for the window, however much time it has."""

    def wait_seconds(self, tokens: int) -> float:
        """Return how long a call of so many tokens would probably wait if it came now."""
        window = self.window.wait_seconds(tokens) if self.window else 0.0
        return max(window, self.bulkhead.wait_seconds())

    def has_spare(self, tokens: int) -> bool:
        """Return whether a call of so many tokens would keep nobody waiting, neither now nor right after it."""
        return self.bulkhead.has_spare() and (self.window is None or not self.window.wait_seconds(2 * tokens))

    def admitted(self, timeout: float, tokens: int) -> AbstractAsyncContextManager[Callable[[int], None]]:
        """Admit a call of about so many tokens within `timeout` seconds, for as long as the block runs.

        The block gets a function to tell how many tokens they were in the end.

        Raises:
            ResourceExhausted: there is no room in time; reason PROVIDER_BUSY.
        """
        return _Admission(self, timeout, tokens)


class _Admission(AbstractAsyncContextManager[Callable[[int], None]]):
    """The admission of a call; a generator would cost more (`services.kit.brackets`)."""

    def __init__(self, capacity: Capacity, timeout: float, tokens: int) -> None:
        self._capacity = capacity
        self._slot = capacity.bulkhead.slot(timeout)
        self._tokens = tokens
        self._deadline = asyncio.get_running_loop().time() + timeout

    async def __aenter__(self) -> Callable[[int], None]:
        await self._slot.__aenter__()
        window = self._capacity.window
        if window is None:
            return _unlimited
        left = self._deadline - asyncio.get_running_loop().time()
        try:
            passage = await window.passing(self._tokens, min(left, self._capacity.max_wait_seconds))
        except BaseException as error:
            # Nobody leaves a block that was not entered: who is refused or canceled here gives the slot back.
            await self._slot.__aexit__(type(error), error, error.__traceback__)
            raise
        return partial(window.settle, passage)

    async def __aexit__(self, *ended: Any) -> None:
        await self._slot.__aexit__(*ended)


def _unlimited(_: int) -> None:
    """Count nothing: there is no limit."""
