"""What a provider can take: calls at once, and requests and tokens a minute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

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

    @asynccontextmanager
    async def admitted(self, timeout: float, tokens: int) -> AsyncIterator[Callable[[int], None]]:
        """Admit a call of about so many tokens within `timeout` seconds, for as long as the block runs.

        The block gets a function to tell how many tokens they were in the end.

        Raises:
            ResourceExhausted: there is no room in time; reason PROVIDER_BUSY.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        async with self.bulkhead.slot(timeout):
            window = self.window
            if window is None:
                yield _unlimited
                return
            passage = await window.passing(tokens, min(deadline - loop.time(), self.max_wait_seconds))
            yield lambda spent: window.settle(passage, spent)


def _unlimited(_: int) -> None:
    """Count nothing: there is no limit."""
