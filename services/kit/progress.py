"""The difference between a process that works, however slowly, and one that stands still.

A slow or crowded machine may take minutes over a start that takes seconds elsewhere, so no fixed time says whether a
start failed. The kernel's counts say it: a process that makes progress uses the processor, moves bytes, or writes its
log. A process that hangs does next to nothing of that; only its event loop may still wake up now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

STALL_SECONDS = 60.0
"""How long a process may go without progress while others wait for it."""
BUSY_SHARE = 0.05
"""The share of one core that counts as progress. The event loop of an idle service takes 0.015. A process that computes
gets this much as long as fewer than twenty others compute on each core, or six if it has stepped back behind them."""
BUSY_BYTES_PER_SECOND = 16 * 1024
"""Bytes read and written that count as progress. An idle service reads 2.6 KB a second: its own figures in /proc."""
_SAMPLES_IN_STALL = 12
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

T = TypeVar("T")


class StalledError(Exception):
    """A process made no progress for too long; `seconds` says for how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no progress for {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """What one process has used since it started: seconds of processor time, and bytes read and written."""

    cpu_seconds: float
    moved_bytes: int


class ProgressWatch:
    """Watches a process and its descendants for progress.

    Args:
        pid: the process.
        log_file: its log, which need not exist; None where it has none of its own.
        stall_seconds: how long it may stand still.
    """

    def __init__(self, pid: int, log_file: Path | None = None, stall_seconds: float = STALL_SECONDS) -> None:
        self.pid = pid
        self.interval = stall_seconds / _SAMPLES_IN_STALL
        """Seconds between two samples."""
        self._log_file = log_file
        self._stall_seconds = stall_seconds
        self._sampled_at = time.monotonic()
        self._usage: dict[int, ProcessUsage] = {}
        self._log_bytes: int | None = None
        self.restart()

    def restart(self) -> None:
        """Count the time without progress from now on, as after progress."""
        self._still_seconds = self._cpu_seconds = 0.0
        self._moved_bytes = 0

    async def still_seconds(self) -> float:
        """Return for how many seconds the process has made no progress; a sample is taken if one is due."""
        now = time.monotonic()
        elapsed = now - self._sampled_at
        if elapsed >= self.interval:
            self._sampled_at = now
            # A longer gap is a pause of this process or of the whole machine, and says nothing about the other one.
            self._still_seconds += min(elapsed, 2 * self.interval)
            if await asyncio.to_thread(self._progressed):
                self.restart()
        return self._still_seconds

    async def check(self) -> None:
        """Raise StalledError once the process has made no progress for `stall_seconds`."""
        if (seconds := await self.still_seconds()) >= self._stall_seconds:
            raise StalledError(seconds)

    async def result_of(self, work: Awaitable[T]) -> T:
        """Return what `work` returns, which waits for the process; cancel it when the process stands still.

        Raises:
            StalledError: the process made no progress within `stall_seconds`.
        """
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait((task,), timeout=self.interval))[0]:
                await self.check()
            return task.result()
        finally:
            task.cancel()

    def _progressed(self) -> bool:
        before, self._usage = self._usage, usage_below(self.pid)
        for pid, now in self._usage.items():
            then = before.get(pid, ProcessUsage(0.0, 0))
            self._cpu_seconds += max(0.0, now.cpu_seconds - then.cpu_seconds)
            self._moved_bytes += max(0, now.moved_bytes - then.moved_bytes)
        logged, self._log_bytes = self._log_bytes, _size(self._log_file) if self._log_file else 0
        return (
            (logged is not None and self._log_bytes > logged)
            or self._cpu_seconds >= BUSY_SHARE * self._stall_seconds
            or self._moved_bytes >= BUSY_BYTES_PER_SECOND * self._stall_seconds
        )


def usage_below(pid: int) -> dict[int, ProcessUsage]:
    """Return what `pid` and each of its descendants has used, read from /proc.

    The processor time of a process includes that of its children that ended. The bytes are 0 if the kernel does not let
    this process read them.
    """
    parents: dict[int, int] = {}
    cpu_seconds: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # proc(5): the fields after the name, from the state on; the parent is the 2nd, utime to cstime the 12th on.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)] = int(fields[1])
            cpu_seconds[int(entry.name)] = sum(map(int, fields[11:15])) / _TICKS_PER_SECOND
    return {
        each: ProcessUsage(cpu_seconds[each], _moved_bytes(each)) for each in _family(pid, parents) if each in parents
    }


def _family(pid: int, parents: dict[int, int]) -> set[int]:
    family = {pid}
    while found := {child for child, parent in parents.items() if parent in family} - family:
        family |= found
    return family


def _moved_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return 0
    counted = dict(line.split(": ") for line in lines)
    # Reads that memory answers are in `rchar` only, those of mapped files in `read_bytes` only.
    return sum(int(counted.get(name, 0)) for name in ("rchar", "wchar", "read_bytes"))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


@contextlib.asynccontextmanager
async def reported_wait(report: Callable[[float], None] | None) -> AsyncIterator[None]:
    """Tell `report` once a second how many seconds the block has taken so far."""
    if report is None:
        yield
        return
    reporting = asyncio.create_task(_report_every_second(report))
    try:
        yield
    finally:
        reporting.cancel()


async def _report_every_second(report: Callable[[float], None]) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(1.0)
        report(time.monotonic() - began)
