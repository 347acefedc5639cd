"""Runs subject and peer in turn on separate cores, several times, and gives medians and ratios.

The machines are shared and noisy, so a figure by itself says little: subject and peer are interleaved (A B A B …)
within one run, and what is reported is the ratio of each pair's throughputs, as a median with its range.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVER_CORE = 0
LOAD_CORE = 1


def pin_load() -> None:
    """Keep this process, which makes the load, on its own core where there is a second one."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, {LOAD_CORE})


def unpin_load() -> None:
    """Give this process every core again."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


@contextlib.asynccontextmanager
async def running(
    module: str,
    *arguments: str,
    environment: dict[str, str] | None = None,
    core: int | None = SERVER_CORE,
    tree: Path = ROOT,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m module` of a source tree, pinned to `core` (None: to none), while the block runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'protos' / 'gen'}", **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setaffinity(process.pid, range(os.cpu_count() or 1) if core is None else {core})
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def server(
    module: str, *arguments: str, environment: dict[str, str] | None = None, core: int | None = SERVER_CORE
) -> AsyncIterator[str]:
    """Run a module that prints its address on a line when it is ready; give that line."""
    async with running(module, *arguments, environment=environment, core=core) as process:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        if not line:
            raise RuntimeError(f"{module} {' '.join(arguments)} ended before it was ready")
        yield line.decode().strip()


@contextlib.asynccontextmanager
async def gateway(environment: dict[str, str], *, core: int | None = SERVER_CORE) -> AsyncIterator[str]:
    """Run the gateway on a free port while the block runs; give its URL once it answers."""
    address = free_address()
    async with running("gateway", environment={**environment, "TIKU_GATEWAY_LISTEN": address}, core=core) as process:
        await answers(address, process)
        yield f"http://{address}"


@contextlib.asynccontextmanager
async def service(name: str, environment: dict[str, str], *, core: int | None = SERVER_CORE) -> AsyncIterator[str]:
    """Run one service on a free port while the block runs; give its address once it answers."""
    address = free_address()
    async with running("services", "serve", name, "--listen", address, environment=environment, core=core) as process:
        await answers(address, process)
        yield address


@contextlib.asynccontextmanager
async def stack(environment: dict[str, str], *, tree: Path = ROOT) -> AsyncIterator[str]:
    """Run the whole of a source tree's Tiku on a fresh data folder while the block runs; give the gateway's URL."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("services", "up", "--data", folder, "--port", "0", "--ports", "free")
        state = Path(folder) / "run" / "stack.json"
        async with running(*arguments, environment=environment, core=None, tree=tree) as process:
            async with asyncio.timeout(180):
                while not await asyncio.to_thread(state.exists):
                    if process.returncode is not None:
                        raise RuntimeError(f"the stack ended with {process.returncode}")
                    await asyncio.sleep(0.2)
            yield json.loads(await asyncio.to_thread(state.read_text))["gateway"]


def free_address() -> str:
    """host:port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


async def answers(address: str, process: asyncio.subprocess.Process) -> None:
    """Wait until something accepts connections at host:port."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(60):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the server for {address} ended with {process.returncode}")
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


@dataclass(frozen=True, slots=True)
class Comparison:
    """Throughputs of subject and peer, pair by pair, in operations per second."""

    name: str
    subject: Sequence[float]
    peer: Sequence[float]
    goal: float

    @property
    def ratios(self) -> list[float]:
        """Subject ÷ peer of each pair."""
        return [a / b for a, b in zip(self.subject, self.peer, strict=True)]

    @property
    def ratio(self) -> float:
        """The median ratio, the figure to quote."""
        return statistics.median(self.ratios)

    def row(self) -> str:
        """Return a row of a Markdown table."""
        low, high = min(self.ratios), max(self.ratios)
        return (
            f"| {self.name} | {statistics.median(self.subject):,.0f} | {statistics.median(self.peer):,.0f} "
            f"| **{self.ratio:.2f}** ({low:.2f}–{high:.2f}) | ≥ {self.goal:.2f} |"
        )


HEADER = "| what | Tiku /s | peer /s | ratio (range) | goal |\n| --- | --- | --- | --- | --- |"

Measure = Callable[[], Awaitable[float]]


async def compare(name: str, subject: Measure, peer: Measure, *, goal: float, rounds: int = 7) -> Comparison:
    """Measures both in turn, `rounds` times after one uncounted round."""
    await subject()
    await peer()
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(await subject())
        theirs.append(await peer())
    return Comparison(name, ours, theirs, goal)


async def throughput(operation: Callable[[], Awaitable[object]], *, concurrency: int, seconds: float) -> float:
    """Operations per second of `concurrency` workers that repeat `operation` without a pause."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    end = start + seconds
    done = 0

    async def worker() -> None:
        nonlocal done
        while loop.time() < end:
            await operation()
            done += 1

    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return done / (loop.time() - start)
