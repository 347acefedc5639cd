from __future__ import annotations

from dataclasses import replace

import pytest

from services.common.messages import source_message
from services.common.values import DocumentKind, Origin
from services.kit.errors import ResourceExhausted, Unavailable
from services.retrieval import messages
from services.retrieval.adapters.clients.fake import FakeEmbedder
from services.retrieval.adapters.knowledge_bases.fake import FakeKnowledgeBase
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.domain.search.outside import OutsideRetriever
from services.retrieval.values.chunk import Filter, OutsidePassage
from tests.unit.retrieval.fakes import DOCUMENT, PLAIN, FakeLeg, hit, query

PASSAGES = [
    OutsidePassage("water boils at 100 degrees", 0, "file_1", "Handbook v2.pdf", "Heat"),
    OutsidePassage("water is wet", 0),
]


def leg(base: FakeKnowledgeBase, embedder: FakeEmbedder | None = None) -> OutsideRetriever:
    return OutsideRetriever(base, embedder or FakeEmbedder(), PLAIN)


async def test_passages_have_an_origin_and_offsets_of_their_own() -> None:
    found = await leg(FakeKnowledgeBase(PASSAGES)).find(query("water boils"))
    assert [one.score for one in found] == [1.0, 0.5]
    assert all(one.similarity is not None and one.embedding_model == "letters" for one in found)
    chunk = found[0].chunk
    assert (chunk.document_id, chunk.document_name, chunk.heading_path) == ("", "Handbook v2.pdf", ("Heat",))
    source = chunk.source(6, 11)
    assert (source.start, source.end, source.quote, source.page) == (6, 11, "boils", 0)
    assert source.origin == Origin("Handbook", "file_1")
    again = await leg(FakeKnowledgeBase(PASSAGES)).find(query("water boils"))
    assert [one.chunk.chunk_id for one in again] == [one.chunk.chunk_id for one in found]


async def test_a_passage_that_comes_twice_is_one() -> None:
    found = await leg(FakeKnowledgeBase([PASSAGES[0], PASSAGES[1], PASSAGES[0]])).find(query("water boils"))
    assert [one.chunk.text for one in found] == [passage.text for passage in PASSAGES]


async def test_without_embeddings_passages_have_their_own_score_alone() -> None:
    found = await leg(FakeKnowledgeBase(PASSAGES), FakeEmbedder(Unavailable("down"))).find(query("water boils"))
    assert [(one.score, one.similarity) for one in found] == [(1.0, None), (0.5, None)]


async def test_it_is_asked_only_where_nothing_narrows_the_search() -> None:
    base = FakeKnowledgeBase(PASSAGES)
    retriever = HybridRetriever([FakeLeg("vector", [hit("a")])], FakeVectorStore(), outside=[leg(base)])
    for where in (Filter(kinds=(DocumentKind.MATERIAL,)), Filter(min_page=1), Filter(max_page=3)):
        assert [one.leg for one in (await retriever.retrieve(query("water", where=where))).legs] == ["vector"]
    assert [one.leg for one in (await retriever.retrieve(query("water", documents=(DOCUMENT,)))).legs] == ["vector"]
    assert base.questions == []
    found = await retriever.retrieve(query("water"))
    assert [(one.leg, one.hit_count) for one in found.legs] == [("vector", 1), ("outside:Handbook", 2)]
    assert {one.chunk.text for one in found.hits} == {"a", *(passage.text for passage in PASSAGES)}


async def test_when_it_fails_the_others_serve_on() -> None:
    error = ResourceExhausted("no more", reason="KNOWLEDGE_BASE_THROTTLED", retry_after=1.0)
    outside = [leg(FakeKnowledgeBase(error=error)), leg(FakeKnowledgeBase(name="slow", delay=1000))]
    legs = [FakeLeg("vector", [hit("a")])]
    found = await HybridRetriever(legs, FakeVectorStore(), outside=outside, leg_timeout=0.05).retrieve(query("a"))
    assert [one.chunk.text for one in found.hits] == ["a"]
    assert [(one.leg, one.reason) for one in found.legs[1:]] == [
        ("outside:Handbook", "KNOWLEDGE_BASE_THROTTLED"),
        ("outside:slow", "LEG_TIMEOUT"),
    ]


async def test_the_contract_says_where_a_passage_is_from() -> None:
    outside = await leg(FakeKnowledgeBase(PASSAGES)).find(query("water boils"))
    stored, found = messages.hits_message([hit("a"), replace(outside[0], score=1.0)])
    assert not stored.HasField("origin")
    assert (found.origin.knowledge_base, found.origin.document_id) == ("Handbook", "file_1")
    assert (found.chunk.document_id, found.chunk.end) == ("", len(found.chunk.text))


@pytest.mark.parametrize("start", [0, 6])
async def test_a_source_says_it_too(start: int) -> None:
    (found, *_) = await leg(FakeKnowledgeBase(PASSAGES)).find(query("water boils"))
    message = source_message(found.chunk.source(start))
    assert (message.origin.knowledge_base, message.start, message.document_id) == ("Handbook", start, "")
    assert messages._source(message).origin is None
