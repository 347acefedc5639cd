"""What every index of chunks promises: the fake, and the retrieval service over a real channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.common.values import DocumentKind
from services.docs.adapters.clients.fake import FakeChunkIndex
from services.docs.adapters.clients.retrieval import RETRIED, RetrievalIndex
from services.docs.ports import ChunkIndex
from services.docs.values.document import Document, PassageVectors, StoredChunk
from services.kit import context, ids
from services.kit.channels import Channel, open_channel
from services.kit.errors import DeadlineExceeded, InvalidArgument, TikuError, Unavailable
from services.kit.server import App, Registration, running
from tiku.retrieval.v1 import retrieval_pb2, retrieval_pb2_grpc


class Retrieval(retrieval_pb2_grpc.RetrievalServiceServicer):
    """Keeps chunks by id, and fails or waits as it is told."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[retrieval_pb2.IndexedChunk, str]] = {}
        self.calls = 0
        self.faults: list[TikuError] = []
        self.waits = False
        self.waiting, self.cancelled = asyncio.Event(), asyncio.Event()

    async def _follow_script(self) -> None:
        self.calls += 1
        if self.faults:
            raise self.faults.pop(0)
        if self.waits:
            try:
                self.waiting.set()
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()

    async def IndexChunks(  # noqa: N802
        self, request: retrieval_pb2.IndexChunksRequest, _: Any
    ) -> retrieval_pb2.IndexChunksResponse:
        await self._follow_script()
        for indexed in request.chunks:
            self.stored[indexed.chunk.chunk_id] = (indexed, request.embedding_model)
        return retrieval_pb2.IndexChunksResponse(indexed_count=len(request.chunks))

    async def DeleteDocument(  # noqa: N802
        self, request: retrieval_pb2.DeleteDocumentRequest, _: Any
    ) -> retrieval_pb2.DeleteDocumentResponse:
        await self._follow_script()
        for chunk_id, (indexed, _model) in list(self.stored.items()):
            if indexed.chunk.document_id == request.document_id:
                del self.stored[chunk_id]
        return retrieval_pb2.DeleteDocumentResponse()


@dataclass
class Index:
    """An index, and a look at what it holds."""

    index: ChunkIndex
    fake: FakeChunkIndex | None = None
    service: Retrieval = field(default_factory=Retrieval)

    def stored(self) -> dict[str, tuple[str, str, list[float], str]]:
        """Document, text, vector and model by the chunk's id."""
        if self.fake is not None:
            entries = self.fake.chunks.items()
            return {key: (entry[0], entry[1].text, list(entry[2]), entry[3]) for key, entry in entries}
        return {
            key: (indexed.chunk.document_id, indexed.chunk.text, list(indexed.vector), model)
            for key, (indexed, model) in self.service.stored.items()
        }


@pytest.fixture
async def service() -> Retrieval:
    return Retrieval()


@pytest.fixture
async def channel(service: Retrieval) -> AsyncIterator[Channel]:
    add = retrieval_pb2_grpc.add_RetrievalServiceServicer_to_server
    app = App("retrieval", [Registration(add, service, "tiku.retrieval.v1.RetrievalService")])
    async with running(app, "127.0.0.1:0") as server, open_channel(server.address, retry=RETRIED) as channel:
        yield channel


@pytest.fixture(params=["fake", "retrieval"])
def index(request: pytest.FixtureRequest) -> Index:
    if request.param == "fake":
        fake = FakeChunkIndex()
        return Index(fake, fake)
    channel: Channel = request.getfixturevalue("channel")
    return Index(RetrievalIndex(channel), service=request.getfixturevalue("service"))


def document() -> Document:
    now = datetime.now(UTC)
    return Document(ids.new_id(), "alice", "光合作用.pdf", DocumentKind.MATERIAL, "text/plain", 1, "ab", now, now)


def passages(count: int) -> list[StoredChunk]:
    return [
        StoredChunk(n, n, n + 6, f"第{n}段 🙂", 1 + n, ("章",), (n + 2,), chunk_id=ids.new_id()) for n in range(count)
    ]


def embeddings(count: int, model: str = "m") -> PassageVectors:
    return PassageVectors([[float(number), 0.5, -1.0] for number in range(count)], model)


async def test_chunks_are_there_with_their_vectors_and_model(index: Index) -> None:
    owner, chunks = document(), passages(3)
    await index.index.index(owner, chunks, embeddings(3))
    assert index.stored() == {
        chunk.chunk_id: (owner.document_id, chunk.text, [float(number), 0.5, -1.0], "m")
        for number, chunk in enumerate(chunks)
    }


async def test_indexing_again_changes_nothing(index: Index) -> None:
    owner, chunks = document(), passages(4)
    await index.index.index(owner, chunks, embeddings(4))
    before = index.stored()
    await index.index.index(owner, chunks[1:3], PassageVectors(embeddings(4).vectors[1:3], "m"))
    assert index.stored() == before


async def test_a_batch_of_the_largest_size(index: Index) -> None:
    chunks = [replace(chunk, text=chunk.text * 200) for chunk in passages(1024)]
    await index.index.index(document(), chunks, PassageVectors([[0.5] * 384] * 1024, "m"))
    assert len(index.stored()) == 1024


async def test_a_deletion_removes_one_documents_chunks(index: Index) -> None:
    goes, stays = document(), document()
    await index.index.index(goes, passages(3), embeddings(3))
    await index.index.index(stays, passages(2), embeddings(2))
    for _ in range(2):
        await index.index.delete(goes.document_id)
    await index.index.delete(ids.new_id())
    assert [entry[0] for entry in index.stored().values()] == [stays.document_id] * 2


async def test_the_service_gets_every_field_of_a_chunk(service: Retrieval, channel: Channel) -> None:
    owner, chunk = document(), replace(passages(1)[0], heading_path=tuple(f"h{n}" for n in range(40)), gap="\n\n")
    await RetrievalIndex(channel).index(owner, [chunk], embeddings(1))
    sent = service.stored[chunk.chunk_id][0].chunk
    assert (sent.document_id, sent.document_name) == (owner.document_id, owner.name)
    assert (sent.ordinal, sent.text, sent.page, sent.start, sent.end) == (0, chunk.text, 1, 0, 6)
    assert (list(sent.page_starts), sent.gap) == ([2], "\n\n")
    assert list(sent.heading_path) == [f"h{n}" for n in range(16)], "the contract allows 16 headings"


async def call(index: ChunkIndex, method: str) -> None:
    if method == "index":
        await index.index(document(), passages(2), embeddings(2))
    else:
        await index.delete(ids.new_id())


@pytest.mark.parametrize("method", ["index", "delete"])
async def test_an_error_arrives_with_its_reason(service: Retrieval, channel: Channel, method: str) -> None:
    service.faults = [InvalidArgument("The vectors differ.", reason="WRONG_DIMENSION", metadata={"expected": "3"})]
    with pytest.raises(InvalidArgument) as caught:
        await call(RetrievalIndex(channel), method)
    assert (caught.value.reason, caught.value.metadata) == ("WRONG_DIMENSION", {"expected": "3"})
    assert service.calls == 1


@pytest.mark.parametrize("method", ["index", "delete"])
async def test_a_service_that_is_unavailable_for_a_moment_is_asked_again(
    service: Retrieval, channel: Channel, method: str
) -> None:
    service.faults = [Unavailable("The engine starts.")]
    await call(RetrievalIndex(channel), method)
    assert service.calls == 2


@pytest.mark.parametrize("method", ["index", "delete"])
async def test_a_call_ends_at_its_own_deadline_or_the_requests(
    service: Retrieval, channel: Channel, method: str
) -> None:
    service.waits = True
    with pytest.raises(DeadlineExceeded):
        await call(RetrievalIndex(channel, timeout=0.2), method)
    token = context.enter(context.RequestContext(deadline=asyncio.get_running_loop().time() + 0.2))
    try:
        with pytest.raises(DeadlineExceeded):
            await call(RetrievalIndex(channel, timeout=60), method)
    finally:
        context.leave(token)


@pytest.mark.parametrize("method", ["index", "delete"])
async def test_a_cancelled_call_is_cancelled_in_the_service(service: Retrieval, channel: Channel, method: str) -> None:
    service.waits = True
    running_call = asyncio.ensure_future(call(RetrievalIndex(channel), method))
    await asyncio.wait_for(service.waiting.wait(), 10)
    running_call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running_call
    await asyncio.wait_for(service.cancelled.wait(), 10)
