"""The embedded vector engine while it grows: who waits how long, what upkeep costs, and what a restart takes.

`python -m benchmarks.engine --compare 50000` holds it against the engine in process, at 50 callers.
`python -m benchmarks.engine [--to 200000]` ingests hybrid points (384 dimensions and 30 terms) at a steady rate, with
50 searches a second, an upsert a second of one point and a health check every 20 ms, and prints a table. The column
`machine` says for how long a process that only sleeps was kept waiting meanwhile: nobody can be served faster. "With a
core" is the longest wait less the time for which the processes that serve it were kept from a core by others.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
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
_COPIES = 5
_WAITED: dict[int, int] = {}
"""Nanoseconds for which each process has waited for a core."""
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
    held: float = 0.0
    """The longest of them, less the time for which the processes concerned had no core meanwhile."""
    failed: int = 0

    def row(self, *shares: float) -> str:
        """Return the longest and the quantiles in milliseconds, and the number of failed calls if there are any."""
        ordered = sorted(self.seconds) or [0.0]
        chosen = [ordered[-1], *(ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in shares)]
        failed = f" ({self.failed} failed)" if self.failed else ""
        if self.held:
            failed = f" ({1000 * self.held:.1f} with a core){failed}"
        self.seconds, self.failed, self.held = [], 0, 0.0
        return " / ".join(f"{1000 * value:.1f}" for value in chosen) + failed

    async def measure(self, call: Awaitable[Any], server: int | None = None) -> Any:
        """Await a call and note how long it took; `server` is the process that answers."""
        before, started = starved(server), time.perf_counter()
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            self.failed += 1
            print(f"failed: {error.code()} {error.details()}", file=sys.stderr)
        finally:
            took = time.perf_counter() - started
            self.seconds.append(took)
            if server is not None and took > self.held:
                self.held = max(self.held, took - (starved(server) - before))


def starved(server: int | None) -> float:
    """Return for how many seconds this process and those that serve have waited for a core; upkeep is not counted."""
    if server is None:
        return 0.0
    (template,) = _children(server)
    for pid in (os.getpid(), server, *_children(template)):
        with contextlib.suppress(OSError):
            if os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, server):
                _WAITED[pid] = _waited(pid)  # One that has ended keeps what it had.
    return sum(_WAITED.values()) * 1e-9


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _waited(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1])


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
        self.data = folder / "data"
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
                *("--data", str(self.data), "--port", str(port)),
                stderr=log,
            )
        async with grpc.aio.insecure_channel(self.address) as channel:
            health = qdrant_pb2_grpc.QdrantStub(channel)  # type: ignore[no-untyped-call]
            await health.HealthCheck(pb.HealthCheckRequest(), wait_for_ready=True, timeout=600)
        return time.perf_counter() - started

    async def restarted(self) -> float:
        """Return how long the start takes after a kill: that of a second server on what a kill now would leave."""
        copy = Server(self._folder / "copy")
        await asyncio.to_thread(self._copy_data, copy)
        try:
            return await copy.start()
        finally:
            await copy.kill()
            await asyncio.to_thread(shutil.rmtree, self._folder / "copy")

    def _copy_data(self, target: Server) -> None:
        unfinished = shutil.ignore_patterns("work-*", "making-*", "*.lock", "lock")
        for attempt in range(_COPIES):
            try:
                shutil.copytree(self.data, target.data, ignore=unfinished)
                break
            except shutil.Error:  # an image came, and the log before it went, while the files were being copied
                shutil.rmtree(target.data)
                if attempt == _COPIES - 1:
                    raise
        target.log.touch()

    async def kill(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

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


async def probe(address: str, server: int) -> None:
    """Search, check the health and sleep, each 50 times a second, until a line comes in; then print the waits."""
    points, waits = Points(), {kind: Waits() for kind in ("search", "health", "machine")}
    async with grpc.aio.insecure_channel(address) as channel:
        searches = points_service_pb2_grpc.PointsStub(channel)  # type: ignore[no-untyped-call]
        health = qdrant_pb2_grpc.QdrantStub(channel)  # type: ignore[no-untyped-call]

        async def search() -> None:
            await waits["search"].measure(searches.Query(points.query()), server)

        async def check() -> None:
            await waits["health"].measure(health.HealthCheck(pb.HealthCheckRequest()), server)

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
                restarted = await self._server.restarted()
                row = [f"{size:,}", waits["search"], self._upserts.row(0.99), waits["health"], waits["machine"]]
                row += [f"{self._server.upkeep_cpu():.1f}", f"{memory:.0f}", f"{recall:.3f}", f"{restarted:.1f}"]
                yield f"| {' | '.join(row)} |"
        finally:
            await self._server.kill()

    async def compare(self, size: int) -> str:
        """Return how long 50 callers at once wait for hybrid queries: through the server, and of the engine alone."""
        await self._server.start()
        try:
            await self._create()
            async with grpc.aio.insecure_channel(self._server.address) as channel:
                points = points_service_pb2_grpc.PointsStub(channel)  # type: ignore[no-untyped-call]
                while self._stored < size:
                    await points.Upsert(self._points.batch(self._stored, _BATCH))
                    self._stored += _BATCH
                await self._indexed()
                queries = [self._points.query() for _ in range(200)]
                ratios = []
                for _ in range(3):
                    served = await self._served(points, queries)
                    alone = await asyncio.to_thread(self._alone, queries)
                    ratios.append((served / alone, served, alone))
        finally:
            await self._server.kill()
        ratio, served, alone = sorted(ratios)[1]
        return (
            f"{size:,} points: {1000 * served:.2f} ms a query served, {1000 * alone:.2f} ms in process: {ratio:.2f} x"
        )

    async def _indexed(self) -> None:
        """Wait until the newest image holds four fifths of the points."""
        async with asyncio.timeout(600):
            while self._image()[0] * _BATCH < 0.8 * self._stored:  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(1)
        await asyncio.sleep(5)

    def _image(self) -> tuple[int, Path]:
        images = self._server.data.glob("collections/*/image-*")
        return max((int(path.name.removeprefix("image-")), path) for path in images)

    async def _served(self, points: Any, queries: list[pb.QueryPoints]) -> float:
        """Return the seconds a query when 50 callers ask at once, over all of them."""
        started = time.perf_counter()
        left = iter(queries * 5)

        async def caller() -> None:
            for query in left:
                await points.Query(query)

        await asyncio.gather(*(caller() for _ in range(50)))
        return (time.perf_counter() - started) / (5 * len(queries))

    def _alone(self, queries: list[pb.QueryPoints]) -> float:
        """Return the seconds a query of the engine in this process; it holds the GIL, so callers come one by one."""
        import qdrant_edge as edge

        from services.embedded.qdrant_server.images import copy_shard
        from services.embedded.qdrant_server.queries import query_request

        copy = self._server.data / "alone"
        copy_shard(self._image()[1], copy)
        shard = edge.EdgeShard.load(str(copy))
        requests = [query_request(query, lambda *_: None) for query in queries]
        for request in requests:
            shard.query(request)
        started = time.perf_counter()
        for request in requests:
            shard.query(request)
        took = time.perf_counter() - started
        shard.close()
        shutil.rmtree(copy)
        return took / len(requests)

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
            *(sys.executable, "-m", "benchmarks.engine", "--probe", self._server.address, str(self._server.pid)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert others.stdout is not None
        await others.stdout.readline()
        started, first = time.perf_counter(), self._stored
        while self._stored < size:
            request = self._points.batch(self._stored, min(_BATCH, size - self._stored))
            await self._upserts.measure(points.Upsert(request), self._server.pid)
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
    parser.add_argument("--compare", type=int, metavar="POINTS", help="compare with the engine in process instead")
    parser.add_argument("--probe", nargs=2, metavar=("ADDRESS", "PID"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        await probe(options.probe[0], int(options.probe[1]))
        return
    if options.compare:
        with tempfile.TemporaryDirectory(prefix="tiku-engine-") as folder:
            print(await Run(Path(folder), options.rate).compare(options.compare))
        return
    print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n{_HEADER}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tiku-engine-") as folder:
        async for row in Run(Path(folder), options.rate).rows([size for size in SIZES if size <= options.to]):
            print(row, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
