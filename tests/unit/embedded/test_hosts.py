"""A collection that cannot be loaded is tried again, ever more seldom, with a line each time."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, cast

import pytest
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.errors import disk_full
from services.embedded.qdrant_server.frames import FrameKind
from services.embedded.qdrant_server.hosts import Host
from services.embedded.qdrant_server.links import WorkerLink, WorkerLostError


class _Link:
    """A worker whose loads fail, one after the other, with what `failures` holds."""

    def __init__(self, failures: list[Exception], loads: list[bytes]) -> None:
        self._failures = failures
        self._loads = loads
        self.ended = asyncio.Event()

    async def control(self, name: str, *arguments: bytes) -> bytes:
        if name == "load":
            self._loads += arguments
            if self._failures:
                raise self._failures.pop(0)
        return b""

    async def call(self, kind: FrameKind, parts: list[bytes]) -> list[bytes]:
        assert (kind, parts) == (FrameKind.CONTROL, [b"take over"])
        return [b"", b'{"points": 1, "changed": 0, "log_bytes": 0, "aside": true}']

    async def kill(self) -> None:
        pass


class _Forks:
    def __init__(self, failures: list[Exception]) -> None:
        self.failures = failures
        self.loads: list[bytes] = []

    async def spawn(self, _folder: Path) -> WorkerLink:
        return cast(WorkerLink, _Link(self.failures, self.loads))


async def test_a_collection_that_cannot_be_loaded_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("services.embedded.qdrant_server.hosts.asyncio.sleep", sleep)
    forks = _Forks([*(WorkerLostError() for _ in range(6)), disk_full(), disk_full()])
    host = Host(tmp_path, pb.CreateCollection(collection_name="notes"), cast(Any, forks))
    with caplog.at_level(logging.WARNING):
        await host._start_again()
    # A crash is tried again later and later, a full disk every second: room may come at any time.
    assert waits == [1, 2, 4, 8, 16, 16, 16, 1]
    # One that ended while it loaded, as Edge does on a disk that fills up, goes to another volume at every second try.
    assert forks.loads == [b"", b"aside"] * 4 + [b""]
    lines = [record for record in caplog.records if "cannot be loaded" in record.message]
    assert len(lines) == 8
    assert all(record.exc_info is None for record in caplog.records)
    assert host.aside
