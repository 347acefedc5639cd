"""What every graph store promises: on memory, on the embedded ArcadeDB, and on a Neo4j server."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from neo4j import AsyncGraphDatabase

from services.common.values import Source
from services.kit.errors import InvalidArgument, ResourceExhausted
from services.retrieval.adapters.graphs import statements
from services.retrieval.adapters.graphs.fake import FakeGraphStore
from services.retrieval.adapters.graphs.neo4j import Neo4jGraphStore
from services.retrieval.domain.graph.cypher import rewrite
from services.retrieval.ports import GraphStore
from services.retrieval.values.graph import (
    AliasStatement,
    ChunkPlace,
    Contribution,
    Link,
    Mention,
    RelationMention,
    StatedRelation,
    Table,
    decision_id,
    entity_id,
)
from tests.engines import BoltServer, on_engine
from tests.unit.retrieval.cypher_statements import READS

# On a busy machine a cold Neo4j takes minutes to start and to plan its first statements.
pytestmark = pytest.mark.timeout(600)

NAMES = ("水", "光合作用", "photosynthesis", "氧气", "oxygen", "叶绿体", "Newton", "energy", "CO2", "Python 3")


@pytest.fixture(params=["memory", on_engine("arcadedb"), on_engine("neo4j")])
def server(request: pytest.FixtureRequest) -> BoltServer | None:
    """The server to use; None for the store in memory."""
    return None if request.param == "memory" else request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
async def store(server: BoltServer | None) -> AsyncIterator[GraphStore]:
    if server is None:
        yield FakeGraphStore()
        return
    async with Neo4jGraphStore.open(server.url, server.user, server.password, timeout=60.0) as opened:
        yield opened


@pytest.fixture
def owner() -> str:
    return f"alice {uuid.uuid4().hex}"


def mention(quote: Source, at: int, name: str, kind: str = "term") -> Mention:
    return Mention(quote.start + at, quote.start + at + len(name), name, name.casefold(), kind, quote)


def contribution(document_id: str, ordinal: int, seed: int = 0) -> Contribution:
    """Return what a chunk of three sentences adds: the same for the same arguments."""
    draw = random.Random(f"{document_id}:{ordinal}:{seed}")  # noqa: S311
    chunk_id = str(uuid.uuid5(uuid.UUID(document_id), f"{ordinal}"))
    mentions: list[Mention] = []
    relations: list[RelationMention] = []
    aliases: list[AliasStatement] = []
    for number in range(3):
        names = draw.sample(NAMES, draw.randint(1, 4))
        text = ", ".join(names) + " 🙂."
        # Another seed is another reading of the chunk, with other sentences.
        start = ordinal * 1000 + number * 200 + seed
        quote = Source(start, start + len(text), text, ordinal + 1, document_id, "物理 notes.pdf", chunk_id)
        found = [mention(quote, text.index(name), name, draw.choice(("term", "person", ""))) for name in names]
        mentions += found
        if len(found) > 2:
            relations.append(RelationMention(found[0], found[1], draw.choice(("makes", "产生")), quote))
            aliases.append(AliasStatement(found[1], found[2], quote))
    place = ChunkPlace(chunk_id, document_id, ordinal)
    return Contribution(tuple(mentions), tuple(relations), tuple(aliases), (place,))


def ids(owner: str) -> list[str]:
    return [entity_id(owner, name.casefold()) for name in NAMES]


async def contents(store: GraphStore, owner: str, documents: list[str]) -> dict[str, Any]:
    """Return all that a store says of an owner."""
    all_ids = ids(owner)
    state = await store.state(owner)
    chunks = [place for document in documents for place in await store.chunks(owner, document)]
    return {
        "state": replace(state, engine="", version=""),
        "entities": await store.entities(owner, all_ids, 5),
        "entities in": await store.entities(owner, all_ids, 5, documents[:1]),
        "known": await store.known(owner, [*all_ids, entity_id(owner, "nobody")]),
        "frequent": await store.frequent(owner, (), 20),
        "frequent in": await store.frequent(owner, documents[:1], 20),
        "neighbors": sort(await store.neighbors(owner, all_ids, (), 20)),
        "neighbors in": sort(await store.neighbors(owner, all_ids[:3], documents[:1], 20)),
        "meetings": [in_order(pair) for pair in await store.meetings(owner, all_ids, (), 50, 100)],
        "relations": sort(await store.relations(owner, all_ids, (), 50, 2)),
        "links": sort(await store.links(owner, all_ids)),
        "occurrences": sort(await store.occurrences(owner, all_ids, (), 50, sentences=1000)),
        "rare": sort(await store.occurrences(owner, all_ids, (), 50, sentences=3, common=False)),
        "entities of": sort(await store.entities_of(owner, [place.chunk_id for place in chunks], 50)),
        "chunks": chunks,
    }


def in_order(relation: StatedRelation) -> StatedRelation:
    return replace(relation, sources=tuple(sorted(relation.sources, key=lambda s: (s.document_id, s.start))))


def sort(values: list[Any]) -> list[Any]:
    return sorted(values, key=repr)


async def expected(owner: str, documents: list[str], parts: list[Contribution]) -> dict[str, Any]:
    fake = FakeGraphStore()
    for part in parts:
        await fake.add(owner, part)
    return await contents(fake, owner, documents)


def document() -> str:
    return str(uuid.uuid4())


async def test_what_is_added_is_found_and_adding_it_again_changes_nothing(store: GraphStore, owner: str) -> None:
    documents = [document(), document()]
    parts = [contribution(d, n) for d in documents for n in range(3)]
    for part in (*parts, *parts[:2]):
        await store.add(owner, part)
    assert await contents(store, owner, documents) == await expected(owner, documents, parts)


async def test_chunks_that_were_added_are_known_to_their_owner_alone(store: GraphStore, owner: str) -> None:
    doc = document()
    part = contribution(doc, 0)
    await store.add(owner, part)
    (place,) = part.chunks
    assert await store.added(owner, [place.chunk_id, str(uuid.uuid4())]) == {place.chunk_id}
    assert await store.added(owner, []) == set()
    assert await store.added(f"{owner} too", [place.chunk_id]) == set()
    await store.delete_document(owner, doc)
    assert await store.added(owner, [place.chunk_id]) == set()


async def test_a_deletion_leaves_the_graph_as_it_was_before_the_document(store: GraphStore, owner: str) -> None:
    kept, gone = document(), document()
    await store.add(owner, contribution(kept, 0))
    before = await contents(store, owner, [kept, gone])
    for ordinal in range(4):
        await store.add(owner, contribution(gone, ordinal))
    assert await contents(store, owner, [kept, gone]) != before
    await store.delete_document(owner, gone)
    assert await contents(store, owner, [kept, gone]) == before
    await store.delete_document(owner, gone)
    await store.delete_document(owner, kept)
    state = await store.state(owner)
    assert (state.entity_count, state.mention_count, state.relation_count, state.alias_count, state.chunk_count) == (
        (0,) * 5
    )


async def test_owners_do_not_share_even_the_same_document(store: GraphStore, owner: str) -> None:
    other = f"{owner} too"
    shared = document()
    part = contribution(shared, 0)
    for whose in (owner, other):
        await store.add(whose, part)
    mine = await contents(store, owner, [shared])
    await store.delete_document(other, shared)
    assert await contents(store, owner, [shared]) == mine
    assert await store.entities(other, ids(owner), 5) == []
    assert await store.neighbors(other, ids(owner), (), 5) == []
    assert await store.meetings(other, ids(owner), (), 5, 1) == []
    assert await store.occurrences(other, ids(owner), (), 5, sentences=5) == []
    assert await store.links(other, ids(owner)) == []


async def test_a_decision_is_kept_replaced_and_undone_and_outlives_the_document(store: GraphStore, owner: str) -> None:
    first, second = ids(owner)[:2]
    link = Link(first, second, "水", "光合作用", same=True, decided=datetime(2026, 11, 29, 12, tzinfo=UTC))
    await store.decide(owner, link)
    assert await store.links(owner, [second]) == [link]
    assert await store.links(f"{owner} too", [second]) == []
    await store.decide(owner, replace(link, same=False))
    assert await store.links(owner, [first, second]) == [replace(link, same=False)]
    await store.undo(f"{owner} too", decision_id(owner, first, second))
    await store.delete_document(owner, document())
    assert len(await store.links(owner, [first])) == 1
    await store.undo(owner, decision_id(owner, second, first))
    await store.undo(owner, decision_id(owner, second, first))
    assert await store.links(owner, [first]) == []


async def test_caps_hold(store: GraphStore, owner: str) -> None:
    only = document()
    for ordinal in range(4):
        await store.add(owner, contribution(only, ordinal))
    by_entity: dict[str, int] = {}
    for neighbor in await store.neighbors(owner, ids(owner), (), 2):
        by_entity[neighbor.entity_id] = by_entity.get(neighbor.entity_id, 0) + 1
    assert [len(pair.sources) for pair in await store.meetings(owner, ids(owner), (), 2, 1)] == [1, 1]
    assert max(by_entity.values()) == 2
    assert len(await store.frequent(owner, (), 3)) == 3
    entities = await store.entities(owner, ids(owner), 1)
    assert all(len(entity.mentions) == 1 for entity in entities)
    looked_at = await store.occurrences(owner, ids(owner), (), 9, sentences=1)
    named = {(entity.entity_id, 1) for entity in entities}
    assert {(found.entity_id, found.sentence_count) for found in looked_at} == named
    assert len(looked_at) == len(named)
    assert len(await store.entities_of(owner, [(await store.chunks(owner, only))[0].chunk_id], 1)) == 1


async def test_many_rows_are_stored_whole(store: GraphStore, owner: str) -> None:
    doc = document()
    parts = [contribution(doc, ordinal) for ordinal in range(60)]
    fields = ("mentions", "relations", "aliases", "chunks")
    whole = Contribution(*(tuple(item for part in parts for item in getattr(part, field)) for field in fields))
    assert len(whole.mentions) > 400
    await store.add(owner, whole)
    fake = FakeGraphStore()
    await fake.add(owner, whole)
    state = await store.state(owner)
    assert state == replace(await fake.state(owner), engine=state.engine, version=state.version)
    assert await store.entities(owner, ids(owner), 5) == await fake.entities(owner, ids(owner), 5)
    assert await store.chunks(owner, doc) == await fake.chunks(owner, doc)


@pytest.mark.parametrize("seed", range(2))
async def test_writes_in_any_order_and_at_once_end_as_one_after_another_would(
    store: GraphStore, owner: str, seed: int
) -> None:
    """Each document is added, parsed anew and deleted by a worker of its own, as docs' jobs do."""
    draw = random.Random(seed)  # noqa: S311
    documents = [str(uuid.UUID(int=draw.getrandbits(128))) for _ in range(4)]
    left: dict[str, list[Contribution]] = {}

    async def work(document_id: str, steps: list[int]) -> None:
        for step, generation in enumerate(steps):
            if generation == 0:
                await store.delete_document(owner, document_id)
                left[document_id] = []
            else:
                part = contribution(document_id, step % 3, generation)
                await store.add(owner, part)
                left.setdefault(document_id, []).append(part)

    async with asyncio.TaskGroup() as group:
        for document_id in documents:
            group.create_task(work(document_id, draw.choices((0, 1, 2), (1, 2, 2), k=10)))
    parts = [part for document_id in documents for part in left.get(document_id, ())]
    assert await contents(store, owner, documents) == await expected(owner, documents, parts)
    async with asyncio.TaskGroup() as group:
        for document_id in documents:
            group.create_task(store.delete_document(owner, document_id))
    assert (await store.state(owner)).entity_count == 0


async def test_two_workers_may_add_the_same_chunk_at_once(store: GraphStore, owner: str) -> None:
    only = document()
    parts = [contribution(only, ordinal) for ordinal in range(3)]
    async with asyncio.TaskGroup() as group:
        for part in (*parts, *parts):
            group.create_task(store.add(owner, part))
    assert await contents(store, owner, [only]) == await expected(owner, [only], parts)


async def test_it_says_which_engine_it_is_and_answers(store: GraphStore, owner: str) -> None:
    await store.ping()
    state = await store.state(owner)
    assert state.engine in ("memory", "ArcadeDB", "Neo4j")
    assert state.version


async def test_an_older_schema_gets_the_indexes_that_pay_on_its_engine(server: BoltServer | None) -> None:
    if server is None:
        pytest.skip("memory has no schema")
    auth = (server.user, server.password) if server.user else None
    async with AsyncGraphDatabase.driver(server.url, auth=auth) as driver:
        for text in (statements.SCHEMA_CONSTRAINT, *statements.MIGRATIONS[0].statements):
            await driver.execute_query(text)
        await driver.execute_query(statements.SET_SCHEMA_VERSION, version=1)
        async with Neo4jGraphStore.open(server.url, server.user, server.password, timeout=60.0) as store:
            engine = (await store.state("nobody")).engine
        indexes, *_ = await driver.execute_query("SHOW INDEXES")
        found = {label for index in indexes if index["properties"] == ["owner_id"] for label in index["labelsOrTypes"]}
        documents = {"Entity", "Sentence", "Chunk", "Relation", "Alias"}
        assert found == ({"Decision"} if engine == "ArcadeDB" else {"Decision", *documents})
        assert any((index["labelsOrTypes"], index["properties"]) == (["Entity"], ["key"]) for index in indexes)


GIVEN = {"one": "水", "other": "co2"}


async def test_what_reads_is_run_and_shows_nothing_of_another_owner(store: GraphStore, owner: str) -> None:
    if isinstance(store, FakeGraphStore):
        pytest.skip("memory speaks no Cypher: the engines run this")
    other = f"{owner} too"
    mine, theirs = document(), document()
    for whose, document_id in ((owner, mine), (other, theirs)):
        for ordinal in range(3):
            await store.add(whose, contribution(document_id, ordinal))
    for text in READS:
        table = await store.query(owner, rewrite(text, GIVEN), 100)
        assert theirs not in str(table.rows), text
        assert other not in str(table.rows), text
        nothing = await store.query(f"{owner} nobody", rewrite(text, GIVEN), 100)
        assert mine not in str(nothing.rows), text
        assert "MATCH" not in text or len(nothing.rows) <= 1, text
    # Everything that can be reached from one owner's nodes is this owner's.
    far = await store.query(owner, rewrite("MATCH (a:Entity)-[*1..4]-(b) RETURN DISTINCT b.document_id AS d", {}), 100)
    assert {row[0] for row in far.rows} == {mine, None}


async def test_rows_are_what_the_statement_says_up_to_the_limit(store: GraphStore, owner: str) -> None:
    if isinstance(store, FakeGraphStore):
        pytest.skip("memory speaks no Cypher: the engines run this")
    only = document()
    parts = [contribution(only, ordinal) for ordinal in range(3)]
    for part in parts:
        await store.add(owner, part)
    keys = sorted({mention.key for part in parts for mention in part.mentions})
    table = await store.query(owner, rewrite("MATCH (e:Entity) RETURN e.key AS 名, 1 ORDER BY 名", {}), 100)
    assert table.columns == ("名", "1")
    assert [row[0] for row in table.rows] == keys
    assert [row[1] for row in table.rows] == [1] * len(keys)
    cut = await store.query(owner, rewrite("MATCH (e:Entity) RETURN e ORDER BY e.key", {}), 2)
    assert cut.truncated
    assert [row[0]["key"] for row in cut.rows] == keys[:2]
    assert "owner_id" not in cut.rows[0][0]
    with pytest.raises(InvalidArgument):
        await store.query(owner, rewrite("MATCH (e:Entity) RETURN substring(1, 'x', 'y')", {}), 2)
    nothing = rewrite("MATCH (e:Entity {key: 'none'}) RETURN e.key AS 名, e, collect(e) AS l", {})
    assert await store.query(owner, nothing, 2) == Table(("名", "e", "l"), (), truncated=False)


TOO_MUCH = [
    "UNWIND $many AS a RETURN size(collect(a))",
    "UNWIND $some AS a UNWIND $some AS b WITH $text + toString(a) + toString(b) AS x RETURN x ORDER BY x",
    "UNWIND $some AS a UNWIND $some AS b RETURN collect($text + toString(a) + toString(b))",
]


@pytest.mark.parametrize("text", TOO_MUCH)
async def test_what_asks_for_too_much_is_refused_and_the_engine_serves_on(
    store: GraphStore, owner: str, text: str
) -> None:
    if isinstance(store, FakeGraphStore):
        pytest.skip("memory speaks no Cypher: the engines run this")
    given = {"many": list(range(2000)), "some": list(range(300)), "text": "x" * 8000}
    with pytest.raises((InvalidArgument, ResourceExhausted)):
        await store.query(owner, rewrite(text, given), 10)
    await store.ping()
