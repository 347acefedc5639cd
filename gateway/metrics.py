"""What the gateway counts, in Prometheus' text form."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from services.kit.loop_lag import LoopLagMonitor
from services.kit.metrics_page import process_registry

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metrics:
    """The metrics of one gateway, of its event loop and of its process."""

    def __init__(self, in_flight: Callable[[], float], lag: LoopLagMonitor) -> None:
        self._registry = process_registry(lag)
        self._requests = Counter(
            "tiku_gateway_requests", "Requests answered.", ("operation", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "tiku_gateway_request_seconds",
            "From the request's first byte to the response's last.",
            ("operation",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        gauge = Gauge("tiku_gateway_in_flight", "Requests being answered.", registry=self._registry)
        gauge.set_function(in_flight)
        self._counters: dict[tuple[str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def record(self, operation: str, status: int, seconds: float) -> None:
        """Count one answered request; status 499 is a client that left."""
        counter = self._counters.get((operation, status))
        if counter is None:
            counter = self._counters[operation, status] = self._requests.labels(operation, str(status))
        counter.inc()
        histogram = self._histograms.get(operation)
        if histogram is None:
            histogram = self._histograms[operation] = self._seconds.labels(operation)
        histogram.observe(seconds)

    def page(self) -> tuple[bytes, bytes]:
        """Return the page and its media type."""
        text: bytes = generate_latest(self._registry)
        return text, CONTENT_TYPE_LATEST.encode()
