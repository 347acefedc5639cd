"""The engines of a retrieval service, each a supervised process, and what they take of the machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from services.embedded.arcadedb import arcadedb
from services.embedded.network import LOOPBACK, bolt_probe, free_ports
from services.embedded.process import ProcessSpec, SupervisedProcess
from services.embedded.qdrant import qdrant
from tests.shared import NEO4J


@dataclass(frozen=True, slots=True)
class Engines:
    """A vector engine and a graph engine: their addresses, their processes and their data."""

    qdrant_url: str
    bolt_url: str
    user: str
    password: str
    processes: dict[str, SupervisedProcess]
    folders: dict[str, Path]

    def environment(self) -> dict[str, str]:
        """Return the settings of a retrieval service that uses them."""
        return {
            "TIKU_QDRANT_URL": self.qdrant_url,
            "TIKU_NEO4J_URL": self.bolt_url,
            "TIKU_NEO4J_USER": self.user,
            "TIKU_NEO4J_PASSWORD": self.password,
        }

    def pid(self, name: str) -> int:
        """Return the process of "vectors" or "graph"."""
        pid = self.processes[name].pid
        assert pid is not None
        return pid


@asynccontextmanager
async def running(folder: Path, *, neo4j: bool) -> AsyncIterator[Engines]:
    """Run the embedded engines, or Neo4j in place of the embedded graph engine, on fresh data while the block runs."""
    vector_port, bolt_port, http_port = free_ports(3)
    vectors = qdrant(folder / "vectors", vector_port, folder / "vectors.log")
    if neo4j:
        url, user, password = f"bolt://{LOOPBACK}:{bolt_port}", "", ""
        spec = ProcessSpec(
            name="neo4j",
            command=[str(NEO4J), str(folder / "graph"), str(bolt_port)],
            log_file=folder / "graph.log",
            probe=bolt_probe(LOOPBACK, bolt_port),
            stop_signal=signal.SIGKILL,
        )
    else:
        server = await asyncio.to_thread(arcadedb, folder / "graph", bolt_port, http_port, folder / "graph.log")
        url, user, password, spec = server.url, server.user, server.password, server.spec
    processes = {"vectors": SupervisedProcess(vectors.spec), "graph": SupervisedProcess(spec)}
    async with contextlib.AsyncExitStack() as stack:
        for process in processes.values():
            await process.start()
            stack.push_async_callback(process.stop)
        folders = {name: folder / name for name in processes}
        yield Engines(vectors.url, url, user, password, processes, folders)


def cpu_seconds(pid: int) -> float:
    """Return the processor seconds of a process and of all below it, those that have ended among them."""
    total = 0.0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mb(pid: int) -> float:
    """Return the megabytes of memory of a process and of all below it; what they share counts once."""
    total = 0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error, OSError):
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
    return total / 1024


def disk_mb(folder: Path) -> float:
    """Return the megabytes on disk below a folder."""
    return sum(_sizes(folder)) / 1e6


def _sizes(folder: Path) -> Iterable[int]:
    # An engine removes files and folders meanwhile. os.walk passes over a folder that is gone; rglob fails.
    files = (Path(path, name) for path, _, names in os.walk(folder) for name in names)
    for file in files:
        with contextlib.suppress(OSError):
            found = file.stat()
            # Sparse files and links count for what they take.
            yield found.st_blocks * 512 // max(1, found.st_nlink)


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []
