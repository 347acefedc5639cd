"""Retrieval while an engine is killed, or stands still for 20 seconds, in the middle of requests.

`python -m benchmarks.scale.faults [--neo4j]` prints a row a fault: how many answers were whole, lacked a leg or were
refused meanwhile, the longest wait, and how long after the engine's return the first answer was whole for good. The
supervisor starts a killed engine again, as `tiku up` does; the engine has returned when its own probe says so.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil

from benchmarks import harness
from benchmarks.scale import engines as running_engines
from benchmarks.scale.engines import Engines
from benchmarks.scale.library import Library
from benchmarks.scale.writer import PARTS, Writer
from tiku.retrieval.v1 import retrieval_pb2 as pb
from tiku.retrieval.v1 import retrieval_pb2_grpc

HEADER = (
    "| engine | fault | whole | partial | refused | longest wait, s | whole after its return, s | goal |\n"
    f"{'|---' * 8}|"
)
PASSAGES = 500
RATE = 10.0
DEADLINE_SECONDS = 15.0
STOPPED_SECONDS = 20.0
GOAL_SECONDS = 5.0
_QUIET_SECONDS = 3.0
_WHOLE_SECONDS = 3.0
"""Seconds without anything but whole answers after which retrieval counts as whole."""
_MOST_SECONDS = 60.0

Fault = Callable[[Engines, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """When a question was asked and answered, and how: whole, partial, or refused with a status."""

    asked: float
    answered: float
    how: str


async def killed(engines: Engines, name: str) -> None:
    """Kill an engine and all below it, and return when another serves in its place."""
    process = engines.processes[name]
    pid = engines.pid(name)
    _signal(pid, signal.SIGKILL)
    await asyncio.sleep(0.1)
    while process.pid in (None, pid) or not await _serves(process.spec.probe):  # noqa: ASYNC110 - seen from outside
        await asyncio.sleep(0.05)


async def stopped(engines: Engines, name: str) -> None:
    """Stop an engine and all below it for a while."""
    pid = engines.pid(name)
    _signal(pid, signal.SIGSTOP)
    await asyncio.sleep(STOPPED_SECONDS)
    _signal(pid, signal.SIGCONT)


FAULTS: dict[str, Fault] = {"killed": killed, "stopped for 20 s": stopped}


def _signal(pid: int, which: signal.Signals) -> None:
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, which)


async def _serves(probe: Callable[[], Awaitable[None]]) -> bool:
    try:
        await probe()
    except Exception:
        return False
    return True


class Asking:
    """Questions at a steady rate, and their answers."""

    def __init__(self, address: str, questions: list[str]) -> None:
        self._address = address
        self._questions = questions
        self.answers: list[Answer] = []

    async def run(self) -> None:
        """Ask for ever."""
        async with grpc.aio.insecure_channel(self._address) as channel, asyncio.TaskGroup() as group:
            stub = retrieval_pb2_grpc.RetrievalServiceStub(channel)
            for number in range(10**6):
                group.create_task(self._ask(stub, self._questions[number % len(self._questions)]))
                await asyncio.sleep(1 / RATE)

    async def _ask(self, stub: retrieval_pb2_grpc.RetrievalServiceStub, question: str) -> None:
        asked = time.perf_counter()
        try:
            found = await stub.Retrieve(pb.RetrieveRequest(query=question, limit=10), timeout=DEADLINE_SECONDS)
            how = "partial" if any(leg.reason for leg in found.legs) else "whole"
        except grpc.aio.AioRpcError as error:
            how = error.code().name
        self.answers.append(Answer(asked, time.perf_counter(), how))

    async def whole_since(self) -> float:
        """Wait until all that was asked lately was answered whole; return when the first of these was asked."""
        async with asyncio.timeout(_MOST_SECONDS):
            while True:
                await asyncio.sleep(0.2)
                odd = [answer.asked for answer in self.answers if answer.how != "whole"]
                whole = [a.asked for a in self.answers if a.how == "whole" and a.asked > max(odd, default=0.0)]
                if whole and max(whole) - min(whole) > _WHOLE_SECONDS:
                    return min(whole)


async def run(*, neo4j: bool = False) -> AsyncIterator[str]:
    """Yield the table."""
    yield HEADER
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tiku-faults-")))
        engines = await stack.enter_async_context(running_engines.running(folder, neo4j=neo4j))
        llm = await stack.enter_async_context(harness.server("benchmarks.servers.embedder", core=None))
        environment = {**engines.environment(), "TIKU_LLM_TARGET": llm, "TIKU_RETRIEVAL_GRAPH_LEG_ENABLED": "true"}
        address = await stack.enter_async_context(harness.service("retrieval", environment, core=None))
        library = Library()
        writer = Writer(address, library)
        stack.push_async_callback(writer.close)
        passages = list(library.passages(0, PASSAGES))
        for start in range(0, PASSAGES, 64):
            await writer.index(passages[start : start + 64])
            await writer.add(passages[start : start + 64])
        for name in PARTS:
            for what, fault in FAULTS.items():
                yield await _row(engines, name, what, fault, Asking(address, library.questions(100, PASSAGES)))


async def _row(engines: Engines, name: str, what: str, fault: Fault, asking: Asking) -> str:
    task = asyncio.create_task(asking.run())
    try:
        await asyncio.sleep(_QUIET_SECONDS)
        begun = time.perf_counter()
        await fault(engines, name)
        returned = time.perf_counter()
        try:
            after = f"**{max(0.0, await asking.whole_since() - returned):.1f}**"
        except TimeoutError:
            after = f"**not in {_MOST_SECONDS:.0f}**"
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    during = [answer for answer in asking.answers if answer.answered > begun and answer.asked < returned]
    counts = Counter(answer.how for answer in during)
    refused = ", ".join(f"{n} {how}" for how, n in counts.items() if how not in ("whole", "partial")) or "0"
    longest = max(answer.answered - answer.asked for answer in during)
    row = [name, what, str(counts["whole"]), str(counts["partial"]), refused, f"{longest:.1f}"]
    return f"| {' | '.join([*row, after, f'≤ {GOAL_SECONDS:.0f}'])} |"


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.faults", description=__doc__)
    parser.add_argument("--neo4j", action="store_true", help="use a Neo4j that is at hand in place of ArcadeDB")
    async for line in run(neo4j=parser.parse_args().neo4j):
        print(line, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
