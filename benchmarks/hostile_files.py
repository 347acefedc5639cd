"""Calls of honest users alone, and beside files that are built to take a parser long; and who used the cores meanwhile.

Each hostile file has a user who uploads it again a second after it was answered. `/readyz`, a search and an upload of
1 kB until it is indexed are called one after the other with pauses between them. Alone and beside take turns, because
the machines are noisy.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psutil

from benchmarks.harness import stack
from tests.hostile_files import HOSTILE

HEADER = (
    "| call | alone P50 / P95 | beside hostile files P50 / P95 | times, P95 | goal |\n| --- | --- | --- | --- | --- |"
)
CORES_HEADER = "| process | cores alone | cores beside hostile files |\n| --- | --- | --- |"
CALLS = 20
MOST_TIMES = 2.0
_PAUSE_SECONDS = 0.2
_AGAIN_SECONDS = 1.0
_SETTLE_SECONDS = 3.0
_NO_PROVIDER = {"TIKU_LLM_BASE_URL": "http://127.0.0.1:9/v1", "TIKU_LLM_MODEL": "none", "TIKU_LLM_API_KEY": "none"}
_MODULE = re.compile(r"-m\s+(\S+)(?:\s+(?!-)(\S+))?|multiprocessing\.(forkserver|spawn)|(postgres)")

_Cores = defaultdict[str, float]
"""Cores that were busy, by kind of process."""


@dataclass(slots=True)
class Waits:
    """Seconds that calls of one kind took."""

    name: str
    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)

    def row(self) -> str:
        """Return a row of a Markdown table."""
        alone, beside = _quantiles(self.alone), _quantiles(self.beside)
        times = beside[1] / alone[1]
        return f"| {self.name} | {_shown(alone)} | {_shown(beside)} | **{times:.1f}** | ≤ {MOST_TIMES:.1f} |"


async def run(*, rounds: int = 2) -> AsyncIterator[str]:
    """Yield the rows of both tables, headers included."""
    async with stack(_NO_PROVIDER) as url, aiohttp.ClientSession(f"{url}/") as http:
        users = _Users(http)
        kinds = {"`/readyz`": users.ready, "search": users.search, "upload of 1 kB until it is indexed": users.honest}
        for once in kinds.values():
            await once()
        waits = [Waits(name) for name in kinds]
        cores: tuple[_Cores, _Cores] = (defaultdict(float), defaultdict(float))
        for _ in range(rounds):
            async with _cores(cores[0], rounds):
                for wait, once in zip(waits, kinds.values(), strict=True):
                    wait.alone += await _durations(once)
            async with users.uploading(), _cores(cores[1], rounds):
                for wait, once in zip(waits, kinds.values(), strict=True):
                    wait.beside += await _durations(once)
    yield HEADER
    for wait in waits:
        yield wait.row()
    yield f"\n{CORES_HEADER}"
    for name, used in sorted(cores[1].items(), key=lambda item: item[1], reverse=True)[:8]:
        yield f"| {name} | {cores[0][name]:.2f} | {used:.2f} |"
    yield f"\nFiles that were answered meanwhile: {dict(users.ends)}"


class _Users:
    """Those who call, and those who upload hostile files."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        # Made beforehand: it takes seconds, and the load must not be busy with anything but the calls.
        self._hostile = {name: make() for name, make in HOSTILE.items()}
        self._numbers = itertools.count()
        self._made: list[str] = []
        self.ends: Counter[str] = Counter()
        """How uploads of hostile files ended, by file and last event."""

    async def ready(self) -> None:
        async with self._http.get("readyz") as answer:
            answer.raise_for_status()
            await answer.read()

    async def search(self) -> None:
        await self._call("POST", "search", json={"query": "paper making", "limit": 5})

    async def honest(self) -> None:
        text = f"Note {next(self._numbers)}. Paper was made of bark, hemp and rags. " * 20
        end = await self._upload("note.txt", text[:1000].encode())
        if end != "indexed":
            raise RuntimeError(f"an honest file ended as {end}")

    @asynccontextmanager
    async def uploading(self) -> AsyncIterator[None]:
        """Upload the hostile files again and again while the block runs, then delete what is left of them."""
        uploads = [asyncio.ensure_future(self._keep_uploading(name)) for name in HOSTILE]
        try:
            await asyncio.sleep(_SETTLE_SECONDS)
            yield
        finally:
            for upload in uploads:
                upload.cancel()
            await asyncio.wait(uploads)
            for document_id in self._made:
                with suppress(aiohttp.ClientResponseError):
                    await self._call("DELETE", f"documents/{document_id}")
            self._made.clear()
            await asyncio.sleep(_SETTLE_SECONDS)

    async def _keep_uploading(self, name: str) -> None:
        while True:
            try:
                self.ends[f"{name} {await self._upload(name, self._hostile[name] + b' ' * next(self._numbers))}"] += 1
            except aiohttp.ClientResponseError as error:
                self.ends[f"{name} {error.status}"] += 1
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _upload(self, name: str, data: bytes) -> str:
        """Return the name of the last event of the document's job."""
        params = {"name": name, "kind": "DOCUMENT_KIND_MATERIAL", "parse": "true"}
        headers = {"Content-Type": "application/octet-stream"}
        stored = await self._call("POST", "documents", data=data, params=params, headers=headers)
        document_id = stored["document"]["document_id"]
        self._made.append(document_id)
        last = ""
        forever = aiohttp.ClientTimeout(total=None)
        async with self._http.get(f"api/v1/documents/{document_id}/events", timeout=forever) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                if line.startswith(b"event:"):
                    last = line.removeprefix(b"event:").strip().decode()
                elif b'"reason"' in line and last == "failed":
                    last += " " + "".join(re.findall(r'"reason"\s*:\s*"(\w+)"', line.decode())[:1])
        return last

    async def _call(self, method: str, path: str, **request: Any) -> Any:
        async with self._http.request(method, f"api/v1/{path}", **request) as answer:
            answer.raise_for_status()
            return await answer.json()


async def _durations(once: Callable[[], Awaitable[None]]) -> list[float]:
    durations = []
    clock = asyncio.get_running_loop().time
    for _ in range(CALLS):
        begin = clock()
        await once()
        durations.append(clock() - begin)
        await asyncio.sleep(_PAUSE_SECONDS)
    return durations


def _quantiles(durations: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    ordered = sorted(durations)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 95 // 100 - 1]


def _shown(seconds: tuple[float, float]) -> str:
    return " / ".join(f"{1000 * second:,.0f}" for second in seconds) + " ms"


@asynccontextmanager
async def _cores(used: _Cores, rounds: int) -> AsyncIterator[None]:
    """Add to `used` how many cores each kind of process below this one kept busy, a share of it in each round.

    What a process used after the last look is lost with it, so there is a look every second.
    """
    seen: dict[int, tuple[str, float]] = {}
    total: _Cores = defaultdict(float)
    clock = asyncio.get_running_loop().time
    begin = clock()

    async def look(first: bool) -> None:
        for pid, (name, seconds) in (await asyncio.to_thread(_processes)).items():
            total[name] += seconds - (seen[pid][1] if pid in seen else seconds if first else 0.0)
            seen[pid] = (name, seconds)

    async def watch() -> None:
        while True:
            await asyncio.sleep(1.0)
            await look(False)

    await look(True)
    watching = asyncio.ensure_future(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait((watching,))
        for name, seconds in total.items():
            used[name] += seconds / (clock() - begin) / rounds


def _processes() -> dict[int, tuple[str, float]]:
    """Return the name and the processor seconds of every process below this one, and of itself."""
    found = {}
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            match = _MODULE.search(" ".join(process.cmdline()))
            name = " ".join(filter(None, match.groups())) if match else process.name()
            found[process.pid] = ("the load" if process.pid == me.pid else name, times.user + times.system)
    return found
