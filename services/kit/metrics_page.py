"""Prometheus' page of a process."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    start_http_server,
)
from prometheus_client.registry import Collector


def process_registry(*collectors: Collector) -> CollectorRegistry:
    """Return a registry of `collectors` and of the process's own memory, garbage collection and version of Python."""
    registry = CollectorRegistry()
    for collector in (*collectors, GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR):
        registry.register(collector)
    return registry


def export_metrics(listen: str, *collectors: Collector) -> Callable[[], None]:
    """Serve the page at `listen` (host:port) from a thread of its own; the result stops it."""
    host, _, port = listen.rpartition(":")
    server, thread = start_http_server(int(port), host or "127.0.0.1", process_registry(*collectors))

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
