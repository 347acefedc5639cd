"""What the graph store asks of its engine, whatever that is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
from neo4j import AsyncDriver, AsyncManagedTransaction

from services.kit.concurrency import ahead
from services.retrieval.adapters.graphs import neo4j
from services.retrieval.adapters.graphs.engines import engine_of
from services.retrieval.adapters.graphs.neo4j import Neo4jGraphStore
from services.retrieval.adapters.graphs.pulse import Pulse
from services.retrieval.adapters.graphs.rows import Row, Rows
from services.retrieval.domain.graph.cypher import rewrite
from services.retrieval.values.graph import Table
from tests.waiting import turns


class Engine:
    """A driver whose transactions last until they are let go."""

    def __init__(self) -> None:
        self.running = 0
        self.let_go = asyncio.Event()

    def session(self, **_: Any) -> Engine:
        return self

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def execute_read(self, _: Callable[[Any], Awaitable[Any]]) -> Any:
        self.running += 1
        await self.let_go.wait()
        return Table((), (), truncated=False)

    async def run(self, *_: Any) -> Written:
        await self.execute_read(self.run)
        return Written()

    async def answer(self) -> None:
        pass


async def test_few_statements_of_callers_run_at_once_and_none_holds_up_the_rest() -> None:
    engine = Engine()
    store = Neo4jGraphStore(cast("AsyncDriver", engine), "neo4j", 60.0, Pulse(engine.answer))
    store._engine = engine_of("Neo4j/5.26.0")
    asked = [asyncio.create_task(store.query("alice", rewrite("RETURN 1", {}), 1)) for _ in range(20)]
    await turns()
    assert engine.running == 4
    own = asyncio.create_task(store.ping())
    await turns()
    assert engine.running == 5
    engine.let_go.set()
    await asyncio.gather(own, *asked)
    assert engine.running == 21


async def test_reads_wait_here_for_an_engine_that_refuses_those_that_it_cannot_run() -> None:
    engine = Engine()
    store = Neo4jGraphStore(cast("AsyncDriver", engine), "neo4j", 60.0, Pulse(engine.answer))
    store._engine = arcadedb = engine_of("Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)")
    store._readers = asyncio.Semaphore(arcadedb.readers)
    reads = [asyncio.create_task(store.ping()) for _ in range(20)]
    await turns()
    assert engine.running == arcadedb.readers == 6
    engine.let_go.set()
    await asyncio.gather(*reads)
    assert engine.running == 20


class Written:
    """A transaction that notes its statements."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    async def run(self, _: str, parameters: dict[str, Any]) -> Written:
        self.rows.append(len(parameters["rows"]))
        return self

    def keys(self) -> list[str]:
        return []

    async def __aiter__(self) -> AsyncIterator[Any]:
        return
        yield


async def test_every_statement_that_adds_comes_after_the_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neo4j, "_GIVE_WAY_SECONDS", 60.0)
    tx = Written()
    entities: list[Row] = [{"id": str(number)} for number in range(250)]
    rows = Rows(entities, sentences=[], mentions=[], relations=[], aliases=[], chunks=[])
    with ahead():
        adding = asyncio.create_task(neo4j._add(cast("AsyncManagedTransaction", tx), "alice", rows))
        await turns()
        assert not tx.rows
    await adding
    assert tx.rows == [100, 100, 50]
