"""Retrieval while a library grows: beside the engines themselves, beside indexing, and what a passage costs.

At each size the same questions go to `Retrieve` and, in turn with it, straight to the engines (`scale/straight.py`),
with 50 callers at a time. Then questions come at a steady rate, alone and while other passages are indexed as fast as
they can be. Then documents of a hundredth of the library are stored and deleted. The embedder is a stub.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from neo4j.exceptions import DriverError, Neo4jError

from benchmarks import harness
from benchmarks.scale import engines as running_engines
from benchmarks.scale.engines import Engines, cpu_seconds, disk_mb, memory_mb
from benchmarks.scale.library import Library
from benchmarks.scale.straight import ACROSS, Straight, send_all
from benchmarks.scale.writer import PARTS, Writer
from tiku.retrieval.v1 import retrieval_pb2 as pb

SIZES = (1_000, 10_000, 50_000)
CALLERS = 50
ROUNDS = 3
ROUND_SECONDS = 3.0
QUIET_SECONDS = 15.0
"""An engine that did nothing for so long has no work left: the vector engine indexes in a pause of ten seconds."""
MOST_SETTLING_SECONDS = 600.0
BUSY_SHARE = 0.1
"""Of a core: an engine that works takes more."""
RATE = 10.0
"""Questions a second beside indexing."""
STEADY_SECONDS = 10.0
QUESTIONS = 120
MOST_BESIDE = 20_000
"""Passages that are ready to be indexed beside questions."""
HITS = 10
DOCUMENTS = 85
"""A document that is deleted has this part of the library's passages."""
RATIO_GOAL, BESIDE_GOAL, DELETE_GOAL_SECONDS = 0.5, 1.5, 2.0
_TRIES = 10
_METHOD = "/tiku.retrieval.v1.RetrievalService/Retrieve"

GROWTH_HEADER = (
    "| passages | engine | ms a passage | CPU ms a passage: engine | service "
    "| memory MB | KB a passage | disk KB a passage |\n"
    f"{'|---' * 8}|"
)
QUERY_HEADER = (
    "| passages | legs | Tiku P50 / P95 ms | /s | straight P50 / P95 ms | /s | ratio (range) | goal "
    "| Tiku CPU ms: service | vectors | graph | straight CPU ms: client | vectors | graph |\n"
    f"{'|---' * 14}|"
)
STEADY_HEADER = (
    "| passages | legs | quiet P50 / P95 ms | while indexing P50 / P95 ms | times, P95 | goal | indexed/s |\n"
    f"{'|---' * 7}|"
)
DELETE_HEADER = f"| passages | of the document | longest delete, s | goal |\n{'|---' * 4}|"

Call = Callable[[int], Awaitable[object]]
_LEGS = {"plain": "vectors, words", "graph": "vectors, words, graph"}
_ASKED = {"plain": ("vector", "words", ACROSS), "graph": ("vector", "words", "graph", ACROSS)}
"""In their order, the one across languages last."""
_WRITTEN = {"plain": ("vectors",), "graph": PARTS}
"""What is indexed meanwhile."""


@dataclass
class Side:
    """What one way of asking took, over all rounds."""

    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    failed: int = 0
    partial: int = 0

    def shown(self) -> str:
        """Return P50 / P95 in milliseconds, and how many failed or lacked a leg, if any did."""
        seconds = sorted(self.seconds) or [0.0]
        odd = [f"{count} {what}" for count, what in ((self.failed, "failed"), (self.partial, "partial")) if count]
        quantiles = f"{1e3 * statistics.median(seconds):.0f} / {1e3 * self.p95:.0f}"
        return f"{quantiles} ({', '.join(odd)})" if odd else quantiles

    @property
    def p95(self) -> float:
        """Seconds within which 95 % were answered."""
        seconds = sorted(self.seconds) or [0.0]
        return seconds[min(len(seconds) - 1, len(seconds) * 95 // 100)]

    def cpu_ms(self, name: str) -> str:
        """Return the CPU time of a process for each answer."""
        return f"{1e3 * self.cpu.get(name, 0.0) / max(1, len(self.seconds)):.1f}"


class Writing:
    """A writer that runs meanwhile; how many passages of each part it has stored so far, and when the last one came."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.stored = dict.fromkeys(PARTS, 0)
        self.ended = dict.fromkeys(PARTS, 0.0)

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls, address: str, kind: str, first: int, count: int, parts: Sequence[str]
    ) -> AsyncIterator[Writing]:
        """Run a writer for the block, and end it with it; the block begins when the writer is ready to store."""
        arguments = (address, kind, str(first), str(count), *parts)
        async with harness.running("benchmarks.scale.writer", *arguments, core=None) as process:
            made = cls(process)
            await made._line()
            yield made

    async def follow(self) -> None:
        """Take what the writer prints until it is done.

        Raises:
            RuntimeError: it failed.
        """
        while await self._line():
            pass
        if await self._process.wait():
            raise RuntimeError("the writer failed")

    async def _line(self) -> bool:
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).split()
        if line and line[0].decode() in self.stored:
            self.stored[line[0].decode()] += int(line[1])
            self.ended[line[0].decode()] = time.perf_counter()
        return bool(line)


class Bench:
    """The engines, a service with the graph leg and one without it, and the load."""

    def __init__(
        self, engines: Engines, services: dict[str, str], straight: Straight, pids: dict[str, int], legs: str
    ) -> None:
        self._engines = engines
        self._services = services
        self._parts = _WRITTEN[legs]
        self._straight = straight
        self._pids = pids
        self._library = Library()
        self.size = 0

    async def grow(self, size: int) -> AsyncIterator[str]:
        """Store passages up to a size, and yield a row for each engine."""
        count = size - self.size
        before, started = self._cpu(), time.perf_counter()
        async with Writing.start(self._services["graph"], "shelf", self.size, count, self._parts) as writing:
            before, started = self._cpu(), time.perf_counter()
            await writing.follow()
        after, self.size = self._cpu(), size
        for part in self._parts:
            memory = memory_mb(self._pids[part])
            disk = await asyncio.to_thread(disk_mb, self._engines.folders[part])
            row = [f"{size:,}", part, f"{1e3 * (writing.ended[part] - started) / count:.1f}"]
            row += [f"{1e3 * (after[name] - before[name]) / count:.1f}" for name in (part, "service graph")]
            row += [f"{memory:.0f}", f"{1e3 * memory / size:.1f}", f"{1e3 * disk / size:.1f}"]
            yield f"| {' | '.join(row)} |"

    async def settle(self) -> str:
        """Wait until the engines have done what work they left for a pause, and say how long they computed for it."""
        started, before = time.perf_counter(), self._cpu()
        quiet_since, last = started, before
        while time.perf_counter() < min(quiet_since + QUIET_SECONDS, started + MOST_SETTLING_SECONDS):
            await asyncio.sleep(1)
            now = self._cpu()
            if any(now[part] - last[part] > BUSY_SHARE for part in self._parts):
                quiet_since = time.perf_counter()
            last = now
        cpu = ", ".join(f"{part} {last[part] - before[part]:.1f} s" for part in self._parts)
        return f"{self.size:,} passages: work left after growth took {quiet_since - started:.0f} s; CPU time: {cpu}"

    async def compare(self, legs: str) -> str:
        """Return the row of `Retrieve` beside the same queries straight to the engines."""
        questions = self._library.questions(QUESTIONS, self.size)
        noted = [await self._straight.noted(question, _ASKED[legs]) for question in questions]
        for leg in _ASKED[legs]:
            calls = statistics.fmean(sum(map(len, steps[leg].steps)) for steps in noted)
            found = statistics.fmean(steps[leg].found for steps in noted)
            print(f"{leg}: {calls:.1f} calls, {found:.1f} hits a question", file=sys.stderr)

        async def send(number: int) -> None:
            await send_all(noted[number % QUESTIONS])

        tiku, straight = Side(), Side()
        async with self._retrieve(legs, questions, tiku) as retrieve:
            for counted in (False, *[True] * ROUNDS):
                await self._round(tiku if counted else Side(), retrieve)
                await self._round(straight if counted else Side(), send)
        ratios = [a / b for a, b in zip(tiku.rates, straight.rates, strict=True)]
        row = [f"{self.size:,}", _LEGS[legs]]
        for side in (tiku, straight):
            row += [side.shown(), f"{statistics.median(side.rates):.0f}"]
        row += [f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})", f"≥ {RATIO_GOAL:.1f}"]
        row += [tiku.cpu_ms(name) for name in (f"service {legs}", *PARTS)]
        row += [straight.cpu_ms(name) for name in ("load", *PARTS)]
        return f"| {' | '.join(row)} |"

    async def beside(self, legs: str) -> str:
        """Return the row of questions at a steady rate, alone and while other passages are indexed."""
        questions = self._library.questions(QUESTIONS, self.size)
        kind = f"beside {self.size} {legs}"
        quiet, busy = Side(), Side()
        async with self._retrieve(legs, questions, quiet) as retrieve:
            await self._steadily(quiet, retrieve)
        parts = _WRITTEN[legs]
        async with Writing.start(self._services[legs], kind, 0, MOST_BESIDE, parts) as writing:
            following = asyncio.create_task(writing.follow())
            started = time.perf_counter()
            async with self._retrieve(legs, questions, busy) as retrieve:
                await self._steadily(busy, retrieve)
            rates = [f"{writing.stored[part] / (time.perf_counter() - started):.0f} {part}" for part in parts]
            following.cancel()
        most = max(writing.stored.values()) + 256
        for document in {passage.document for passage in self._library.passages(0, most, kind)}:
            await self._delete(document)
        times = f"**{busy.p95 / quiet.p95:.2f}**"
        row = [f"{self.size:,}", _LEGS[legs], quiet.shown(), busy.shown(), times, f"≤ {BESIDE_GOAL}", ", ".join(rates)]
        return f"| {' | '.join(row)} |"

    async def delete(self) -> str:
        """Return the row of deletions."""
        chunks = max(1, self.size // DOCUMENTS)
        writer = Writer(self._services["graph"], self._library)
        took = []
        try:
            for number in range(3):
                passages = self._library.document(f"deleted {self.size} {number}", chunks)
                for start in range(0, chunks, 64):
                    await writer.index(passages[start : start + 64])
                    if "graph" in self._parts:
                        await writer.add(passages[start : start + 64])
                started = time.perf_counter()
                await writer.delete(passages[0].document)
                took.append(time.perf_counter() - started)
        finally:
            await writer.close()
        return f"| {self.size:,} | {chunks} | **{max(took):.2f}** | ≤ {DELETE_GOAL_SECONDS:.0f} |"

    async def _delete(self, document: str) -> None:
        """Delete what was indexed meanwhile; an engine that is still busy with that is asked again."""
        writer = Writer(self._services["graph"], self._library)
        try:
            for _ in range(_TRIES):
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await writer.delete(document)
                    return
            raise RuntimeError(f"{document} could not be deleted")
        finally:
            await writer.close()

    @contextlib.asynccontextmanager
    async def _retrieve(self, legs: str, questions: Sequence[str], side: Side) -> AsyncIterator[Call]:
        """Give a call of `Retrieve`; what came back is looked at when the block ends."""
        requests = [pb.RetrieveRequest(query=question, limit=HITS).SerializeToString() for question in questions]
        answers: list[bytes] = []
        async with grpc.aio.insecure_channel(self._services[legs]) as channel:
            retrieve = channel.unary_unary(_METHOD, None, None)

            async def call(number: int) -> None:
                answers.append(await retrieve(requests[number % len(requests)], timeout=60))

            yield call
        side.partial = sum(any(leg.reason for leg in pb.RetrieveResponse.FromString(answer).legs) for answer in answers)

    async def _round(self, side: Side, call: Call) -> None:
        """Let all callers ask for some seconds, one question after the other."""
        clock = asyncio.get_running_loop().time
        numbers, before, started = itertools.count(), self._cpu(), clock()
        done = len(side.seconds)

        async def caller() -> None:
            while clock() < started + ROUND_SECONDS:
                await self._timed(side, call(next(numbers)))

        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        side.rates.append((len(side.seconds) - done) / (clock() - started))
        for name, seconds in self._cpu().items():
            side.cpu[name] = side.cpu.get(name, 0.0) + seconds - before[name]

    async def _steadily(self, side: Side, call: Call) -> None:
        """Ask at a steady rate, whether or not earlier questions are answered."""
        clock = asyncio.get_running_loop().time
        due = clock()
        async with asyncio.TaskGroup() as group:
            for number in range(int(RATE * STEADY_SECONDS)):
                due += 1 / RATE
                await asyncio.sleep(due - clock())
                group.create_task(self._timed(side, call(number)))

    async def _timed(self, side: Side, answer: Awaitable[object]) -> None:
        started = time.perf_counter()
        try:
            await answer
        except (grpc.aio.AioRpcError, Neo4jError, DriverError) as error:
            print(f"failed: {type(error).__name__} {error}", file=sys.stderr)
            side.failed += 1
        else:
            side.seconds.append(time.perf_counter() - started)

    def _cpu(self) -> dict[str, float]:
        return {"load": time.process_time(), **{name: cpu_seconds(pid) for name, pid in self._pids.items()}}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    sizes = ",".join(map(str, SIZES))
    parser.add_argument(
        "--sizes", default=sizes, help="passages at which retrieval-scale measures (default: %(default)s)"
    )
    parser.add_argument("--no-graph", action="store_true", help="retrieval-scale: vectors and words alone")
    parser.add_argument("--neo4j", action="store_true", help="retrieval-scale: a Neo4j at hand in place of ArcadeDB")


async def run(options: argparse.Namespace) -> AsyncIterator[str]:
    """Yield the rows of all tables, headers included, a size after the other."""
    sizes = [int(size) for size in options.sizes.split(",")]
    yield f"Load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tiku-scale-")))
        engines = await stack.enter_async_context(running_engines.running(folder, neo4j=options.neo4j))
        llm = await stack.enter_async_context(harness.server("benchmarks.servers.embedder", core=None))
        services, pids = {}, {name: engines.pid(name) for name in PARTS}
        for legs in _LEGS:
            environment = {
                **engines.environment(),
                "TIKU_LLM_TARGET": llm,
                "TIKU_RETRIEVAL_GRAPH_LEG_ENABLED": str(legs == "graph"),
                "TIKU_RETRIEVAL_LEG_TIMEOUT_SECONDS": "60",
            }
            address = harness.free_address()
            process = await stack.enter_async_context(
                harness.running(
                    "services", "serve", "retrieval", "--listen", address, environment=environment, core=None
                )
            )
            await harness.answers(address, process)
            services[legs], pids[f"service {legs}"] = address, process.pid
        straight = await stack.enter_async_context(Straight.open(engines, llm))
        asked = ["plain"] if options.no_graph else list(_LEGS)
        bench = Bench(engines, services, straight, pids, asked[-1])
        for size in sizes:
            started = time.perf_counter()
            yield f"\n{GROWTH_HEADER}"
            async for row in bench.grow(size):
                yield row
            yield f"\n{await bench.settle()}"
            yield f"\n{QUERY_HEADER}"
            for legs in asked:
                yield await bench.compare(legs)
            yield f"\n{STEADY_HEADER}"
            for legs in asked:
                yield await bench.beside(legs)
            yield f"\n{DELETE_HEADER}"
            yield await bench.delete()
            yield f"\n{size:,} passages took {time.perf_counter() - started:.0f} s"
