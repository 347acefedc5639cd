"""The graph job on the real queue and database, with a stand-in for the graph."""

from __future__ import annotations

import asyncpg
import pytest

from services.docs.adapters.stores.postgres.upkeep import DocsUpkeep, build_graphs_again
from services.docs.settings import DocsSettings
from tests.integration.docs.conftest import Client, Neighbors, eventually, study_text
from tiku.docs.v1 import docs_pb2


@pytest.fixture
def settings(settings: DocsSettings) -> DocsSettings:
    """A service that adds every document to the graph."""
    return settings.model_copy(update={"docs_graph_enabled": True})


async def followed(client: Client, document_id: str) -> docs_pb2.WatchDocumentResponse:
    """The last event of a document's jobs, that of its graph included."""
    request = docs_pb2.WatchDocumentRequest(document_id=document_id, graph=True)
    events = [event async for event in client.stub.WatchDocument(request, timeout=60)]
    assert docs_pb2.DOCUMENT_STATE_INDEXED in [event.indexed.document.state for event in events]
    return events[-1]


async def test_every_document_goes_into_the_graph_and_again_after_a_restore(
    settings: DocsSettings, client: Client, neighbors: Neighbors
) -> None:
    stored = await client.upload("notes.md", study_text(30), parse=True)
    built = (await followed(client, stored.document_id)).graph_built.document
    assert built.graph_state == docs_pb2.GRAPH_STATE_BUILT
    assert built.graph_chunk_count == built.chunk_count == len(neighbors.graph.chunks) > 0
    neighbors.graph.chunks.clear()
    dsn = settings.postgres_dsn.get_secret_value()
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        await build_graphs_again(connection)
    await connection.close()
    async with DocsUpkeep.open(dsn) as upkeep:

        async def lost() -> bool:
            return await upkeep.lost_jobs() == [stored.document_id]

        await eventually(lost)
        await upkeep.stores.documents.requeue_lost()
    assert (await followed(client, stored.document_id)).HasField("graph_built")
    assert len(neighbors.graph.chunks) == built.chunk_count


async def test_a_graph_that_is_off_costs_one_call_and_no_document(client: Client, neighbors: Neighbors) -> None:
    neighbors.graph.off = True
    stored = await client.upload("notes.md", study_text(30), parse=True)
    assert (await followed(client, stored.document_id)).graph_failed.reason == "GRAPH_OFF"
    assert neighbors.graph.calls == 1
    document = await client.get(stored.document_id)
    assert document.state == docs_pb2.DOCUMENT_STATE_INDEXED
    assert (document.graph_state, document.graph_failure.reason) == (docs_pb2.GRAPH_STATE_FAILED, "GRAPH_OFF")
