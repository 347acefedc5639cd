"""The call counts of a server, for Prometheus.

The metrics of prometheus_client take a lock and walk the buckets at every observation, which is a visible part of the
cost of a small call (`benchmarks/`). Here a call adds to plain numbers; reading the page builds the metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0)
"""Upper bounds in seconds."""


@dataclass(slots=True)
class _Times:
    """How long the calls of one method that ended in one status took."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    """Calls by bucket; the last one counts those above the last bound."""
    seconds: float = 0.0


class RpcMetrics(Collector):
    """The calls of one server. The loop's thread writes; the thread that serves the page reads."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], _Times] = {}
        self._started = 0
        self._ended = 0
        self._refused = 0

    def started(self) -> None:
        """Count a call that is being served."""
        self._started += 1

    def refused(self) -> None:
        """Count a call refused because the server was full."""
        self._refused += 1

    def ended(self, method: str, status: str, seconds: float) -> None:
        """Count the end of a call."""
        self._ended += 1
        times = self._times.get((method, status))
        if times is None:
            times = self._times[method, status] = _Times()
        times.counts[bisect_left(BUCKETS, seconds)] += 1
        times.seconds += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; Prometheus' page calls it, in a thread of its own."""
        handled = HistogramMetricFamily(
            "tiku_rpc_seconds", "Time from a call's start to its end.", labels=("method", "status")
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        for labels, times in list(self._times.items()):
            counts = accumulate(list(times.counts))
            handled.add_metric(labels, list(zip(bounds, counts, strict=True)), times.seconds)
        yield handled
        yield GaugeMetricFamily("tiku_rpc_in_flight", "Calls being served.", value=self._started - self._ended)
        yield CounterMetricFamily("tiku_rpc_refused", "Calls refused because the server was full.", value=self._refused)
