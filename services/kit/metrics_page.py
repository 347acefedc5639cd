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

from services.kit import addresses


def process_registry(*collectors: Collector) -> CollectorRegistry:
    """Return a registry of `collectors` and of the process's own memory, garbage collection and version of Python."""
    registry = CollectorRegistry()
    for collector in (*collectors, GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR):
        registry.register(collector)
    return registry


def export_metrics(listen: str, registry: CollectorRegistry) -> Callable[[], None]:
    """Serve the page at `listen` (host:port) from a thread of its own; the result stops it.

    Raises:
        services.kit.addresses.ListenError: the address is in use or not one of this machine.
    """
    host, port = addresses.host_and_port(listen)
    addresses.bound(host, port).close()
    server, thread = start_http_server(port, host, registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
