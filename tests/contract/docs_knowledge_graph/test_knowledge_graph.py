"""What every knowledge graph of the docs service promises: the fake, and the retrieval service over a real channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from services.common.values import DocumentKind
from services.docs.adapters.clients.fake import FakeKnowledgeGraph
from services.docs.adapters.clients.retrieval import RETRIED, RetrievalGraph
from services.docs.ports import KnowledgeGraph
from services.docs.values.document import Document, StoredChunk
from services.kit import ids
from services.kit.channels import Channel, open_channel
from services.kit.errors import DeadlineExceeded, FailedPrecondition, TikuError
from services.kit.server import App, Registration, running
from tiku.retrieval.v1 import graph_pb2, graph_pb2_grpc, retrieval_pb2


class Graph(graph_pb2_grpc.GraphServiceServicer):
    """Keeps chunks by id, and fails or waits as it is told."""

    def __init__(self) -> None:
        self.stored: dict[str, retrieval_pb2.Chunk] = {}
        self.fault: TikuError | None = None
        self.waits = False
        self.cancelled = asyncio.Event()

    async def AddChunks(self, request: graph_pb2.AddChunksRequest, _: Any) -> graph_pb2.AddChunksResponse:  # noqa: N802
        if self.fault is not None:
            raise self.fault
        if self.waits:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        self.stored.update((chunk.chunk_id, chunk) for chunk in request.chunks)
        return graph_pb2.AddChunksResponse(chunk_count=len(request.chunks))


@pytest.fixture
async def service() -> Graph:
    return Graph()


@pytest.fixture
async def channel(service: Graph) -> AsyncIterator[Channel]:
    add = graph_pb2_grpc.add_GraphServiceServicer_to_server
    app = App("retrieval", [Registration(add, service, "tiku.retrieval.v1.GraphService")])
    async with running(app, "127.0.0.1:0") as server, open_channel(server.address, retry=RETRIED) as channel:
        yield channel


@pytest.fixture(params=["fake", "retrieval"])
def graph(request: pytest.FixtureRequest) -> tuple[KnowledgeGraph, Callable[[], dict[str, str]]]:
    """A graph, and a look at the documents of its chunks."""
    if request.param == "fake":
        fake = FakeKnowledgeGraph()
        return fake, lambda: fake.chunks
    service: Graph = request.getfixturevalue("service")
    adapter = RetrievalGraph(request.getfixturevalue("channel"))
    return adapter, lambda: {key: chunk.document_id for key, chunk in service.stored.items()}


def document() -> Document:
    now = datetime.now(UTC)
    return Document(ids.new_id(), "alice", "光合作用.pdf", DocumentKind.DOCUMENT, "text/plain", 1, "ab", now, now)


def passages(count: int) -> list[StoredChunk]:
    return [
        StoredChunk(n, n, n + 6, f"第{n}段 🙂", 1 + n, ("章",) * 40, (n + 2,), chunk_id=ids.new_id())
        for n in range(count)
    ]


async def test_chunks_are_there_once_however_often_they_are_added(
    graph: tuple[KnowledgeGraph, Callable[[], dict[str, str]]],
) -> None:
    adapter, stored = graph
    owner, chunks = document(), passages(16)
    for part in (chunks, chunks[3:7]):
        await adapter.add(owner, part)
    assert stored() == {chunk.chunk_id: owner.document_id for chunk in chunks}


async def test_the_service_gets_every_field_of_a_chunk(service: Graph, channel: Channel) -> None:
    owner, (chunk,) = document(), passages(1)
    await RetrievalGraph(channel).add(owner, [chunk])
    sent = service.stored[chunk.chunk_id]
    assert (sent.document_id, sent.document_name, sent.document_kind) == (owner.document_id, owner.name, 2)
    assert (sent.ordinal, sent.text, sent.page, sent.start, sent.end) == (0, chunk.text, 1, 0, 6)
    assert (list(sent.page_starts), len(sent.heading_path)) == ([2], 16)


async def test_a_graph_that_is_off_says_so(service: Graph, channel: Channel) -> None:
    service.fault = FailedPrecondition("No graph is kept.", reason="GRAPH_OFF")
    with pytest.raises(FailedPrecondition) as caught:
        await RetrievalGraph(channel).add(document(), passages(1))
    assert caught.value.reason == "GRAPH_OFF"


async def test_a_call_that_takes_too_long_is_cancelled_in_the_service(service: Graph, channel: Channel) -> None:
    service.waits = True
    with pytest.raises(DeadlineExceeded):
        await RetrievalGraph(channel, timeout=0.2).add(document(), passages(1))
    await service.cancelled.wait()
