"""A service process that is stopped before it serves, and a database that is not there yet."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.kit import process
from services.kit.migrations import migrate
from services.kit.server import App
from services.kit.settings import ServiceSettings


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine on which nobody answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


async def test_a_stop_ends_a_start_that_waits() -> None:
    waiting, closed = asyncio.Event(), asyncio.Event()

    async def build(_: ServiceSettings, stack: AsyncExitStack) -> App:
        stack.callback(closed.set)
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    serving = asyncio.create_task(process.serve(ServiceSettings(), build))
    await waiting.wait()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
    assert closed.is_set()


async def test_migration_waits_for_its_database_as_long_as_it_was_told_to(closed_port: int, tmp_path: Path) -> None:
    dsn = f"postgresql://tiku:tiku@127.0.0.1:{closed_port}/tiku?sslmode=disable"
    loop = asyncio.get_running_loop()

    started = loop.time()
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await migrate(dsn, "docs", tmp_path)
    at_once = loop.time() - started

    started = loop.time()
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await migrate(dsn, "docs", tmp_path, max_wait=1.0)
    assert loop.time() - started >= 1.0 > at_once
