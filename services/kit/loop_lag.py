"""How late the event loop runs what is due: the proof that nothing blocks it.

A timer asks to be woken every 10 ms; how much later it is woken is the lag. Anything that holds the loop for
longer than the interval is seen as at least that long minus the interval.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

INTERVAL = 0.010
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.010, 0.020, 0.050, 0.100, 0.200, 0.500, 1.0, 5.0)
"""Upper bounds in seconds."""

_HISTOGRAM = Histogram("tiku_loop_lag_seconds", "Lateness of the event loop's timers.", buckets=BUCKETS)
_MAX = Gauge("tiku_loop_lag_max_seconds", "Largest lateness since the process started.")
_STALLS = Counter("tiku_loop_stalls_total", "Times that the event loop was later than 50 ms.")


@dataclass(frozen=True, slots=True)
class LoopLag:
    """Lag since a monitor started, in seconds; quantiles are upper bounds of their buckets."""

    samples: int
    p50: float
    p99: float
    max: float


class LoopLagMonitor:
    """Measures the running loop for as long as `run` runs."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self._max = 0.0

    async def run(self) -> None:
        """Measures until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + INTERVAL
            await asyncio.sleep(INTERVAL)
            self._record(max(0.0, loop.time() - due))

    def _record(self, lag: float) -> None:
        self._counts[bisect_left(BUCKETS, lag)] += 1
        _HISTOGRAM.observe(lag)
        if lag > 0.050:
            _STALLS.inc()
        if lag > self._max:
            self._max = lag
            _MAX.set(lag)

    def lag(self) -> LoopLag:
        """What was measured so far."""
        return LoopLag(sum(self._counts), self._quantile(0.5), self._quantile(0.99), self._max)

    def _quantile(self, share: float) -> float:
        wanted = share * sum(self._counts)
        seen = 0
        for count, bound in zip(self._counts, BUCKETS, strict=False):
            seen += count
            if seen >= wanted:
                return min(bound, self._max)
        return self._max
