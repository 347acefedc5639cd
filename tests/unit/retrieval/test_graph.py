"""The graph's domain on a store in memory: what goes in, what is found, which names are one, and what is refused."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from services.common.values import Source
from services.kit.errors import InvalidArgument, NotFound
from services.retrieval.adapters.graphs.fake import FakeGraphStore
from services.retrieval.adapters.workers.fake import FakeMentionFinder
from services.retrieval.domain.graph.builder import GraphBuilder
from services.retrieval.domain.graph.explorer import GraphExplorer
from services.retrieval.values.chunk import Chunk
from services.retrieval.values.graph import AliasStatement, Contribution, Mention, RelationMention, entity_id

ME = "alice"


class Graph:
    """A store in memory, and what reads and writes it."""

    def __init__(self) -> None:
        self.store = FakeGraphStore()
        self.builder = GraphBuilder(self.store, FakeMentionFinder())
        self.explorer = GraphExplorer(self.store)

    async def say(self, text: str, *names: str, document: str = "", predicate: str = "", alias: bool = False) -> str:
        """Add a sentence that mentions names, of which the first two may be tied; return its document."""
        document = document or str(uuid.uuid4())
        quote = Source(0, len(text), text, 1, document, "notes.md", str(uuid.uuid5(uuid.UUID(document), text)))
        mentions = [
            Mention(text.index(name), text.index(name) + len(name), name, name.casefold(), "term", quote)
            for name in names
        ]
        relations = (RelationMention(mentions[0], mentions[1], predicate, quote),) if predicate else ()
        aliases = (AliasStatement(mentions[0], mentions[1], quote),) if alias else ()
        await self.builder.upsert(ME, Contribution(tuple(mentions), relations, aliases))
        return document


@pytest.fixture
def graph() -> Graph:
    return Graph()


def id_of(name: str) -> str:
    return entity_id(ME, name.casefold())


def chunk(text: str, ordinal: int = 0, document: str = "") -> Chunk:
    document = document or str(uuid.uuid4())
    id_ = str(uuid.uuid5(uuid.UUID(document), str(ordinal)))
    return Chunk(id_, document, "notes.md", ordinal, text, 0, ordinal * 1000, ordinal * 1000 + len(text))


async def test_chunks_are_read_once_and_found_by_any_spelling(graph: Graph) -> None:
    one = chunk("光合作用（photosynthesis）在叶绿体中进行。The chloroplast holds chlorophyll.")
    count = await graph.builder.add_chunks(ME, [one])
    assert count > 1
    before = await graph.store.state(ME)
    assert await graph.builder.add_chunks(ME, [one]) == 0
    assert await graph.store.state(ME) == before
    found = await graph.explorer.find(ME, "PHOTOSYNTHESIS", (), 5)
    assert [entity.name for entity in found] == ["photosynthesis"] or "photosynthesis" in found[0].aliases
    assert {found[0].name, *found[0].aliases} >= {"光合作用", "photosynthesis"}
    for mention in found[0].mentions:
        assert one.text[mention.start : mention.end] == mention.surface


async def test_a_deleted_document_leaves_nothing(graph: Graph) -> None:
    kept = await graph.say("Water boils.", "Water")
    before = await graph.explorer.find(ME, "", (), 10)
    gone = await graph.say("Water is H2O.", "Water", "H2O", alias=True)
    assert (await graph.explorer.find(ME, "H2O", (), 5))[0].mention_count == 3
    await graph.builder.delete_document(ME, gone)
    assert await graph.explorer.find(ME, "", (), 10) == before
    await graph.builder.delete_document(ME, kept)
    assert await graph.explorer.find(ME, "", (), 10) == []


async def test_an_entity_is_a_function_of_its_mentions(graph: Graph) -> None:
    await graph.say("We drink water.", "water")
    await graph.say("Water boils at 100 °C.", "Water")
    await graph.say("Then water freezes.", "water")
    (entity,) = await graph.explorer.find(ME, "water", (), 5)
    assert (entity.name, entity.aliases, entity.kind, entity.mention_count) == ("water", ("Water",), "term", 3)
    assert entity.description == "Water boils at 100 °C."


async def test_expand_walks_step_by_step_and_says_what_ties_its_entities(graph: Graph) -> None:
    await graph.say("A makes B", "A", "B", predicate="makes")
    await graph.say("B near C", "B", "C")
    await graph.say("C near D", "C", "D")
    near = await graph.explorer.expand(ME, [id_of("A")], (), 1, 50)
    assert [entity.name for entity in near.entities] == ["A", "B"]
    assert {(r.predicate, r.sources[0].quote) for r in near.relations} == {("makes", "A makes B"), ("", "A makes B")}
    far = await graph.explorer.expand(ME, [id_of("A")], (), 3, 50)
    assert [entity.name for entity in far.entities] == ["A", "B", "C", "D"]
    cut = await graph.explorer.expand(ME, [id_of("A")], (), 3, 2)
    assert cut.truncated
    assert [entity.name for entity in cut.entities] == ["A", "B"]
    assert await graph.explorer.expand("bob", [id_of("A")], (), 3, 50) == replace(
        near, entities=(), relations=(), truncated=False
    )


async def test_names_that_the_text_says_are_one_are_walked_as_one(graph: Graph) -> None:
    await graph.say("光合作用（photosynthesis）", "光合作用", "photosynthesis", alias=True)
    await graph.say("photosynthesis needs light", "photosynthesis", "light")
    found = await graph.explorer.expand(ME, [id_of("光合作用")], (), 1, 50)
    assert [entity.name for entity in found.entities] == ["photosynthesis", "light"]
    assert found.entities[0].aliases == ("光合作用",)
    (relation,) = found.relations
    assert {relation.from_entity_id, relation.to_entity_id} == {entity.entity_id for entity in found.entities}


async def test_a_survey_counts_quotes_and_connects_within_its_documents(graph: Graph) -> None:
    first = await graph.say("水 (water) boils", "水", "water", alias=True)
    await graph.say("water makes steam", "water", "steam", document=first, predicate="makes")
    second = await graph.say("water and ice and snow", "water", "ice", "snow")
    found = await graph.explorer.survey(ME, [first], (), 60)
    assert [(entity.name, entity.mention_count) for entity in found.entities] == [("water", 3), ("steam", 1)]
    assert {mention.quote.document_id for entity in found.entities for mention in entity.mentions} == {first}
    assert sorted(relation.predicate for relation in found.relations) == ["", "makes"]
    assert not found.truncated
    everything = await graph.explorer.survey(ME, (), (), 3)
    assert [entity.mention_count for entity in everything.entities] == [4, 1, 1]
    assert everything.truncated
    assert (await graph.explorer.survey(ME, [second], (), 60)).entities[0].aliases == ()
    assert (await graph.explorer.survey("bob", [first], (), 60)).entities == ()


async def test_a_survey_of_chunks_has_what_they_mention(graph: Graph) -> None:
    near = chunk("The chloroplast holds chlorophyll. The chloroplast is green.")
    far = chunk("The mitochondrion releases energy. The chloroplast stores energy.", 1, near.document_id)
    assert not await graph.explorer.holds(ME, [near.document_id])
    assert not await graph.explorer.holds(ME, ())
    await graph.builder.add_chunks(ME, [near, far])
    assert await graph.explorer.holds(ME, [str(uuid.uuid4()), near.document_id])
    assert await graph.explorer.holds(ME, ())
    names = {entity.name for entity in (await graph.explorer.survey(ME, (), [near.chunk_id], 60)).entities}
    assert "chloroplast" in names
    assert "mitochondrion" not in names


async def test_a_decision_outweighs_the_text_and_is_undone(graph: Graph) -> None:
    await graph.say("Mercury (quicksilver) flows", "Mercury", "quicksilver", alias=True)
    first, second = id_of("Mercury"), id_of("quicksilver")
    entity, links = await graph.explorer.explain(ME, first)
    assert entity.members == tuple(sorted((first, second)))
    assert [(link.same, link.sources[0].quote) for link in links] == [(True, "Mercury (quicksilver) flows")]
    made = await graph.explorer.decide(ME, second, first, False)
    entity, links = await graph.explorer.explain(ME, first)
    assert entity.members == (first,)
    assert [link.same for link in links] == [False, False]
    await graph.explorer.undo(ME, made)
    assert len((await graph.explorer.explain(ME, second))[0].members) == 2


async def test_two_entities_may_be_made_one(graph: Graph) -> None:
    await graph.say("Newton wrote", "Newton")
    await graph.say("牛顿 says", "牛顿")
    await graph.explorer.decide(ME, id_of("Newton"), id_of("牛顿"), True)
    (entity,) = await graph.explorer.find(ME, "newton", (), 5)
    assert {entity.name, *entity.aliases} == {"Newton", "牛顿"}
    with pytest.raises(InvalidArgument):
        await graph.explorer.decide(ME, id_of("Newton"), id_of("Newton"), True)
    with pytest.raises(NotFound):
        await graph.explorer.decide(ME, id_of("Newton"), id_of("nobody"), True)
    with pytest.raises(NotFound):
        await graph.explorer.explain("bob", id_of("Newton"))


QUOTE = Source(10, 21, "Water boils", 0, str(uuid.uuid4()), "d", str(uuid.uuid4()))
WATER = Mention(10, 15, "Water", "water", "", QUOTE)


@pytest.mark.parametrize(
    ("mention", "rule"),
    [
        (replace(WATER, end=16), "slice"),
        (replace(WATER, start=0, end=5), "slice"),
        (replace(WATER, key=""), "no name"),
        (replace(WATER, quote=replace(QUOTE, end=22)), "as long as"),
        (replace(WATER, quote=replace(QUOTE, quote="", end=10)), "at most"),
        (replace(WATER, quote=replace(QUOTE, quote="x" * 5000, end=5010)), "at most"),
        (replace(WATER, quote=replace(QUOTE, document_id="x")), "UUID"),
        (replace(WATER, quote=replace(QUOTE, chunk_id="{" + str(uuid.uuid4()) + "}")), "UUID"),
        (replace(WATER, quote=replace(QUOTE, page=-1)), "page"),
    ],
)
async def test_a_mention_that_is_not_where_it_says_is_refused(graph: Graph, mention: Mention, rule: str) -> None:
    with pytest.raises(InvalidArgument, match=rule) as raised:
        await graph.builder.upsert(ME, Contribution((WATER, mention)))
    assert raised.value.violations[0].field == "mentions[1]"
    assert (await graph.store.state(ME)).mention_count == 0


async def test_a_relation_stays_in_its_document(graph: Graph) -> None:
    other = replace(WATER, quote=replace(QUOTE, document_id=str(uuid.uuid4())))
    with pytest.raises(InvalidArgument, match="another document"):
        relation = RelationMention(WATER, other, "is", QUOTE)
        await graph.builder.upsert(ME, Contribution((WATER, other), (relation,)))
