"""What every Leg of a retrieval promises: the fake, and the retrievers over a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from services.common.values import DocumentKind
from services.kit.errors import Unavailable
from services.retrieval.adapters.clients.fake import FakeEmbedder
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.adapters.workers.fake import FakeWordReader
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.search.dense import DenseRetriever
from services.retrieval.domain.search.words import WordsRetriever
from services.retrieval.ports import Leg
from services.retrieval.values.chunk import EmbeddedChunk, Filter, Hit, QueryEmbedding, SparseVector
from tests.unit.retrieval.fakes import DOCUMENT, PLAIN, FakeLeg, chunk, query

OTHER = "00000000-0000-7000-8000-000000000002"
CHUNKS = [
    chunk("a b c d", 0),
    chunk("a b c x", 1),
    chunk("a b x y", 2, OTHER),
    replace(chunk("d x y z", 3), document_kind=DocumentKind.DOCUMENT),
]
"""What a search for "a b c d" finds, nearest first."""

Finding = Callable[..., Awaitable[Leg]]
"""Makes a leg that finds `CHUNKS`, or fails, or does not answer."""


class SlowEmbedder(FakeEmbedder):
    """An embedder that never answers."""

    async def embed_query(self, text: str) -> QueryEmbedding:
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")


class BrokenStore(FakeVectorStore):
    """A store that fails with an error, or does not answer."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self._error = error

    async def search_words(self, words: SparseVector, owner: str, where: Filter, limit: int) -> list[Hit]:
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")


@pytest.fixture(params=["fake", "dense", "words"])
def finding(request: pytest.FixtureRequest) -> Finding:
    async def leg(error: Exception | None = None, *, slow: bool = False) -> Leg:
        if request.param == "fake":
            hits = [Hit(chunk, 1 - i / 10) for i, chunk in enumerate(CHUNKS)]
            return FakeLeg("vector", hits, error, 30 if slow else 0)
        if request.param == "words" and (error is not None or slow):
            return WordsRetriever(BrokenStore(error))
        store, embedder = FakeVectorStore(), FakeEmbedder()
        vectors = await embedder.embed_passages([chunk.text for chunk in CHUNKS], "letters")
        chunks = [EmbeddedChunk(chunk, vector) for chunk, vector in zip(CHUNKS, vectors, strict=True)]
        await ChunkIndexer(store, PLAIN, FakeWordReader()).index("letters", "alice", chunks)
        if request.param == "words":
            return WordsRetriever(store)
        return DenseRetriever(SlowEmbedder() if slow else FakeEmbedder(error), store, PLAIN)

    return leg


def texts(hits: Sequence[Hit]) -> list[str]:
    return [hit.chunk.text for hit in hits]


async def test_the_best_comes_first(finding: Finding) -> None:
    hits = await (await finding()).find(query("a b c d"))
    assert texts(hits) == ["a b c d", "a b c x", "a b x y", "d x y z"]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_no_more_come_than_asked_for(finding: Finding) -> None:
    assert texts(await (await finding()).find(query("a b c d", 2))) == ["a b c d", "a b c x"]


async def test_documents_narrow_the_search(finding: Finding) -> None:
    leg = await finding()
    assert texts(await leg.find(query("a b c d", documents=(OTHER,)))) == ["a b x y"]
    assert texts(await leg.find(query("a b c d", documents=(OTHER, DOCUMENT)))) == texts(
        await leg.find(query("a b c d"))
    )
    assert await leg.find(query("a b c d", documents=("00000000-0000-7000-8000-000000000009",))) == []


async def test_kinds_and_pages_narrow_the_search(finding: Finding) -> None:
    leg = await finding()
    pages = Filter(min_page=2, max_page=3)
    assert texts(await leg.find(query("a b c d", where=pages))) == ["a b c x", "a b x y"]
    assert texts(await leg.find(query("a b c d", where=Filter(kinds=(DocumentKind.DOCUMENT,))))) == ["d x y z"]


async def test_a_failure_is_raised(finding: Finding) -> None:
    with pytest.raises(Unavailable, match="down"):
        await (await finding(Unavailable("down"))).find(query("a b c d"))


async def test_it_can_be_cancelled(finding: Finding) -> None:
    task = asyncio.ensure_future((await finding(slow=True)).find(query("a b c d")))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
