"""Threads for blocking calls are there before the first call."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.kit.threads import start_threads
from services.kit.workers import WorkerPool

COUNT = 3


async def test_calls_start_no_thread() -> None:
    await start_threads(COUNT)
    before = set(threading.enumerate())
    goes_on = threading.Event()
    calls = [asyncio.create_task(asyncio.to_thread(goes_on.wait)) for _ in range(COUNT)]
    await asyncio.sleep(0)
    goes_on.set()
    assert await asyncio.gather(*calls) == [True] * COUNT
    assert set(threading.enumerate()) == before


async def test_a_system_without_threads_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def start_one(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        await start_threads(COUNT)


async def test_a_pool_of_workers_has_the_thread_that_starts_them() -> None:
    before = set(threading.enumerate())
    async with WorkerPool(1):
        assert len(set(threading.enumerate()) - before) == 1
