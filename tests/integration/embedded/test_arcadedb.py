"""ArcadeDB as an embedded engine: it starts when asked for, and what it stored survives restarts and kills."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from services.embedded.arcadedb import ArcadeDB, arcadedb, record_classes
from services.embedded.network import free_ports
from services.embedded.on_demand import start_on_demand
from services.embedded.process import ProcessFailedError, State, SupervisedProcess
from services.kit import context
from services.kit.addresses import ListenError, bound
from services.kit.errors import DeadlineExceeded, Unavailable
from services.retrieval.adapters.graphs.neo4j import Neo4jGraphStore
from services.retrieval.values.graph import Contribution, entity_id
from tests.contract.retrieval_graph_store.test_graph_store import contents, contribution, document, expected
from tests.engines import engine
from tests.waiting import eventually

pytestmark = pytest.mark.engine


def _server(folder: Path) -> ArcadeDB:
    port, http_port = free_ports(2)
    return arcadedb(folder / "arcadedb", port, http_port, folder / "arcadedb.log")


@contextlib.asynccontextmanager
async def _store(server: ArcadeDB, timeout: float = 60.0) -> AsyncIterator[Neo4jGraphStore]:
    async with Neo4jGraphStore.open(server.url, server.user, server.password, timeout=timeout) as store:
        yield store


async def test_it_starts_when_somebody_connects_and_is_whole_again_after_a_kill(tmp_path: Path) -> None:
    server = await asyncio.to_thread(_server, tmp_path)
    process = SupervisedProcess(server.spec)
    waiting = asyncio.create_task(start_on_demand(int(server.url.rpartition(":")[2]), process.start))
    parts: list[Contribution] = []
    only = document()
    try:
        async with _store(server) as store:
            assert process.pid is None
            await store.ping()
            await waiting
            assert process.pid is not None
            used = await asyncio.to_thread(lambda: psutil.Process(process.pid).memory_info().rss)
            assert used < 400 * 1024 * 1024
            for ordinal in range(4):
                part = contribution(only, ordinal)
                adding = asyncio.create_task(store.add("alice", part))
                if ordinal % 2:
                    # In the midst of it: what is confirmed is there, and what is not may be asked for again.
                    await asyncio.sleep(0.005 * ordinal)
                    os.kill(process.pid or 0, signal.SIGKILL)
                with contextlib.suppress(Unavailable):
                    await adding
                await _served(store)
                await store.add("alice", part)
                parts.append(part)
            assert await contents(store, "alice", [only]) == await expected("alice", [only], parts)
            await store.delete_document("alice", only)
            assert await store.entities("alice", [entity_id("alice", "水")], 1) == []
    finally:
        waiting.cancel()
        await process.stop()


async def _served(store: Neo4jGraphStore) -> None:
    """Return when the engine answers again, by itself."""
    while True:
        with contextlib.suppress(Unavailable):
            return await store.ping()
        await asyncio.sleep(0.02)


async def test_one_that_stands_still_is_late_before_the_caller_gives_up_and_goes_on(tmp_path: Path) -> None:
    server = await asyncio.to_thread(_server, tmp_path)
    async with engine(server.spec) as process, _store(server) as store:
        await store.ping()
        os.kill(process.pid or 0, signal.SIGSTOP)
        token = context.enter(context.RequestContext(deadline=asyncio.get_running_loop().time() + 1.0))
        try:
            with pytest.raises((DeadlineExceeded, Unavailable)):
                await store.state("alice")
            assert context.remaining() != 0
            # Without a deadline it is not waited for as long as for a start.
            context.leave(token)
            for outcome in await asyncio.gather(
                store.ping(), store.delete_document("alice", document()), return_exceptions=True
            ):
                assert isinstance(outcome, Unavailable)
        finally:
            os.kill(process.pid or 0, signal.SIGCONT)
        await store.ping()
        assert process.state is State.READY


async def test_a_start_maps_the_classes_that_were_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    server = await asyncio.to_thread(_server, tmp_path)
    await record_classes(server)
    (file,) = await asyncio.to_thread(lambda: list((tmp_path / ".cache" / "tiku" / "arcadedb").iterdir()))
    written = await asyncio.to_thread(file.stat)
    await record_classes(server)
    assert await asyncio.to_thread(file.stat) == written
    async with engine(server.spec) as process, _store(server) as store:
        await store.ping()
        maps = await asyncio.to_thread(lambda: psutil.Process(process.pid).memory_maps())
        assert str(file) in {one.path for one in maps}


def _is_taken(port: int) -> bool:
    try:
        bound("127.0.0.1", port).close()
    except ListenError:
        return True
    return False


async def test_a_start_that_fails_leaves_the_port_to_the_next_try(tmp_path: Path) -> None:
    (port,) = free_ports(1)

    async def fail() -> None:
        raise ProcessFailedError("graph", "the graph cannot start")

    waiting = asyncio.create_task(start_on_demand(port, fail))

    await eventually(lambda: _is_taken(port))
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    assert not waiting.done()
    waiting.cancel()
