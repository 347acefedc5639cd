"""What is true of the Qdrant adapter alone: its server may be shared, absent, late or restored."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from qdrant_client import AsyncQdrantClient

from services.kit import context
from services.kit.errors import DeadlineExceeded, Unavailable
from services.retrieval.adapters.stores.qdrant import QdrantVectorStore
from services.retrieval.values.chunk import EVERYWHERE, Chunk, EmbeddedChunk
from tests.waiting import at_once


def embedded(ordinal: int = 0) -> EmbeddedChunk:
    doc = str(uuid.uuid4())
    return EmbeddedChunk(Chunk(str(uuid.uuid4()), doc, "d", ordinal, "text", 0, 0, 4), [1.0, 0.0])


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
        port = int(qdrant_url.rpartition(":")[2])
        other = await asyncio.to_thread(
            AsyncQdrantClient, host="127.0.0.1", grpc_port=port, prefer_grpc=True, check_compatibility=False
        )
        for collection in (await other.get_collections()).collections:
            if collection.name.startswith(prefix):
                await other.delete_collection(collection.name)
        await other.close()
        assert await store.search("m", [1.0, 0.0], "alice", EVERYWHERE, 10) == []
        await store.upsert("m", "alice", [embedded()])
        assert len(await store.search("m", [1.0, 0.0], "alice", EVERYWHERE, 10)) == 1


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
