"""What every Leg of a retrieval promises: the fake, and the dense retriever over a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from services.common.values import DocumentKind
from services.kit.errors import Unavailable
from services.retrieval.adapters.clients.fake import FakeEmbedder
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.search.dense import DenseRetriever
from services.retrieval.ports import Leg
from services.retrieval.values.chunk import EmbeddedChunk, Filter, Hit, QueryEmbedding
from tests.unit.retrieval.fakes import DOCUMENT, PLAIN, FakeLeg, chunk, query

OTHER = "00000000-0000-7000-8000-000000000002"
CHUNKS = [
    chunk("abcd", 0),
    chunk("abcx", 1),
    chunk("abxy", 2, OTHER),
    replace(chunk("wxyz", 3), document_kind=DocumentKind.DOCUMENT),
]
"""What a search for "abcd" finds, nearest first."""

Finding = Callable[..., Awaitable[Leg]]
"""Makes a leg that finds `CHUNKS`, or fails, or does not answer."""


class SlowEmbedder(FakeEmbedder):
    """An embedder that never answers."""

    async def embed_query(self, text: str) -> QueryEmbedding:
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")


@pytest.fixture(params=["fake", "dense"])
def finding(request: pytest.FixtureRequest) -> Finding:
    async def leg(error: Exception | None = None, *, slow: bool = False) -> Leg:
        if request.param == "fake":
            hits = [Hit(chunk, 1 - i / 10) for i, chunk in enumerate(CHUNKS)]
            return FakeLeg("vector", hits, error, 30 if slow else 0)
        store, embedder = FakeVectorStore(), FakeEmbedder()
        vectors = await embedder.embed_passages([chunk.text for chunk in CHUNKS], "letters")
        chunks = [EmbeddedChunk(chunk, vector) for chunk, vector in zip(CHUNKS, vectors, strict=True)]
        await ChunkIndexer(store, PLAIN).index("letters", "alice", chunks)
        return DenseRetriever(SlowEmbedder() if slow else FakeEmbedder(error), store, PLAIN)

    return leg


def texts(hits: Sequence[Hit]) -> list[str]:
    return [hit.chunk.text for hit in hits]


async def test_the_best_comes_first(finding: Finding) -> None:
    hits = await (await finding()).find(query("abcd"))
    assert texts(hits) == ["abcd", "abcx", "abxy", "wxyz"]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_no_more_come_than_asked_for(finding: Finding) -> None:
    assert texts(await (await finding()).find(query("abcd", 2))) == ["abcd", "abcx"]


async def test_documents_narrow_the_search(finding: Finding) -> None:
    leg = await finding()
    assert texts(await leg.find(query("abcd", documents=(OTHER,)))) == ["abxy"]
    assert texts(await leg.find(query("abcd", documents=(OTHER, DOCUMENT)))) == texts(await leg.find(query("abcd")))
    assert await leg.find(query("abcd", documents=("00000000-0000-7000-8000-000000000009",))) == []


async def test_kinds_and_pages_narrow_the_search(finding: Finding) -> None:
    leg = await finding()
    pages = Filter(min_page=2, max_page=3)
    assert texts(await leg.find(query("abcd", where=pages))) == ["abcx", "abxy"]
    assert texts(await leg.find(query("abcd", where=Filter(kinds=(DocumentKind.DOCUMENT,))))) == ["wxyz"]


async def test_a_failure_is_raised(finding: Finding) -> None:
    with pytest.raises(Unavailable, match="down"):
        await (await finding(Unavailable("down"))).find(query("abcd"))


async def test_it_can_be_cancelled(finding: Finding) -> None:
    task = asyncio.ensure_future((await finding(slow=True)).find(query("abcd")))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
