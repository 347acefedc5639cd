"""How late the event loops of a stack's processes were during a stretch of time, and whose fault it was."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from services.kit.loop_lag import BUCKETS, STALL_SECONDS
from tests.e2e.stack import REPOSITORY, Up

_LAG = "tiku_loop_lag_seconds"
_STALLED = "tiku_loop_stalled_seconds"
_WAIT = "tiku_loop_cpu_wait_seconds"
_LOG_SECONDS = 0.5
"""A log is written from a thread of its own, a little later."""

# A bare thread on one core: late without having waited for it, when the core itself stood still.
_CORE = """
import os, select, sys, time
from services.kit.cpu_wait import CpuWait

os.sched_setaffinity(0, {int(sys.argv[1])})
cpu_wait = CpuWait()
waited, before = cpu_wait.seconds(), time.perf_counter()
while not select.select([sys.stdin], [], [], 0.005)[0]:
    last, waited = waited, cpu_wait.seconds()
    then, before = before, time.perf_counter()
    stood = before - then - 0.005 - (waited - last)
    if stood > 0.005:
        print(time.time(), stood, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Seconds, as upper bounds of the histogram's buckets; infinite beyond the last one."""

    samples: int
    p99: float
    max: float

    @classmethod
    def of(cls, counts: Sequence[int]) -> Lateness:
        """The lateness of samples counted a bucket."""
        bounds = [*BUCKETS, float("inf")]
        total = sum(counts)
        seen, p99 = 0, 0.0
        for count, bound in zip(counts, bounds, strict=True):
            seen += count
            p99 = bound
            if seen >= 0.99 * total:
                break
        largest = max((bound for count, bound in zip(counts, bounds, strict=True) if count), default=0.0)
        return cls(total, p99, largest)

    def __str__(self) -> str:
        return f"p99 ≤ {self.p99 * 1000:g} ms, max ≤ {self.max * 1000:g} ms"


@dataclass(frozen=True, slots=True)
class Loop:
    """One process' loop."""

    lag: Lateness
    """Whatever the cause."""
    stalled: Lateness
    """Without the time in which the loop's thread was ready to run and had no core."""
    cpu_wait: float
    """That time, seconds in all."""
    stalls: int
    """Stalls of more than 50 ms."""

    def __str__(self) -> str:
        return (
            f"stalled {self.stalled}; late {self.lag}; {self.lag.samples} samples, {self.cpu_wait:.2f} s without a core"
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds that ended at a time (Unix)."""

    ended: float
    seconds: float

    def overlaps(self, other: Stretch) -> bool:
        """Whether some moment belongs to both, give or take the clocks of two processes."""
        slack = 0.010
        return self.ended - self.seconds <= other.ended + slack and other.ended - other.seconds <= self.ended + slack


@dataclass(frozen=True, slots=True)
class Stall:
    """A stall, as the process logged it."""

    process: str
    stalled: float
    late: Stretch


@dataclass(slots=True)
class Measured:
    """What the stretch of time showed; filled in at its end."""

    loops: dict[str, Loop] = field(default_factory=dict)
    stalls: list[Stall] = field(default_factory=list)
    standstills: list[Stretch] = field(default_factory=list)
    """When a core stood still: a virtual machine's host gave it to another."""

    @property
    def unexplained(self) -> list[Stall]:
        """The stalls that stay stalls without the time in which a core stood still."""
        return [stall for stall in self.stalls if stall.stalled - self._stood(stall) > STALL_SECONDS]

    def _stood(self, stall: Stall) -> float:
        return max((still.seconds for still in self.standstills if still.overlaps(stall.late)), default=0.0)


@asynccontextmanager
async def measured(up: Up) -> AsyncIterator[Measured]:
    """Measures the loop of every process that exports it, and every core, for the block."""
    result = Measured()
    logs = up.data / "logs"
    async with AsyncExitStack() as cores:
        for core in os.sched_getaffinity(0):
            await cores.enter_async_context(_watched(core, result.standstills))
        begins = await asyncio.to_thread(_sizes, logs)
        before = await _pages(up)
        yield result
        after = await _pages(up)
    for name in after:
        lag, stalled = (
            [new - old for old, new in zip(before[name].counts[of], after[name].counts[of], strict=True)]
            for of in (_LAG, _STALLED)
        )
        wait = after[name].cpu_wait - before[name].cpu_wait
        stalls = sum(stalled[BUCKETS.index(STALL_SECONDS) + 1 :])
        result.loops[name] = Loop(Lateness.of(lag), Lateness.of(stalled), wait, stalls)
    await asyncio.sleep(_LOG_SECONDS)
    result.stalls = await asyncio.to_thread(lambda: list(_stalls(logs, begins)))
    assert len(result.stalls) >= sum(loop.stalls for loop in result.loops.values()), "a stall is not in the logs"


@asynccontextmanager
async def _watched(core: int, standstills: list[Stretch]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _CORE, str(core)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
    )
    try:
        yield
        said, _ = await process.communicate(b"stop\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    for line in said.splitlines():
        ended, seconds = map(float, line.split())
        standstills.append(Stretch(ended, seconds))


def _sizes(logs: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in logs.glob("*.log")}


def _stalls(logs: Path, begins: Mapping[Path, int]) -> Iterator[Stall]:
    for path in sorted(logs.glob("*.log")):
        with path.open("rb") as file:
            file.seek(begins.get(path, 0))
            for line in file:
                if b"the event loop stalled" in line:
                    entry = json.loads(line)
                    ended = datetime.fromisoformat(entry["time"]).timestamp()
                    yield Stall(path.stem, entry["stalled"], Stretch(ended, entry["late"]))


@dataclass(frozen=True, slots=True)
class _Page:
    """What a metrics page says: samples a bucket of each histogram, and the seconds without a core."""

    counts: Mapping[str, list[int]]
    cpu_wait: float


async def _pages(up: Up) -> Mapping[str, _Page]:
    addresses = (await up.state())["metrics"]
    pages = {}
    async with aiohttp.ClientSession() as http:
        for name, address in addresses.items():
            async with http.get(address) as answer:
                families = {family.name: family for family in text_string_to_metric_families(await answer.text())}
            counts = {}
            for histogram in (_LAG, _STALLED):
                samples = families[histogram].samples
                rising = [int(sample.value) for sample in samples if sample.name.endswith("_bucket")]
                assert len(rising) == len(BUCKETS) + 1, name
                counts[histogram] = [rising[0], *(later - earlier for earlier, later in pairwise(rising))]
            wait = next(sample.value for sample in families[_WAIT].samples if sample.name.endswith("_total"))
            pages[name] = _Page(counts, wait)
    return pages
