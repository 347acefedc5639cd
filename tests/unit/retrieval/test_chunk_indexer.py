from __future__ import annotations

import math
from dataclasses import replace

import pytest

from services.kit.errors import InvalidArgument
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.adapters.workers.fake import FakeWordReader
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.values.chunk import EmbeddedChunk, Filter
from tests.unit.retrieval.fakes import DOCUMENT, PLAIN, chunk

GOOD = EmbeddedChunk(chunk("水 is 🙂", 0), [1.0, 0.0])


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (EmbeddedChunk(replace(chunk("text", 1), end=1005), [1.0, 0.0]), "chunks[1].chunk.end"),
        (EmbeddedChunk(chunk("text", 1), [1.0, 0.0, 0.0]), "chunks[1].vector"),
        (EmbeddedChunk(chunk("text", 1), [0.0, 0.0]), "chunks[1].vector"),
        (EmbeddedChunk(chunk("text", 1), [math.nan, 0.0]), "chunks[1].vector"),
        (EmbeddedChunk(chunk("text", 1), [math.inf, 0.0]), "chunks[1].vector"),
        (GOOD, "chunks[1].chunk.chunk_id"),
        (EmbeddedChunk(replace(chunk("text", 1), page_starts=(1000, 1002)), [1.0, 0.0]), "chunks[1].chunk.page_starts"),
        (EmbeddedChunk(replace(chunk("text", 1), page_starts=(1001, 1004)), [1.0, 0.0]), "chunks[1].chunk.page_starts"),
        (EmbeddedChunk(replace(chunk("text", 1), page_starts=(1003, 1002)), [1.0, 0.0]), "chunks[1].chunk.page_starts"),
        (
            EmbeddedChunk(replace(chunk("text", 1), page=0, page_starts=(1001,)), [1.0, 0.0]),
            "chunks[1].chunk.page_starts",
        ),
    ],
)
async def test_one_bad_chunk_is_named_and_nothing_is_written(bad: EmbeddedChunk, field: str) -> None:
    store = FakeVectorStore()
    with pytest.raises(InvalidArgument) as raised:
        await ChunkIndexer(store, PLAIN, FakeWordReader()).index("m", "alice", [GOOD, bad])
    assert [violation.field for violation in raised.value.violations] == [field]
    assert field in raised.value.message
    assert await store.extents("alice", Filter((DOCUMENT,))) == [range(0)]


async def test_good_chunks_are_counted_and_stored() -> None:
    store = FakeVectorStore()
    chunks = [EmbeddedChunk(chunk("text", i), [1.0, float(i)]) for i in range(129)]
    over_pages = replace(chunk("text", 129), page_starts=(129_001, 129_003, 129_003))
    chunks.append(EmbeddedChunk(over_pages, [1.0, 0.0]))
    assert await ChunkIndexer(store, PLAIN, FakeWordReader()).index("m", "alice", chunks) == 130
    assert await store.extents("alice", Filter((DOCUMENT,))) == [range(130)]
    await ChunkIndexer(store, PLAIN, FakeWordReader()).delete_document("alice", DOCUMENT)
    assert await store.extents("alice", Filter((DOCUMENT,))) == [range(0)]


async def test_violations_are_bounded() -> None:
    bad = [EmbeddedChunk(chunk("text", i), [0.0]) for i in range(100)]
    with pytest.raises(InvalidArgument) as raised:
        await ChunkIndexer(FakeVectorStore(), PLAIN, FakeWordReader()).index("m", "alice", bad)
    assert len(raised.value.violations) == 16


async def test_nothing_to_index_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="chunks"):
        await ChunkIndexer(FakeVectorStore(), PLAIN, FakeWordReader()).index("m", "alice", [])
