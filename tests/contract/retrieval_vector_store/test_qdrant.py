"""What is true of the Qdrant adapter alone: its server may be shared, absent, late or restored."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from qdrant_client import grpc as q

from services.kit import context
from services.kit.errors import DeadlineExceeded, ResourceExhausted, Unavailable
from services.language.search_terms import search_terms
from services.retrieval.adapters.stores.qdrant import QdrantVectorStore
from services.retrieval.adapters.stores.qdrant_completion import CompletingVectorStore
from services.retrieval.domain.search.bm25 import question_vector
from services.retrieval.values.chunk import EVERYWHERE, Chunk, EmbeddedChunk, Filter
from tests.late import imported
from tests.waiting import at_once

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient


@pytest.fixture(autouse=True, scope="module")
def dictionary() -> None:
    """Read the dictionary of Chinese spellings, as the service does before it serves."""
    search_terms("詞")


def embedded(ordinal: int = 0) -> EmbeddedChunk:
    doc = str(uuid.uuid4())
    return EmbeddedChunk(Chunk(str(uuid.uuid4()), doc, "d", ordinal, "text", 0, 0, 4), [1.0, 0.0])


async def _client(url: str) -> AsyncQdrantClient:
    library, port = await imported("qdrant_client"), int(url.rpartition(":")[2])
    client: AsyncQdrantClient = await asyncio.to_thread(
        library.AsyncQdrantClient, host="127.0.0.1", grpc_port=port, prefer_grpc=True, check_compatibility=False
    )
    return client


async def test_two_processes_may_create_the_same_collection_at_once(qdrant_url: str) -> None:
    prefix = f"test_{uuid.uuid4().hex}"
    async with (
        QdrantVectorStore.open(qdrant_url, prefix=prefix) as one,
        QdrantVectorStore.open(qdrant_url, prefix=prefix) as two,
    ):
        async with asyncio.TaskGroup() as group:
            for store in (one, two):
                group.create_task(store.upsert("m", "alice", [embedded()]))
        assert len(await one.search("m", [1.0, 0.0], "alice", EVERYWHERE, 10)) == 2


async def test_a_collection_dropped_behind_its_back_is_made_again(qdrant_url: str) -> None:
    prefix = f"test_{uuid.uuid4().hex}"
    async with QdrantVectorStore.open(qdrant_url, prefix=prefix) as store:
        await store.upsert("m", "alice", [embedded()])
        other = await _client(qdrant_url)
        for collection in (await other.get_collections()).collections:
            if collection.name.startswith(prefix):
                await other.delete_collection(collection.name)
        await other.close()
        assert await store.search("m", [1.0, 0.0], "alice", EVERYWHERE, 10) == []
        await store.upsert("m", "alice", [embedded()])
        assert len(await store.search("m", [1.0, 0.0], "alice", EVERYWHERE, 10)) == 1


def old_point(models: Any, number: int, document: str, text: str) -> Any:
    """A chunk as it was stored before there were words."""
    payload = {
        "owner_id": "alice",
        "chunk_id": str(uuid.UUID(int=number)),
        "document_id": document,
        "document_name": "d",
        "ordinal": number,
        "text": text,
        "page": 2,
        "start": 10 * number,
        "end": 10 * number + len(text),
        "heading_path": [],
        "page_starts": [10 * number + 1],
    }
    return models.PointStruct(id=number, vector={"dense": [1.0, 0.0]}, payload=payload)


class EndOfProcessError(Exception):
    """The process ends here."""


class DyingStore(CompletingVectorStore):
    """A store whose process ends in the middle of a page, when some chunks of it have their words."""

    pages = 0

    async def _complete(self, collection: str, points: Sequence[q.RetrievedPoint]) -> None:
        self.pages += 1
        if self.pages > 1:
            await super()._complete(collection, points[:10])
            raise EndOfProcessError
        await super()._complete(collection, points)


async def test_chunks_from_before_words_get_theirs_even_if_it_is_cut_short(qdrant_url: str) -> None:
    prefix, model = f"test_{uuid.uuid4().hex}", "m"
    document, gone = str(uuid.uuid4()), str(uuid.uuid4())
    async with CompletingVectorStore.open(qdrant_url, prefix=prefix) as store:
        collection = store._collection(model, 2)
        models, old = await imported("qdrant_client.models"), await _client(qdrant_url)
        await old.create_collection(
            collection, vectors_config={"dense": models.VectorParams(size=2, distance=models.Distance.COSINE)}
        )
        points = [old_point(models, i, document if i % 2 else gone, f"water number{i} 水") for i in range(200)]
        await old.upsert(collection, points)
        await old.close()
        water = question_vector("water")
        assert await store.search_words(water, "alice", EVERYWHERE, 200) == []

        async with DyingStore.open(qdrant_url, prefix=prefix) as dying:
            with pytest.raises(EndOfProcessError):
                await dying.complete()
        assert len(await store.search_words(water, "alice", EVERYWHERE, 200)) == 74

        # While the rest is done, documents go and come.
        async with asyncio.TaskGroup() as group:
            completing = group.create_task(store.complete())
            group.create_task(store.delete_document("alice", gone))
            group.create_task(store.upsert(model, "alice", [embedded()]))
        assert completing.result() <= 126
        hits = await store.search_words(water, "alice", Filter(min_page=3), 200)
        assert sorted(hit.chunk.ordinal for hit in hits) == list(range(1, 200, 2))
        (hit,) = await store.search_words(question_vector("number199"), "alice", EVERYWHERE, 10)
        assert hit.chunk.text == "water number199 水"
        assert len(await store.search(model, [1.0, 0.0], "alice", Filter((document,)), 200)) == 100
        assert await store.complete() <= 1


async def test_an_absent_server_is_unavailable_not_a_driver_error() -> None:
    async with QdrantVectorStore.open("http://127.0.0.1:9", timeout=2.0) as store:
        with pytest.raises((Unavailable, DeadlineExceeded)) as raised:
            await store.ping()
        assert raised.value.reason.startswith("VECTOR_STORE_")
        assert "127.0.0.1" not in raised.value.message


async def test_a_request_whose_time_is_spent_sends_nothing(qdrant_url: str) -> None:
    async with QdrantVectorStore.open(qdrant_url) as store:
        token = context.enter(context.RequestContext(deadline=asyncio.get_running_loop().time() - 1))
        try:
            async with at_once():
                with pytest.raises(DeadlineExceeded):
                    await store.ping()
        finally:
            context.leave(token)


@pytest.mark.parametrize("url", ["127.0.0.1:6334", "ftp://host:1", "http://"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        async with QdrantVectorStore.open(url):
            pass


class BusyCollections(q.CollectionsServicer):
    """A server that is busy, and says for how long where it knows."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.seconds: str | None = None

    async def List(self, _: q.ListCollectionsRequest, call: grpc.aio.ServicerContext) -> None:  # type: ignore[type-arg]  # noqa: N802
        """See Qdrant's API."""
        self.keys += [str(value) for key, value in call.invocation_metadata() or () if key == "api-key"]
        when = (("retry-after", self.seconds),) if self.seconds else ()
        await call.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", when)


async def test_the_key_goes_with_each_call_and_a_busy_server_says_when_to_come_back() -> None:
    collections, server = BusyCollections(), grpc.aio.server()
    q.add_CollectionsServicer_to_server(collections, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with QdrantVectorStore.open(f"http://127.0.0.1:{port}", "secret") as store:
        for seconds, waits in ((None, 1.0), ("7", 7.0), ("soon", 1.0)):
            collections.seconds = seconds
            with pytest.raises(ResourceExhausted) as refused:
                await store.ping()
            assert (refused.value.reason, refused.value.retry_after) == ("VECTOR_STORE_BUSY", waits)
    await server.stop(None)
    assert collections.keys == ["secret"] * 3
