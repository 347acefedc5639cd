"""How often something may fall before it is given up, and how long to wait before it is started again."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable

FALLS = 5
WINDOW_SECONDS = 600.0
_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 10.0
_JITTER = 0.25
"""The share of a delay by which it may be longer or shorter, so that what fell together does not start together."""


class FallBudget:
    """The falls of one process within a sliding window.

    A fall leaves the window, and so is forgiven, `window_seconds` after it happened.

    Args:
        falls: as many falls within the window end the patience.
        window_seconds: length of the window.
        clock: seconds that only grow.
        uniform: a random number between two bounds.
    """

    def __init__(
        self,
        falls: int = FALLS,
        window_seconds: float = WINDOW_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.window_seconds = window_seconds
        self._most = falls
        self._clock = clock
        self._uniform = uniform
        self._falls: deque[float] = deque()

    @property
    def count(self) -> int:
        """The falls within the window."""
        while self._falls and self._falls[0] <= self._clock() - self.window_seconds:
            self._falls.popleft()
        return len(self._falls)

    def fall(self) -> bool:
        """Count a fall, and return whether a new start is still allowed."""
        self._falls.append(self._clock())
        return self.count < self._most

    def delay(self) -> float:
        """Return the seconds to wait before the next start: 0.2 after one fall, doubled for each further one."""
        wait: float = min(_FIRST_DELAY_SECONDS * 2 ** max(0, self.count - 1), _LONGEST_DELAY_SECONDS)
        return wait * self._uniform(1 - _JITTER, 1 + _JITTER)

    def describe(self) -> str:
        """Return the falls and the window in words."""
        return f"{self.count} falls within {self.window_seconds / 60:g} minutes"
