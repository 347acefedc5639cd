"""Prometheus' page of a process."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import start_http_server


def export_metrics(listen: str) -> Callable[[], None]:
    """Serves Prometheus' page at `listen` from a thread of its own; the result stops it."""
    host, _, port = listen.rpartition(":")
    server, thread = start_http_server(int(port), host or "127.0.0.1")

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
