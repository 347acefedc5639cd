"""Worker processes: results, errors, time, death."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from services.kit import cpu_wait, errors
from services.kit.workers import WorkerPool, _Worker
from tests.waiting import eventually


def _square(number: int) -> int:
    return number * number


def _sleep(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251  A worker may block: that is what it is for.


def _compute() -> None:
    while True:
        pass


def _start_slowly() -> None:
    ends = time.process_time() + 0.3
    while time.process_time() < ends:
        pass


def _start_at(gate: Path) -> None:
    while not gate.exists():
        time.sleep(0.01)  # noqa: TID251


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_while_it_sends() -> None:
    frame = sys._getframe()
    while "result_queue" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    # A message is its length, and as many bytes.
    os.write(frame.f_locals["result_queue"]._writer.fileno(), struct.pack("!i", 1000) + b"half of it")
    _die()


def _running(pids: list[int]) -> bool:
    for pid in pids:
        # One may end between two looks at it.
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return True
    return False


async def test_a_result_and_an_error_come_back() -> None:
    async with WorkerPool(2) as pool:
        assert await asyncio.gather(*(pool.run(_square, n, timeout=30) for n in range(6))) == [0, 1, 4, 9, 16, 25]
        with pytest.raises(TypeError):
            await pool.run(_square, "x", timeout=30)
        assert await pool.run(_square, 3, timeout=30) == 9


async def test_a_stuck_worker_is_replaced() -> None:
    async with WorkerPool(1) as pool:
        with pytest.raises(errors.DeadlineExceeded):
            await pool.run(_sleep, 60, timeout=0.3)
        assert await pool.run(_square, 2, timeout=30) == 4


async def test_what_takes_the_place_of_a_stuck_worker_starts_before_it_is_asked() -> None:
    async with WorkerPool(1, preload=("json",)) as pool:
        with pytest.raises(errors.DeadlineExceeded):
            await pool.run(_sleep, 60, timeout=0.3)
        await eventually(lambda: all(worker.ready for worker in pool._all))
        assert await pool.run(_square, 2, timeout=30) == 4


async def test_a_call_waits_for_the_first_worker_that_is_ready(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await asyncio.to_thread(gate.touch)
    async with WorkerPool(2, partial(_start_at, gate), preload=("json",)) as pool:
        stuck = asyncio.create_task(pool.run(_sleep, 60, timeout=120))
        assert await pool.run(_square, 1, timeout=30) == 1
        await eventually(lambda: all(worker.ready for worker in pool._all))
        await asyncio.to_thread(gate.unlink)  # What takes the place of the stuck one cannot start.
        stuck.cancel()
        await asyncio.wait((stuck,))
        assert [await pool.run(_square, n, timeout=30) for n in range(3)] == [0, 1, 4]
        assert not all(worker.ready for worker in pool._all)


@pytest.mark.parametrize("preload", [(), ("json",)], ids=["spawned", "forked"])
async def test_processor_time_is_what_counts(preload: tuple[str, ...]) -> None:
    async with WorkerPool(1, _start_slowly, preload=preload) as pool:
        for _ in range(2):  # In the first process, and in the one that takes its place.
            await pool.run(_sleep, 0.3, timeout=3600, cpu_seconds=0.2)
            begin = time.monotonic()
            with pytest.raises(errors.DeadlineExceeded):
                await pool.run(_compute, timeout=3600, cpu_seconds=0.2)
            assert time.monotonic() - begin > 0.15


@pytest.mark.parametrize("starved", [True, False])
async def test_time_without_a_core_is_no_time_of_the_work(starved: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = time.monotonic if starved else lambda: 0.0
    monkeypatch.setattr(_Worker, "waited_seconds", lambda _: waited())
    async with WorkerPool(1) as pool:
        await pool.run(_square, 2, timeout=30)
        work = pool.run(_sleep, 1.5, timeout=0.8, cpu_seconds=30)
        if starved:
            await work
        else:
            with pytest.raises(errors.DeadlineExceeded):
                await work


async def test_a_process_tells_how_long_it_waited_for_a_core() -> None:
    assert cpu_wait.seconds_of(os.getpid()) >= 0.0
    assert cpu_wait.seconds_of(2**22 + 1) == 0.0


async def test_a_forked_worker_ends_with_its_pool() -> None:
    async with WorkerPool(1, preload=("json",)) as pool:
        assert await pool.run(_square, 2, timeout=30) == 4
        pids = [pid for worker in pool._all for pid in worker.pids]
    for _ in range(100):
        if not await asyncio.to_thread(_running, pids):
            return
        await asyncio.sleep(0.05)
    pytest.fail("a worker outlived its pool")


async def test_a_dead_worker_is_replaced() -> None:
    async with WorkerPool(1) as pool:
        with pytest.raises(errors.Unavailable):
            await pool.run(_die, timeout=30)
        assert await pool.run(_square, 2, timeout=30) == 4


@pytest.mark.parametrize("preload", [(), ("services.kit.workers",)])
async def test_a_worker_that_dies_while_it_sends_its_result_is_replaced(preload: tuple[str, ...]) -> None:
    async with WorkerPool(1, preload=preload) as pool:
        assert await pool.run(_square, 3, timeout=30) == 9
        with pytest.raises(errors.Unavailable):
            await pool.run(_die_while_it_sends, timeout=30)
        assert await pool.run(_square, 4, timeout=30) == 16


async def test_a_cancelled_call_frees_its_worker_and_no_process_stays() -> None:
    async with WorkerPool(1) as pool:
        task = asyncio.create_task(pool.run(_sleep, 60, timeout=120))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await pool.run(_square, 2, timeout=30) == 4
        pids = [pid for worker in pool._all for pid in worker.pids]
        assert pids
    for _ in range(100):
        if not await asyncio.to_thread(_running, pids):
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("a worker outlived its pool")
