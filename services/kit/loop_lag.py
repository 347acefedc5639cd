"""How late the event loop runs what is due, and why.

A timer asks to be woken every 10 ms, and the lag is how much later it is woken. There are two causes. Either the kernel
had no core for the loop's thread, which the kernel itself measures (`cpu_wait`), or the loop *stalled*: something kept
it from its next turn. The stall is the lag less the wait for a core. Anything that stops the loop for longer than the
interval shows as a stall of at least that length less the interval, on an idle machine as on a busy one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.kit.cpu_wait import CpuWait

INTERVAL_SECONDS = 0.010
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.010, 0.020, 0.050, 0.100, 0.200, 0.500, 1.0, 5.0)
"""Upper bounds in seconds."""
STALL_SECONDS = 0.050
"""A stall longer than this is counted and logged."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lateness:
    """Samples since a monitor started, in seconds; quantiles are upper bounds of their buckets."""

    samples: int
    p50: float
    p99: float
    max: float


class LoopLagMonitor(Collector):
    """Measures the running loop for as long as `run` runs; a collector for Prometheus' page."""

    def __init__(self) -> None:
        self._lag = _Samples()
        self._stalled = _Samples()
        self._stalls = 0
        self._cpu_wait = 0.0

    async def run(self) -> None:
        """Measure until canceled."""
        with contextlib.closing(CpuWait()) as cpu_wait:
            waited = cpu_wait.seconds()
            while True:
                due = time.perf_counter() + INTERVAL_SECONDS  # uvloop's own clock counts whole milliseconds.
                await asyncio.sleep(INTERVAL_SECONDS)
                lag = max(0.0, time.perf_counter() - due)
                before, waited = waited, cpu_wait.seconds()
                self._record(lag, waited - before)

    def _record(self, lag: float, waited: float) -> None:
        stalled = max(0.0, lag - waited)
        self._lag.add(lag)
        self._stalled.add(stalled)
        self._cpu_wait += waited
        if stalled > STALL_SECONDS:
            self._stalls += 1
            logger.warning("the event loop stalled", extra={"stalled": stalled, "late": lag, "cpu_wait": waited})

    def lag(self) -> Lateness:
        """Return how late the loop was, whatever the cause."""
        return self._lag.lateness()

    def stalled(self) -> Lateness:
        """Return how late the loop was because of a call that blocks, a long turn or the GIL."""
        return self._stalled.lateness()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; Prometheus' page calls it, in a thread of its own."""
        yield self._lag.histogram("tiku_loop_lag_seconds", "Lateness of the event loop's timers.")
        yield GaugeMetricFamily(
            "tiku_loop_lag_max_seconds", "Largest lateness since the process started.", value=self._lag.max
        )
        yield self._stalled.histogram(
            "tiku_loop_stalled_seconds", "Lateness of the event loop's timers, less its thread's wait for a core."
        )
        yield GaugeMetricFamily(
            "tiku_loop_stalled_max_seconds", "Longest stall since the process started.", value=self._stalled.max
        )
        yield CounterMetricFamily(
            "tiku_loop_stalls", "Times that the event loop stalled for more than 50 ms.", value=self._stalls
        )
        yield CounterMetricFamily(
            "tiku_loop_cpu_wait_seconds", "Time that the event loop's thread waited for a core.", value=self._cpu_wait
        )


class _Samples:
    """Numbers of seconds, counted by bucket."""

    def __init__(self) -> None:
        self.max = 0.0
        self._counts = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BUCKETS, seconds)] += 1
        self._sum += seconds
        self.max = max(self.max, seconds)

    def histogram(self, name: str, documentation: str) -> Metric:
        bounds = [*map(str, BUCKETS), "+Inf"]
        buckets = list(zip(bounds, accumulate(list(self._counts)), strict=True))
        return HistogramMetricFamily(name, documentation, buckets=buckets, sum_value=self._sum)

    def lateness(self) -> Lateness:
        return Lateness(sum(self._counts), self._quantile(0.5), self._quantile(0.99), self.max)

    def _quantile(self, share: float) -> float:
        wanted = share * sum(self._counts)
        for count, bound in zip(accumulate(self._counts), BUCKETS, strict=False):
            if count >= wanted:
                return min(bound, self.max)
        return self.max
