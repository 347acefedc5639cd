"""A loop that is held and a loop that is starved are both late, and told apart."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.kit.cpu_wait import CpuWait
from services.kit.loop_lag import INTERVAL, LoopLagMonitor

needs_schedstat = pytest.mark.skipif(
    not Path("/proc/thread-self/schedstat").exists(), reason="the kernel does not count its threads' waits"
)
HOLD = 0.2


def _spin(seconds: float) -> None:
    """Holds the calling thread for so much of its own time on a core."""
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        pass


def _sleep(seconds: float) -> None:
    """Holds the calling thread off the core, as a call that blocks does, where blockbuster does not see it."""
    ctypes.CDLL(None).usleep(int(seconds * 1_000_000))


async def _measured(hold: Callable[[float], None] | None = None) -> LoopLagMonitor:
    monitor = LoopLagMonitor()
    measuring = asyncio.create_task(monitor.run())
    await asyncio.sleep(5 * INTERVAL)
    if hold is not None:
        hold(HOLD)
        await asyncio.sleep(5 * INTERVAL)
    measuring.cancel()
    await asyncio.wait([measuring])
    return monitor


@contextlib.contextmanager
def _starved() -> Iterator[None]:
    """One core for this thread and three processes that want it whole."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        hogs = [subprocess.Popen((sys.executable, "-S", "-c", "while True: pass")) for _ in range(3)]
        try:
            yield
        finally:
            for hog in hogs:
                hog.send_signal(signal.SIGKILL)
                hog.wait()
    finally:
        os.sched_setaffinity(0, cores)


@pytest.mark.parametrize("hold", [_spin, _sleep])
async def test_what_holds_the_loop_is_seen(hold: Callable[[float], None]) -> None:
    monitor = await _measured(hold)
    assert monitor.held().max >= HOLD - INTERVAL
    assert monitor.lag().max >= monitor.held().max
    assert monitor.held().samples >= 5


@pytest.mark.alone
@needs_schedstat
@pytest.mark.parametrize("hold", [_spin, _sleep])
def test_what_holds_a_starved_loop_is_seen(hold: Callable[[float], None]) -> None:
    with _starved():
        monitor = asyncio.run(_measured(hold))
    assert monitor.held().max >= HOLD - INTERVAL


@pytest.mark.alone
@needs_schedstat
def test_a_loop_without_a_core_is_late_but_not_held() -> None:
    async def turns() -> float:
        """A loop that works all the time, a millisecond a turn; its thread's wait meanwhile."""
        before = waited.seconds()
        ends = time.perf_counter() + 1.0
        while time.perf_counter() < ends:
            _spin(0.001)
            await asyncio.sleep(0)
        return waited.seconds() - before

    async def main() -> tuple[LoopLagMonitor, float]:
        monitor = LoopLagMonitor()
        measuring = asyncio.create_task(monitor.run())
        wait = await turns()
        measuring.cancel()
        await asyncio.wait([measuring])
        return monitor, wait

    with _starved(), contextlib.closing(CpuWait()) as waited:
        monitor, wait = asyncio.run(main())
    # A quarter of the core is its share.
    assert wait > 0.5
    assert monitor.lag().max > 0.005
    assert monitor.held().p99 <= 0.005
    assert monitor.held().max < monitor.lag().max


async def test_where_nobody_counts_the_wait_all_lateness_is_a_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise FileNotFoundError

    monkeypatch.setattr("services.kit.cpu_wait.os.open", refuse)
    monitor = await _measured(_spin)
    assert monitor.held() == monitor.lag()


@needs_schedstat
def test_a_wait_only_grows_and_is_the_threads_own() -> None:
    with contextlib.closing(CpuWait()) as mine:
        first = mine.seconds()
        _spin(0.01)
        assert mine.seconds() >= first
    assert mine.seconds() == 0.0
