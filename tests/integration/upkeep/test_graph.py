"""What people decided about names is in no document, so a backup has it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.embedded.arcadedb import holds_graph
from services.retrieval.adapters.graphs.neo4j_upkeep import Neo4jGraphUpkeep, OwnedDecision
from services.retrieval.values.graph import Link, decision_id, entity_id
from services.upkeep.servers import Servers
from tests.contract.retrieval_graph_store.test_graph_store import contribution, document
from tests.engines import BoltServer
from tests.integration.upkeep import house
from tests.integration.upkeep.conftest import Filled

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]


def decision(owner: str, one: str, other: str, same: bool) -> OwnedDecision:
    ids = entity_id(owner, one), entity_id(owner, other)
    return OwnedDecision(owner, Link(*ids, one, other, same, decided=datetime(2026, 11, 2, 3, 4, 5, 678000, UTC)))


async def test_decisions_come_back_and_nothing_else_of_the_graph(
    filled: Filled, fresh: Path, arcadedb_server: BoltServer
) -> None:
    made = [decision("ann", "水", "water", True), decision("bob", "mercury", "mercury 2", False)]
    server = arcadedb_server
    variables = {
        "TIKU_NEO4J_URL": server.url,
        "TIKU_NEO4J_USER": server.user,
        "TIKU_NEO4J_PASSWORD": server.password,
    }
    file = fresh.with_name("decided.tar")
    async with Neo4jGraphUpkeep.open(server.url, server.user, server.password, timeout=60.0) as graph:
        await graph.clear()
        for owner, link in made:
            await graph.decide(owner, link)
        code, output = await house.tiku(filled.data, "backup", str(file), **variables)
        assert code == 0, output
        await graph.undo("ann", decision_id("ann", entity_id("ann", "水"), entity_id("ann", "water")))
        await graph.decide("ann", decision("ann", "ice", "snow", True).link)
        await graph.add("ann", contribution(document(), 0))
        code, output = await house.tiku(fresh, "restore", str(file), **variables)
        assert code == 1
        assert "Decision in the graph" in output
        code, output = await house.tiku(fresh, "restore", str(file), "--replace", **variables)
        assert code == 0, output
        found = [one async for page in graph.decisions() for one in page]
        assert sorted(found, key=lambda one: one.owner) == made
        assert await graph.counts() == {"Decision": 2}


async def test_an_engine_of_a_stack_that_does_not_run_is_started_and_its_graph_is_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "arcadedb"
    servers = Servers("", "", None, folder)
    async with servers.open_graph() as none:
        assert none is None
    owner, link = decision("ann", "水", "water", True)
    async with servers.open_graph(make=True) as graph:
        assert graph is not None
        await graph.decide(owner, link)
    async with servers.open_graph() as graph:
        assert graph is not None
        assert [page async for page in graph.decisions()] == [[OwnedDecision(owner, link)]]
    async with servers.open_graph(fresh=True) as none:
        assert none is None
    assert await asyncio.to_thread(lambda: holds_graph(folder) and not list((folder / "databases").iterdir()))
