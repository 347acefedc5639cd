"""Qdrant: Edge behind Qdrant's gRPC API (`qdrant_server`) on a loopback port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from services.embedded.network import LOOPBACK, grpc_probe
from services.embedded.process import ProcessSpec
from services.embedded.python import module_command, module_environment

_HEALTH_CHECK = "/qdrant.Qdrant/HealthCheck"


@dataclass(frozen=True, slots=True)
class Qdrant:
    """A Qdrant server to be run: its process, and the URL that its gRPC clients use.

    `has_room` raises while a collection takes no writes because the disk was full, `is_whole` while one is damaged and
    cannot be loaded.
    """

    spec: ProcessSpec
    url: str
    has_room: Callable[[], Awaitable[None]]
    is_whole: Callable[[], Awaitable[None]]


def qdrant(data: Path, port: int, log_file: Path, metrics: str | None = None) -> Qdrant:
    """Describe a Qdrant server that keeps its collections in `data` and listens on `127.0.0.1:port`.

    `metrics` is the address, host:port, of its Prometheus page; None for none.
    """
    address = f"{LOOPBACK}:{port}"
    metrics_options = ("--metrics", metrics) if metrics else ()
    spec = ProcessSpec(
        name="qdrant",
        command=module_command(
            "services.embedded.qdrant_server", "--data", str(data.absolute()), "--port", str(port), *metrics_options
        ),
        log_file=log_file,
        probe=grpc_probe(address, _HEALTH_CHECK, accept=bool),
        environment=module_environment(),
        startup="opening its collections",
        hint=f"if {data} is damaged, restore it from a copy, or move it away and upload the documents again",
        stop_timeout=30.0,
    )
    has_room = grpc_probe(address, _HEALTH_CHECK, accept=lambda answer: b"DISK_FULL" not in answer)
    is_whole = grpc_probe(address, _HEALTH_CHECK, accept=lambda answer: b"DAMAGED" not in answer)
    return Qdrant(spec, f"http://{address}", has_room, is_whole)
