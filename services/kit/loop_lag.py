"""How late the event loop runs what is due, and whose fault it is.

A timer asks to be woken every 10 ms; how much later it is woken is the lag. Either something held the loop, or the
kernel had no core for its thread; the kernel counts the latter (`cpu_wait`), and what is left is how long the loop was
*held*. Anything that holds the loop for longer than the interval is seen as at least that long minus the interval, on
an idle machine and on one that is starved.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from bisect import bisect_left
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

from services.kit.cpu_wait import CpuWait

INTERVAL = 0.010
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.010, 0.020, 0.050, 0.100, 0.200, 0.500, 1.0, 5.0)
"""Upper bounds in seconds."""
STALL = 0.050
"""A hold, in seconds, that is counted and logged."""

_LAG = Histogram("tiku_loop_lag_seconds", "Lateness of the event loop's timers.", buckets=BUCKETS)
_LAG_MAX = Gauge("tiku_loop_lag_max_seconds", "Largest lateness since the process started.")
_HELD = Histogram(
    "tiku_loop_held_seconds", "Lateness of the event loop's timers, less its thread's wait for a core.", buckets=BUCKETS
)
_HELD_MAX = Gauge("tiku_loop_held_max_seconds", "Longest hold since the process started.")
_STALLS = Counter("tiku_loop_stalls_total", "Times that the event loop was held for more than 50 ms.")
_WAIT = Counter("tiku_loop_cpu_wait_seconds_total", "Time that the event loop's thread waited for a core.")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lateness:
    """Samples since a monitor started, in seconds; quantiles are upper bounds of their buckets."""

    samples: int
    p50: float
    p99: float
    max: float


class LoopLagMonitor:
    """Measures the running loop for as long as `run` runs."""

    def __init__(self) -> None:
        self._lag = _Samples()
        self._held = _Samples()

    async def run(self) -> None:
        """Measures until cancelled."""
        with contextlib.closing(CpuWait()) as cpu_wait:
            waited = cpu_wait.seconds()
            while True:
                due = time.perf_counter() + INTERVAL  # uvloop's own clock counts whole milliseconds.
                await asyncio.sleep(INTERVAL)
                lag = max(0.0, time.perf_counter() - due)
                before, waited = waited, cpu_wait.seconds()
                self._record(lag, waited - before)

    def _record(self, lag: float, waited: float) -> None:
        held = max(0.0, lag - waited)
        _LAG.observe(lag)
        _HELD.observe(held)
        _WAIT.inc(waited)
        if held > STALL:
            _STALLS.inc()
            logger.warning("the event loop was held", extra={"held": held, "late": lag, "cpu_wait": waited})
        if self._lag.add(lag):
            _LAG_MAX.set(lag)
        if self._held.add(held):
            _HELD_MAX.set(held)

    def lag(self) -> Lateness:
        """How late the loop was, whatever the cause."""
        return self._lag.lateness()

    def held(self) -> Lateness:
        """How late the loop was because something held it: a call that blocks, a long turn, the GIL."""
        return self._held.lateness()


class _Samples:
    """Seconds, counted a bucket."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self._max = 0.0

    def add(self, seconds: float) -> bool:
        """Counts one; whether it is the largest."""
        self._counts[bisect_left(BUCKETS, seconds)] += 1
        if seconds <= self._max:
            return False
        self._max = seconds
        return True

    def lateness(self) -> Lateness:
        return Lateness(sum(self._counts), self._quantile(0.5), self._quantile(0.99), self._max)

    def _quantile(self, share: float) -> float:
        wanted = share * sum(self._counts)
        seen = 0
        for count, bound in zip(self._counts, BUCKETS, strict=False):
            seen += count
            if seen >= wanted:
                return min(bound, self._max)
        return self._max
