"""How late the event loops of a stack's processes were during a stretch of time, beside one that does nothing."""

from __future__ import annotations

import asyncio
import sys
from bisect import bisect_left
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from services.kit.loop_lag import BUCKETS
from tests.e2e.stack import Up

# Turns of a fifth of a millisecond, ten of them every ten: what a kernel does to a process that never sleeps for long,
# and nothing that could make its own loop late.
_CONTROL = """
import asyncio, sys, time, uvloop
from services.kit.loop_lag import INTERVAL

def turn():
    ends = time.perf_counter() + 0.0002
    while time.perf_counter() < ends:
        pass

async def main():
    loop = asyncio.get_running_loop()
    stop = loop.create_future()
    loop.add_reader(sys.stdin.fileno(), stop.cancel)
    late = []
    while not stop.cancelled():
        due = loop.time() + INTERVAL
        for _ in range(10):
            turn()
            await asyncio.sleep(0)
        await asyncio.sleep(max(0.0, due - loop.time()))
        late.append(max(0.0, loop.time() - due))
    sys.stdout.write("\\n".join(map(repr, late)))

uvloop.run(main())
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """Lateness in seconds, as upper bounds of the histogram's buckets; infinite beyond the last one."""

    samples: int
    p99: float
    max: float

    @classmethod
    def of(cls, counts: Sequence[int]) -> Lag:
        """The lag of samples counted a bucket."""
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
        return f"p99 ≤ {self.p99 * 1000:g} ms, max ≤ {self.max * 1000:g} ms of {self.samples}"


@dataclass(slots=True)
class Measured:
    """What the stretch of time showed; filled in at its end."""

    services: dict[str, Lag] = field(default_factory=dict)
    control: Lag = field(default_factory=lambda: Lag.of([0] * (len(BUCKETS) + 1)))


@asynccontextmanager
async def measured(up: Up) -> AsyncIterator[Measured]:
    """Measures every service process, and a bare loop in a process of the same priority, for the block."""
    result = Measured()
    before = await _counts(up)
    control = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _CONTROL), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield result
        after = await _counts(up)
        late, _ = await control.communicate(b"stop\n")
    finally:
        if control.returncode is None:
            control.kill()
            await control.wait()
    result.services = {
        name: Lag.of([new - old for old, new in zip(before[name], after[name], strict=True)]) for name in after
    }
    counts = [0] * (len(BUCKETS) + 1)
    for sample in map(float, late.split()):
        counts[bisect_left(BUCKETS, sample)] += 1
    result.control = Lag.of(counts)


async def _counts(up: Up) -> Mapping[str, list[int]]:
    """Samples a bucket of every service's histogram, from its metrics page."""
    pages = {name: service["metrics"] for name, service in (await up.state())["services"].items()}
    found = {}
    async with aiohttp.ClientSession() as http:
        for name, page in pages.items():
            async with http.get(page) as answer:
                text = await answer.text()
            lag = next(f for f in text_string_to_metric_families(text) if f.name == "tiku_loop_lag_seconds")
            rising = [int(sample.value) for sample in lag.samples if sample.name.endswith("_bucket")]
            assert len(rising) == len(BUCKETS) + 1, name
            found[name] = [rising[0], *(later - earlier for earlier, later in pairwise(rising))]
    return found
