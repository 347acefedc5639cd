"""The graph leg: from the names in a question to passages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.retrieval.adapters.graphs.fake import FakeGraphStore
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.domain.graph.leg import GraphRetriever, candidate_names, rank_chunks
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.values.chunk import Chunk, EmbeddedChunk, Filter, LegQuery
from services.retrieval.values.graph import Occurrence

ENGLISH = (
    "Avicenna explained the origin of earthquakes.",
    "The Canon of Medicine was written by Avicenna.",
    "The Rhine flows through Cologne.",
    "The World Health Organization (WHO) is in Geneva.",
    "WHO fights malaria in Kenya.",
)
CHINESE = (
    "光合作用（photosynthesis）在叶绿体中进行。",
    "叶绿体含有叶绿素。",
    "长江流经武汉。",
    "世界卫生组织（简称世卫组织）在日内瓦。",
    "世卫组织在肯尼亚防治疟疾。",
)


async def leg_over(texts: Sequence[str]) -> GraphRetriever:
    graph, vectors = FakeGraphStore(), FakeVectorStore()
    chunks = [Chunk(f"chunk-{i}", f"document-{i}", "notes", 0, text, 0, 0, len(text)) for i, text in enumerate(texts)]
    await vectors.upsert("m", "alice", [EmbeddedChunk(chunk, [1.0, 0.0]) for chunk in chunks])
    await graph.add("alice", find_mentions(chunks))
    return GraphRetriever(graph, vectors)


def query(text: str, owner: str = "alice", documents: tuple[str, ...] = (), limit: int = 10) -> LegQuery:
    return LegQuery(text, owner, Filter(documents), limit)


async def found(leg: GraphRetriever, asked: LegQuery) -> list[str]:
    return [hit.chunk.text for hit in await leg.find(asked)]


@pytest.mark.parametrize(
    ("texts", "question", "passages"),
    [
        (ENGLISH, "Which book is by him who explained earthquakes?", {ENGLISH[0], ENGLISH[1]}),
        (CHINESE, "光合作用的场所含有什么色素？", {CHINESE[0], CHINESE[1]}),
    ],
)
async def test_a_name_leads_to_its_passage_and_from_there_to_another(
    texts: Sequence[str], question: str, passages: set[str]
) -> None:
    hits = await (await leg_over(texts)).find(query(question))
    assert {hit.chunk.text for hit in hits} == passages
    assert hits[0].chunk.text == texts[0]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize(
    ("texts", "question"), [(ENGLISH, "Where is the World Health Organization?"), (CHINESE, "世界卫生组织在哪里？")]
)
async def test_a_name_finds_passages_that_have_its_other_name(texts: Sequence[str], question: str) -> None:
    assert set(await found(await leg_over(texts), query(question))) == {texts[3], texts[4]}


async def test_a_question_in_another_language_finds_what_a_text_names_in_both() -> None:
    assert CHINESE[0] in await found(await leg_over(CHINESE), query("Where does photosynthesis take place?"))


async def test_an_ambiguous_name_leads_to_none_of_its_meanings() -> None:
    leg = await leg_over(
        [
            "The polymerase chain reaction (PCR) copies DNA.",
            "Principal component regression (PCR) fits a line.",
            "The polymerase chain reaction is fast.",
        ]
    )
    assert len(await leg.names("alice", "What is PCR?")) == 1


async def test_a_name_within_a_longer_one_is_not_asked_for() -> None:
    leg = await leg_over(["New York is a city.", "New York University is a school."])
    assert await found(leg, query("Who leads New York University?")) == ["New York University is a school."]


@pytest.mark.parametrize("question", ["Why is the sky blue?", "为什么？", "???", "a" * 5000])
async def test_without_a_known_name_nothing_is_found(question: str) -> None:
    assert await found(await leg_over(ENGLISH), query(question)) == []


async def test_documents_limits_and_owners_are_kept() -> None:
    leg = await leg_over(ENGLISH)
    asked = "What did Avicenna write?"
    assert await found(leg, query(asked, documents=("document-1",))) == [ENGLISH[1]]
    assert len(await found(leg, query(asked, limit=1))) == 1
    assert await found(leg, query(asked, owner="bob")) == []


async def test_candidates_are_bounded() -> None:
    assert len(await candidate_names("光合作用" * 1000)) <= 400 * 11
    assert len(await candidate_names("word " * 1000)) <= 80 * 6


def test_rare_names_weigh_more() -> None:
    common = [Occurrence("common", f"c{i}", 1) for i in range(3)]
    ranked = rank_chunks([*common, Occurrence("rare", "c3", 1)], ["common", "rare"])
    assert ranked[0][0] == "c3"
    assert rank_chunks([], ["nobody"]) == []
