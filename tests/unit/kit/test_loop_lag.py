"""A loop that stalled and a loop without a core are both late, and told apart."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.kit.cpu_wait import CpuWait
from services.kit.loop_lag import IDLE_INTERVAL_SECONDS, INTERVAL_SECONDS, LoopLagMonitor

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
    await asyncio.sleep(5 * INTERVAL_SECONDS)
    if hold is not None:
        hold(HOLD)
        await asyncio.sleep(5 * INTERVAL_SECONDS)
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


@contextlib.asynccontextmanager
async def _measuring() -> AsyncIterator[LoopLagMonitor]:
    monitor = LoopLagMonitor()
    measuring = asyncio.create_task(monitor.run())
    await asyncio.sleep(0)
    try:
        yield monitor
    finally:
        measuring.cancel()
        await asyncio.wait([measuring])


def _stalls(monitor: LoopLagMonitor) -> float:
    """How many stalls of more than 50 ms were counted; a machine that lends out its cores adds some of its own."""
    return next(family.samples[0].value for family in monitor.collect() if family.name == "tiku_loop_stalls")


async def _looks(monitor: LoopLagMonitor, seconds: float) -> float:
    """How often the monitor looks a second, over so many."""
    before, began = monitor.lag().samples, time.perf_counter()
    await asyncio.sleep(seconds)
    return (monitor.lag().samples - before) / (time.perf_counter() - began)


async def _idle(monitor: LoopLagMonitor) -> None:
    """Return when the monitor takes the loop to be idle."""
    while await _looks(monitor, 0.3) > 0.5 / INTERVAL_SECONDS:
        pass


@needs_schedstat
async def test_an_idle_loop_is_looked_at_less_often() -> None:
    async with _measuring() as monitor:
        await _idle(monitor)
        assert await _looks(monitor, 1.0) <= 1.5 / IDLE_INTERVAL_SECONDS


@needs_schedstat
@pytest.mark.parametrize("hold", [_spin, _sleep])
async def test_what_a_call_does_is_seen_from_its_first_turn_although_the_loop_was_idle(
    hold: Callable[[float], None],
) -> None:
    async with _measuring() as monitor:
        await _idle(monitor)
        # Shorter than the time between two looks at an idle loop.
        monitor.call_begins()
        hold(0.08)
        monitor.call_ends()
        await asyncio.sleep(5 * INTERVAL_SECONDS)
        assert monitor.stalled().max >= 0.08 - INTERVAL_SECONDS


@needs_schedstat
async def test_a_loop_is_looked_at_closely_for_as_long_as_a_call_lasts() -> None:
    async with _measuring() as monitor:
        await _idle(monitor)
        monitor.call_begins()
        monitor.call_begins()
        monitor.call_ends()
        await asyncio.sleep(2.5)
        before = monitor.lag().samples
        _sleep(0.08)
        await asyncio.sleep(5 * INTERVAL_SECONDS)
        assert monitor.lag().samples > before
        assert monitor.stalled().max >= 0.08 - INTERVAL_SECONDS
        monitor.call_ends()
        await _idle(monitor)


@needs_schedstat
async def test_a_loop_that_works_by_itself_is_looked_at_closely() -> None:
    async def work() -> None:
        while True:
            _spin(0.005)
            await asyncio.sleep(0.02)

    async with _measuring() as monitor:
        await _idle(monitor)
        working = asyncio.create_task(work())
        await asyncio.sleep(2.5)
        before = _stalls(monitor)
        _sleep(0.08)
        await asyncio.sleep(5 * INTERVAL_SECONDS)
        assert _stalls(monitor) > before
        working.cancel()


@needs_schedstat
async def test_a_stall_of_an_idle_loop_that_ends_with_a_call_is_seen() -> None:
    async with _measuring() as monitor:
        await _idle(monitor)
        _sleep(HOLD)
        monitor.call_begins()
        monitor.call_ends()
        # What the thread waited for a core before the hold is taken for a part of it.
        assert monitor.stalled().max >= HOLD - IDLE_INTERVAL_SECONDS - 5 * INTERVAL_SECONDS


@pytest.mark.parametrize("hold", [_spin, _sleep])
async def test_what_holds_the_loop_is_seen(hold: Callable[[float], None]) -> None:
    monitor = await _measured(hold)
    assert monitor.stalled().max >= HOLD - INTERVAL_SECONDS
    assert monitor.lag().max >= monitor.stalled().max
    assert monitor.stalled().samples >= 5


async def test_a_stall_is_on_the_metrics_page() -> None:
    registry = CollectorRegistry()
    registry.register(await _measured(_sleep))
    page = {
        (sample.name, sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }
    assert page["tiku_loop_stalls_total", ""] == 1
    assert page["tiku_loop_stalled_max_seconds", ""] >= HOLD - INTERVAL_SECONDS
    for name in ("tiku_loop_lag_seconds", "tiku_loop_stalled_seconds"):
        assert page[f"{name}_bucket", "0.1"] == page[f"{name}_count", ""] - 1
        assert page[f"{name}_bucket", "+Inf"] == page[f"{name}_count", ""] >= 5
    assert page["tiku_loop_cpu_wait_seconds_total", ""] >= 0


@pytest.mark.alone
@needs_schedstat
@pytest.mark.parametrize("hold", [_spin, _sleep])
def test_what_holds_a_starved_loop_is_seen(hold: Callable[[float], None]) -> None:
    with _starved():
        monitor = asyncio.run(_measured(hold))
    # Between the readings of two clocks the kernel may take the core away, for a turn of the others.
    assert monitor.stalled().max >= HOLD - 3 * INTERVAL_SECONDS


@pytest.mark.alone
@needs_schedstat
def test_a_loop_without_a_core_is_late_but_not_stalled() -> None:
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
    assert monitor.stalled().p99 <= 0.005
    assert monitor.stalled().max < monitor.lag().max


async def test_where_nobody_counts_the_wait_all_lateness_is_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise FileNotFoundError

    monkeypatch.setattr("services.kit.cpu_wait.os.open", refuse)
    monitor = await _measured(_spin)
    assert monitor.stalled() == monitor.lag()


@needs_schedstat
def test_a_wait_only_grows_and_is_the_threads_own() -> None:
    with contextlib.closing(CpuWait()) as mine:
        first = mine.seconds()
        _spin(0.01)
        assert mine.seconds() >= first
    assert mine.seconds() == 0.0
