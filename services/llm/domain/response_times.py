"""How long a target takes, as it was seen."""

from __future__ import annotations

from collections import deque

_KEPT = 200
_LEAST = 20
_QUANTILE = 0.95
_FRESH = 10


class ResponseTimes:
    """The last times that a target took, in seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=_KEPT)
        self._p95: float | None = None
        self._since = 0

    @property
    def p95(self) -> float | None:
        """Seconds in which 95 of 100 calls were answered; None until enough were seen."""
        return self._p95

    def record(self, seconds: float) -> None:
        """Count a call that was answered after so many seconds."""
        self._times.append(seconds)
        self._since += 1
        if len(self._times) >= _LEAST and (self._p95 is None or self._since >= _FRESH):
            self._since = 0
            self._p95 = sorted(self._times)[int(_QUANTILE * len(self._times))]

    def record_at_least(self, seconds: float) -> None:
        """Count a call that was given up after so many seconds, where that makes it one of the slow ones.

        Without them, whoever gives up slow calls would see ever shorter times.
        """
        if self._p95 is not None and seconds >= self._p95:
            self.record(seconds)
