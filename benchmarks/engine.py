"""The embedded vector engine while it grows: who waits how long, what upkeep costs, and what a restart takes.

`python -m benchmarks.engine [--to 200000]` ingests hybrid points (384 dimensions and 30 terms) at a steady rate, with
50 searches a second, an upsert a second of one point and a health check every 20 ms, and prints a table. The column
`machine` says for how long a process that only sleeps was kept waiting meanwhile: nobody can be served faster.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
from qdrant_client import grpc as pb
from qdrant_client.grpc import points_service_pb2_grpc, qdrant_pb2_grpc

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
_DIMENSION, _TERMS, _VOCABULARY, _TOPICS = 384, 30, 30_000, 400
_BATCH = 64
_NAME = "bench"
_HEADER = (
    "| points | search longest / P99 / P50 ms | upsert longest / P99 ms | health longest / P99 ms | "
    "machine longest / P99 ms | upkeep CPU s | memory MB | recall@10 | start after a kill s |\n"
    f"{'|---' * 9}|"
)


@dataclass
class Waits:
    """Seconds that calls of one kind took since the last row."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def row(self, *shares: float) -> str:
        """Return the longest and the quantiles in milliseconds, and the number of failed calls if there are any."""
        ordered = sorted(self.seconds) or [0.0]
        chosen = [ordered[-1], *(ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in shares)]
        failed = f" ({self.failed} failed)" if self.failed else ""
        self.seconds, self.failed = [], 0
        return " / ".join(f"{1000 * value:.1f}" for value in chosen) + failed

    async def measure(self, call: Awaitable[Any]) -> Any:
        """Await a call and note how long it took."""
        started = time.perf_counter()
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            self.failed += 1
            print(f"failed: {error.code()} {error.details()}", file=sys.stderr)
        finally:
            self.seconds.append(time.perf_counter() - started)


class Points:
    """Points in topics, so that neighbors mean something; the same ones every time."""

    def __init__(self) -> None:
        self._dice = np.random.default_rng(1)
        self._topics = self._dice.normal(size=(_TOPICS, _DIMENSION)).astype("f4")
        self.vectors = np.zeros((max(SIZES) + 1, _DIMENSION), "f4")

    def vector(self, count: int) -> Any:
        """Return `count` new unit vectors."""
        noise = self._dice.normal(size=(count, _DIMENSION)).astype("f4")
        made = self._topics[self._dice.integers(0, _TOPICS, count)] + 0.8 * noise
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    def terms(self) -> pb.SparseVector:
        """Return the terms of a point or a query; low numbers are common."""
        indices = np.unique((_VOCABULARY * self._dice.random(_TERMS) ** 2).astype(int))
        return pb.SparseVector(indices=indices.tolist(), values=[1.0] * len(indices))

    def batch(self, start: int, count: int) -> pb.UpsertPoints:
        """Return a request that stores the points `start` to `start + count`."""
        self.vectors[start : start + count] = self.vector(count)
        request = pb.UpsertPoints(collection_name=_NAME, wait=True)
        for number in range(start, start + count):
            point = request.points.add()
            point.id.num = number
            named = point.vectors.vectors.vectors
            named["dense"].dense.data.extend(self.vectors[number].tolist())
            named["terms"].sparse.CopyFrom(self.terms())
            point.payload["text"].string_value = "word " * 60
            point.payload["document"].string_value = f"d{number // 100}"
        return request

    def query(self) -> pb.QueryPoints:
        """Return a hybrid query."""
        request = pb.QueryPoints(collection_name=_NAME, limit=10)
        dense = request.prefetch.add(using="dense", limit=30)
        dense.query.nearest.dense.data.extend(self.vector(1)[0].tolist())
        sparse = request.prefetch.add(using="terms", limit=30)
        sparse.query.nearest.sparse.CopyFrom(self.terms())
        request.query.fusion = pb.Fusion.RRF
        request.with_payload.enable = True
        return request


class Server:
    """The embedded server as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.address = ""
        self.log = folder / "log"

    async def start(self) -> float:
        """Start it, and return the seconds until it answers."""
        from services.embedded.network import free_port

        started = time.perf_counter()
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.embedded.qdrant_server"),
                *("--data", str(self._folder / "data"), "--port", str(port)),
                stderr=log,
            )
        async with grpc.aio.insecure_channel(self.address) as channel:
            health = qdrant_pb2_grpc.QdrantStub(channel)  # type: ignore[no-untyped-call]
            await health.HealthCheck(pb.HealthCheckRequest(), wait_for_ready=True, timeout=600)
        return time.perf_counter() - started

    async def kill(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    def memory(self) -> float:
        """Return the megabytes that its processes have together; what they share counts once."""
        assert self._process is not None
        root = psutil.Process(self._process.pid)
        total = 0
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error, OSError):
                lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
        return total / 1024

    def upkeep_cpu(self) -> float:
        """Return the seconds of CPU that upkeep has taken so far."""
        records = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line[:1] == "{"]
        total: float = sum(record["cpu_seconds"] for record in records if record["message"] == "upkeep")
        return total


async def _every(seconds: float, call: Callable[[], Awaitable[None]]) -> None:
    """Start `call` at a fixed rate, whether or not earlier ones are done."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    async with asyncio.TaskGroup() as group:
        while True:
            due += seconds
            await asyncio.sleep(due - loop.time())
            group.create_task(call())  # type: ignore[arg-type]


async def probe(address: str) -> None:
    """Search, check the health and sleep, each 50 times a second, until a line comes in; then print the waits."""
    points, waits = Points(), {kind: Waits() for kind in ("search", "health", "machine")}
    async with grpc.aio.insecure_channel(address) as channel:
        searches = points_service_pb2_grpc.PointsStub(channel)  # type: ignore[no-untyped-call]
        health = qdrant_pb2_grpc.QdrantStub(channel)  # type: ignore[no-untyped-call]

        async def search() -> None:
            await waits["search"].measure(searches.Query(points.query()))

        async def check() -> None:
            await waits["health"].measure(health.HealthCheck(pb.HealthCheckRequest()))

        async def sleep() -> None:
            started = time.perf_counter()
            await asyncio.sleep(0.01)
            waits["machine"].seconds.append(time.perf_counter() - started - 0.01)

        chores = [asyncio.create_task(_every(1 / 50, chore)) for chore in (search, check, sleep)]
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for chore in chores:
            chore.cancel()
        await asyncio.wait(chores)
    rows = {"search": waits["search"].row(0.99, 0.5), "health": waits["health"].row(0.99)}
    print(json.dumps({**rows, "machine": waits["machine"].row(0.99)}))


class Run:
    """One run of the benchmark."""

    def __init__(self, folder: Path, rate: float) -> None:
        self._points = Points()
        self._server = Server(folder)
        self._rate = rate
        self._upserts = Waits()
        self._stored = 0

    async def rows(self, sizes: list[int]) -> AsyncIterator[str]:
        """Yield the rows of the table."""
        await self._server.start()
        try:
            await self._create()
            for size in sizes:
                async with grpc.aio.insecure_channel(self._server.address) as channel:
                    waits = await self._grow(channel, size)
                    memory = self._server.memory()
                    recall = await self._recall(channel)
                await self._server.kill()
                restarted = await self._server.start()
                row = [f"{size:,}", waits["search"], self._upserts.row(0.99), waits["health"], waits["machine"]]
                row += [f"{self._server.upkeep_cpu():.1f}", f"{memory:.0f}", f"{recall:.3f}", f"{restarted:.1f}"]
                yield f"| {' | '.join(row)} |"
        finally:
            await self._server.kill()

    async def _create(self) -> None:
        from qdrant_client.grpc import collections_service_pb2_grpc

        request = pb.CreateCollection(collection_name=_NAME)
        dense = request.vectors_config.params_map.map["dense"]
        dense.size, dense.distance = _DIMENSION, pb.Distance.Cosine
        request.sparse_vectors_config.map["terms"].modifier = pb.Modifier.Idf
        async with grpc.aio.insecure_channel(self._server.address) as channel:
            stub = collections_service_pb2_grpc.CollectionsStub(channel)  # type: ignore[no-untyped-call]
            await stub.Create(request)

    async def _grow(self, channel: grpc.aio.Channel, size: int) -> dict[str, str]:
        """Ingest up to `size` points, and return how long others waited meanwhile."""
        points = points_service_pb2_grpc.PointsStub(channel)  # type: ignore[no-untyped-call]
        others = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.engine", "--probe", self._server.address),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert others.stdout is not None
        await others.stdout.readline()
        started, first = time.perf_counter(), self._stored
        while self._stored < size:
            request = self._points.batch(self._stored, min(_BATCH, size - self._stored))
            await self._upserts.measure(points.Upsert(request))
            self._stored += len(request.points)
            await asyncio.sleep(started + (self._stored - first) / self._rate - time.perf_counter())
        output, _ = await others.communicate(b"\n")
        waits: dict[str, str] = json.loads(output)
        return waits

    async def _recall(self, channel: grpc.aio.Channel) -> float:
        points = points_service_pb2_grpc.PointsStub(channel)  # type: ignore[no-untyped-call]
        shares = []
        for query in self._points.vector(50):
            request = pb.QueryPoints(collection_name=_NAME, using="dense", limit=10)
            request.query.nearest.dense.data.extend(query.tolist())
            found = {hit.id.num for hit in (await points.Query(request)).result}
            nearest = np.argpartition(-(self._points.vectors[: self._stored] @ query), 10)[:10]
            shares.append(len(found & set(nearest.tolist())) / 10)
        return statistics.fmean(shares)


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--to", type=int, default=max(SIZES), help="points of the last row (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=500.0, help="points a second (default: %(default)s)")
    parser.add_argument("--probe", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        await probe(options.probe)
        return
    print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n{_HEADER}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tiku-engine-") as folder:
        async for row in Run(Path(folder), options.rate).rows([size for size in SIZES if size <= options.to]):
            print(row, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
