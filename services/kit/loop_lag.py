"""How late the event loop runs what is due, and why.

A timer asks to be woken every 10 ms, and the lag is how much later it is woken. There are two causes. Either the kernel
had no core for the loop's thread, which the kernel itself measures (`cpu_wait`), or the loop *stalled*: something kept
it from its next turn. The stall is the lag less the wait for a core. Anything that stops the loop for longer than the
interval shows as a stall of at least that length less the interval, on an idle machine as on a busy one.

An idle loop is looked at every 100 ms (docs/adr/0083). A loop is idle while it serves no call, unless it works all the
same. A call ends that before its first line runs, so nothing that a call does goes unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.kit.cpu_wait import CpuTime, CpuWait

INTERVAL_SECONDS = 0.010
IDLE_INTERVAL_SECONDS = 0.100
_WINDOW_SECONDS = 1.0
"""How long a loop is watched before it counts as idle or as working."""
_WORKING_TURNS = 50
"""A loop works that is woken so often in a window, by other things than the monitor."""
_WORKING_SECONDS = 0.2
"""So does one that has a core for so long in a window; to look 100 times takes up to 0.05 s."""
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
        self._calls = 0
        self._watch: _Watch | None = None

    async def run(self) -> None:
        """Measure until canceled."""
        with contextlib.closing(CpuWait()) as cpu_wait:
            self._watch = _Watch(cpu_wait, self._record, lambda: self._calls > 0)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self._watch.stop()
                self._watch = None

    def call_begins(self) -> None:
        """Take note of a call that is served, before it is: the loop is looked at every 10 ms until it ends."""
        self._calls += 1
        if self._watch is not None and self._watch.is_idle:
            self._watch.look_closely()

    def call_ends(self) -> None:
        """Take note of the end of a call."""
        self._calls -= 1

    def _record(self, lag: float | None, waited: float) -> None:
        self._cpu_wait += waited
        if lag is None:
            return
        stalled = max(0.0, lag - waited)
        self._lag.add(lag)
        self._stalled.add(stalled)
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


class _Watch:
    """The timer, and what it knows of the loop's thread.

    Args:
        cpu_wait: of the loop's thread.
        record: takes the lag of a look, or None if it was cut short, and how long the thread has waited for a core
            since the look before it.
        is_serving: whether calls are served now.
    """

    def __init__(
        self, cpu_wait: CpuWait, record: Callable[[float | None, float], None], is_serving: Callable[[], bool]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._cpu_wait = cpu_wait
        self._record = record
        self._is_serving = is_serving
        self._before = CpuTime(0.0, 0.0, 0)
        self._read()
        self.is_idle = False
        self._begin_window()
        self._set()

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def look_closely(self) -> None:
        """Look every 10 ms from now on, for a window at least."""
        self._timer.cancel()
        waited = self._read()
        late = self._now - self._due
        self._record(late if late > 0 else None, waited)
        self.is_idle = False
        self._begin_window()
        self._set()

    def _set(self) -> None:
        interval = IDLE_INTERVAL_SECONDS if self.is_idle else INTERVAL_SECONDS
        self._due = self._now + interval  # uvloop's own clock counts whole milliseconds.
        self._timer = self._loop.call_later(interval, self._look)

    def _look(self) -> None:
        waited = self._read()
        self._looks += 1
        self._record(max(0.0, self._now - self._due), waited)
        if self._now >= self._window_ends:
            self.is_idle = self._cpu_wait.is_counted and not self._is_serving() and not self._has_worked()
            self._begin_window()
        self._set()

    def _read(self) -> float:
        """Read both clocks at once, and return how long the thread has waited since they were read last.

        The next look is due an interval after this. So a wait that falls between is in the lateness and in the wait.
        """
        self._now = time.perf_counter()
        before, self._before = self._before, self._cpu_wait.read()
        return self._before.waited - before.waited

    def _begin_window(self) -> None:
        self._window_ends = self._now + _WINDOW_SECONDS
        self._window: CpuTime = self._before
        self._looks = 0

    def _has_worked(self) -> bool:
        ran, _, turns = (now - then for now, then in zip(self._before, self._window, strict=True))
        return ran >= _WORKING_SECONDS or turns - self._looks >= _WORKING_TURNS


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
