"""What a server counts of its calls, for Prometheus.

prometheus_client's own metrics take a lock and walk the buckets at every observation, which showed in the price of a
small call (`benchmarks/`): here a call adds to plain numbers, and the page is made of them when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0)
"""Upper bounds in seconds."""


@dataclass(slots=True)
class _Times:
    """How long the calls of one method that ended in one status took."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    """Calls a bucket, those above the last bound at the end."""
    seconds: float = 0.0


class RpcMetrics(Collector):
    """Calls of all servers of a process. Written by the loop's thread, read by the one that makes the page."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], _Times] = {}
        self._started = 0
        self._ended = 0
        self._refused = 0

    def started(self) -> None:
        """Counts a call that is being served."""
        self._started += 1

    def refused(self) -> None:
        """Counts a call refused because the server was full."""
        self._refused += 1

    def ended(self, method: str, status: str, seconds: float) -> None:
        """Counts the end of a call."""
        self._ended += 1
        times = self._times.get((method, status))
        if times is None:
            times = self._times[method, status] = _Times()
        times.counts[bisect_left(BUCKETS, seconds)] += 1
        times.seconds += seconds

    def collect(self) -> Iterator[Metric]:
        """Prometheus' page asks for it."""
        handled = HistogramMetricFamily(
            "tiku_rpc_seconds", "Time from a call's start to its end.", labels=("method", "status")
        )
        for labels, times in list(self._times.items()):
            bounds = [*(str(float(bound)) for bound in BUCKETS), "+Inf"]
            counts = accumulate(list(times.counts))
            handled.add_metric(labels, list(zip(bounds, counts, strict=True)), times.seconds)
        yield handled
        yield GaugeMetricFamily("tiku_rpc_in_flight", "Calls being served.", value=self._started - self._ended)
        yield CounterMetricFamily("tiku_rpc_refused", "Calls refused because the server was full.", value=self._refused)


CALLS = RpcMetrics()
REGISTRY.register(CALLS)
