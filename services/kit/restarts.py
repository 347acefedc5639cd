"""How often something may crash before it is given up, and how long to wait before it is started again."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable

CRASHES = 5
WINDOW_SECONDS = 600.0
_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 10.0
_JITTER = 0.25
"""The share of a delay by which it may be longer or shorter, so that what crashed together does not start together."""


class CrashBudget:
    """The crashes of one process within a sliding window.

    A crash leaves the window, and so is forgiven, `window_seconds` after it happened.

    Args:
        crashes: as many crashes within the window end the patience.
        window_seconds: length of the window.
        clock: seconds that only grow.
        uniform: a random number between two bounds.
    """

    def __init__(
        self,
        crashes: int = CRASHES,
        window_seconds: float = WINDOW_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.window_seconds = window_seconds
        self._most = crashes
        self._clock = clock
        self._uniform = uniform
        self._crashes: deque[float] = deque()

    @property
    def count(self) -> int:
        """The crashes within the window."""
        while self._crashes and self._crashes[0] <= self._clock() - self.window_seconds:
            self._crashes.popleft()
        return len(self._crashes)

    def crash(self) -> bool:
        """Count a crash, and return whether a new start is still allowed."""
        self._crashes.append(self._clock())
        return self.count < self._most

    def delay(self) -> float:
        """Return the seconds to wait before the next start: 0.2 after one crash, doubled for each further one."""
        wait: float = min(_FIRST_DELAY_SECONDS * 2 ** max(0, self.count - 1), _LONGEST_DELAY_SECONDS)
        return wait * self._uniform(1 - _JITTER, 1 + _JITTER)

    def describe(self) -> str:
        """Return the crashes and the window in words."""
        return f"{self.count} crashes within {self.window_seconds / 60:g} minutes"
