"""What every vector store promises, on memory, on Qdrant Edge behind Qdrant's API, and on a Qdrant server."""

from __future__ import annotations

import asyncio
import math
import os
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from services.common.values import DocumentKind
from services.language.search_terms import search_terms
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.adapters.stores.qdrant import QdrantVectorStore
from services.retrieval.domain.search.bm25 import passage_vector, question_vector
from services.retrieval.ports import VectorStore
from services.retrieval.values.chunk import EVERYWHERE, Chunk, EmbeddedChunk, Filter
from tests.engines import on_engine

MODEL = "multilingual-e5-small"
ALICE = "alice"
BOB = "bob"


def document() -> str:
    return str(uuid.uuid4())


def chunk(document_id: str, ordinal: int, text: str = "水是 blue 🙂.") -> Chunk:
    start = ordinal * 100
    return Chunk(
        chunk_id=str(uuid.uuid5(uuid.UUID(document_id), f"{ordinal}:{start}")),
        document_id=document_id,
        document_name="物理 notes.pdf",
        ordinal=ordinal,
        text=text,
        page=ordinal // 2 + 1,
        start=start,
        end=start + len(text),
        heading_path=("第一章", "Colour"),
        page_starts=(start + 1, start + 3)[: ordinal % 3],
        document_kind=DocumentKind.DOCUMENT if ordinal % 2 else DocumentKind.MATERIAL,
        gap="\n\n\u3000" if ordinal % 2 else "",
    )


def direction(degrees: float, dimension: int = 4) -> list[float]:
    radians = math.radians(degrees)
    return [math.cos(radians), math.sin(radians)] + [0.0] * (dimension - 2)


def embedded(document_id: str, ordinal: int, degrees: float) -> EmbeddedChunk:
    return EmbeddedChunk(chunk(document_id, ordinal), direction(degrees))


@pytest.fixture(params=["fake", on_engine("qdrant-edge"), on_engine("qdrant-server")])
def address(request: pytest.FixtureRequest) -> str:
    """The Qdrant to use; empty for the store in memory."""
    if request.param == "fake":
        return ""
    if request.param == "qdrant-edge":
        return str(request.getfixturevalue("qdrant_url"))
    if not (url := os.environ.get("TIKU_TEST_QDRANT_URL")):
        pytest.skip("no Qdrant server: set TIKU_TEST_QDRANT_URL=http://host:6334 to run the contract on it")
    return url


@pytest.fixture
async def store(address: str) -> AsyncIterator[VectorStore]:
    if not address:
        yield FakeVectorStore()
        return
    async with QdrantVectorStore.open(address, prefix=f"test_{uuid.uuid4().hex}") as qdrant:
        yield qdrant


async def found(
    store: VectorStore, owner: str, degrees: float = 0, documents: Sequence[str] = (), limit: int = 10
) -> list[int]:
    hits = await store.search(MODEL, direction(degrees), owner, Filter(tuple(documents)), limit)
    return [hit.chunk.ordinal for hit in hits]


async def count(store: VectorStore, owner: str, documents: Sequence[str]) -> list[int]:
    return [len(extent) for extent in await store.extents(owner, Filter(tuple(documents)))]


async def test_nearest_come_first_with_their_cosine(store: VectorStore) -> None:
    doc = document()
    await store.upsert(MODEL, ALICE, [embedded(doc, i, 30.0 * i) for i in range(4)])
    hits = await store.search(MODEL, direction(10), ALICE, EVERYWHERE, 3)
    assert [hit.chunk.ordinal for hit in hits] == [0, 1, 2]
    expected = [math.cos(math.radians(angle)) for angle in (10, 20, 50)]
    assert [hit.score for hit in hits] == pytest.approx(expected, abs=1e-5)


async def test_a_vectors_length_does_not_matter(store: VectorStore) -> None:
    doc = document()
    await store.upsert(MODEL, ALICE, [EmbeddedChunk(chunk(doc, 0), [7.0, 0.0, 0.0, 0.0]), embedded(doc, 1, 60)])
    hits = await store.search(MODEL, [3.0, 0.0, 0.0, 0.0], ALICE, EVERYWHERE, 1)
    assert hits[0].chunk.ordinal == 0
    assert hits[0].score == pytest.approx(1.0, abs=1e-5)


async def test_a_chunk_comes_back_as_it_was(store: VectorStore) -> None:
    stored = chunk(document(), 3, "空格 \n tabs\t and “quotes” 𝛼")
    await store.upsert(MODEL, ALICE, [EmbeddedChunk(stored, direction(0))])
    hits = await store.search(MODEL, direction(0), ALICE, EVERYWHERE, 1)
    assert hits[0].chunk == stored
    assert await store.read(ALICE, {stored.document_id: [3]}) == [stored]


async def test_what_is_confirmed_is_searchable_at_once(store: VectorStore) -> None:
    for i in range(5):
        doc = document()
        await store.upsert(MODEL, ALICE, [embedded(doc, i, 0)])
        assert await found(store, ALICE, documents=[doc]) == [i]


async def test_repeating_an_upsert_changes_nothing_and_a_new_text_replaces(store: VectorStore) -> None:
    doc = document()
    chunks = [embedded(doc, i, 10 * i) for i in range(3)]
    await store.upsert(MODEL, ALICE, chunks)
    await store.upsert(MODEL, ALICE, chunks)
    assert await count(store, ALICE, [doc]) == [3]
    changed = replace(chunks[1].chunk, text="new", end=103)
    await store.upsert(MODEL, ALICE, [EmbeddedChunk(changed, direction(10))])
    assert await count(store, ALICE, [doc]) == [3]
    assert await store.read(ALICE, {doc: [1]}) == [changed]


async def test_documents_narrow_a_search(store: VectorStore) -> None:
    first, second, third = document(), document(), document()
    for i, doc in enumerate((first, second, third)):
        await store.upsert(MODEL, ALICE, [embedded(doc, i, i)])
    assert await found(store, ALICE, documents=[second]) == [1]
    assert await found(store, ALICE, documents=[third, first]) == [0, 2]
    assert await found(store, ALICE) == [0, 1, 2]
    assert await found(store, ALICE, documents=[document()]) == []


@pytest.mark.parametrize(
    ("where", "ordinals"),
    [
        (Filter(kinds=(DocumentKind.DOCUMENT,)), [1, 3, 5]),
        (Filter(kinds=(DocumentKind.MATERIAL, DocumentKind.DOCUMENT)), [0, 1, 2, 3, 4, 5]),
        (Filter(min_page=4), [2, 4, 5]),
        (Filter(min_page=5), [5]),
        (Filter(min_page=3), [2, 4, 5]),
        (Filter(max_page=2), [0, 1, 2, 3]),
        (Filter(min_page=3, max_page=3), [2, 4, 5]),
        (Filter(kinds=(DocumentKind.MATERIAL,), min_page=3), [2, 4]),
        (Filter(min_page=9), []),
    ],
)
async def test_kinds_and_pages_narrow_a_search(store: VectorStore, where: Filter, ordinals: list[int]) -> None:
    doc = document()
    await store.upsert(MODEL, ALICE, [embedded(doc, i, i) for i in range(6)])
    hits = await store.search(MODEL, direction(0), ALICE, where, 10)
    assert [hit.chunk.ordinal for hit in hits] == ordinals
    [extent] = await store.extents(ALICE, replace(where, document_ids=(doc,)))
    assert extent == (range(ordinals[0], ordinals[-1] + 1) if ordinals else range(0))


async def test_a_passage_without_pages_is_in_no_range_of_pages(store: VectorStore) -> None:
    doc = document()
    await store.upsert(MODEL, ALICE, [EmbeddedChunk(replace(chunk(doc, 0), page=0, page_starts=()), direction(0))])
    for where in (Filter(min_page=1), Filter(max_page=9)):
        assert await store.search(MODEL, direction(0), ALICE, where, 10) == []


async def test_another_owner_finds_counts_reads_and_removes_nothing(store: VectorStore) -> None:
    doc = document()
    await store.upsert(MODEL, ALICE, [embedded(doc, 0, 0)])
    assert await found(store, BOB) == []
    assert await found(store, BOB, documents=[doc]) == []
    assert await count(store, BOB, [doc]) == [0]
    assert await store.read(BOB, {doc: [0]}) == []
    await store.delete_document(BOB, doc)
    assert await found(store, ALICE, documents=[doc]) == [0]


async def test_another_owner_cannot_replace_a_chunk_by_using_its_id(store: VectorStore) -> None:
    doc = document()
    mine = chunk(doc, 0, "mine")
    theirs = replace(mine, text="theirs!", end=7)
    await store.upsert(MODEL, ALICE, [EmbeddedChunk(mine, direction(0))])
    await store.upsert(MODEL, BOB, [EmbeddedChunk(theirs, direction(0))])
    assert await store.read(ALICE, {doc: [0]}) == [mine]
    assert await store.read(BOB, {doc: [0]}) == [theirs]


async def test_delete_removes_one_document_under_every_model(store: VectorStore) -> None:
    gone, kept = document(), document()
    await store.upsert(MODEL, ALICE, [embedded(gone, 0, 0), embedded(kept, 1, 0)])
    await store.upsert("other/model", ALICE, [EmbeddedChunk(chunk(gone, 0), direction(0, 8))])
    await store.delete_document(ALICE, gone)
    assert await found(store, ALICE) == [1]
    assert await store.search("other/model", direction(0, 8), ALICE, EVERYWHERE, 5) == []
    assert await count(store, ALICE, [gone, kept]) == [0, 1]
    await store.delete_document(ALICE, gone)


def worded(document_id: str, ordinal: int, text: str) -> EmbeddedChunk:
    return EmbeddedChunk(chunk(document_id, ordinal, text), direction(ordinal), passage_vector(text))


async def by_words(store: VectorStore, text: str, where: Filter = EVERYWHERE, limit: int = 10) -> list[int]:
    hits = await store.search_words(question_vector(text), ALICE, where, limit)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    return [hit.chunk.ordinal for hit in hits]


@pytest.fixture(scope="module", autouse=True)
def _dictionaries() -> None:
    """Load what folds traditional characters, as the service does at its start: it reads files."""
    search_terms("词")


async def test_words_find_the_chunks_that_hold_them_the_rare_ones_first(store: VectorStore) -> None:
    doc = document()
    texts = ["the cell wall", "the cell and its nucleus", "the wall of a house", "水是生命之源", "no word in common"]
    await store.upsert(MODEL, ALICE, [worded(doc, i, text) for i, text in enumerate(texts)])
    assert await by_words(store, "cell nucleus the") == [1, 0, 2]
    assert await by_words(store, "生命") == [3]
    assert await by_words(store, "wall", limit=1) == [0]
    assert await by_words(store, "photosynthesis") == []


async def test_the_weight_of_a_word_is_its_frequency_in_the_passage_times_its_rarity(store: VectorStore) -> None:
    doc = document()
    texts = ["cell cell", "cell wall", "wall", "house"]
    await store.upsert(MODEL, ALICE, [worded(doc, i, text) for i, text in enumerate(texts)])
    found = {
        hit.chunk.ordinal: hit.score
        for hit in await store.search_words(question_vector("house cell"), ALICE, EVERYWHERE, 10)
    }
    rarity = {"house": math.log(1 + 3.5 / 1.5), "cell": math.log(1 + 2.5 / 2.5)}
    for ordinal, word in ((0, "cell"), (1, "cell"), (3, "house")):
        vector = passage_vector(texts[ordinal])
        weight = dict(zip(vector.indices, vector.values, strict=True))[question_vector(word).indices[0]]
        assert found[ordinal] == pytest.approx(weight * rarity[word], rel=1e-4)


async def test_what_others_store_changes_no_weight(store: VectorStore) -> None:
    doc, other = document(), document()
    await store.upsert(MODEL, ALICE, [worded(doc, i, text) for i, text in enumerate(("cell wall", "cell", "house"))])

    async def scores() -> list[tuple[int, float]]:
        hits = await store.search_words(question_vector("cell wall house"), ALICE, Filter((doc,)), 10)
        return [(hit.chunk.ordinal, round(hit.score, 4)) for hit in hits]

    alone = await scores()
    await store.upsert(MODEL, BOB, [worded(other, i, "wall house") for i in range(9)])
    assert await scores() == alone
    # The owner's own do count, also those that the filter leaves out.
    await store.upsert(MODEL, ALICE, [worded(other, i, "wall house") for i in range(9)])
    assert await scores() != alone


async def test_words_are_looked_for_where_the_filter_says(store: VectorStore) -> None:
    doc, other = document(), document()
    await store.upsert(MODEL, ALICE, [worded(doc, i, "cell") for i in range(4)])
    await store.upsert(MODEL, ALICE, [worded(other, 4, "cell")])
    await store.upsert(MODEL, BOB, [worded(doc, 5, "cell")])
    assert await by_words(store, "cell", Filter((other,))) == [4]
    assert sorted(await by_words(store, "cell", Filter(kinds=(DocumentKind.DOCUMENT,)))) == [1, 3]
    assert sorted(await by_words(store, "cell", Filter(min_page=3))) == [2, 4]


async def test_words_are_found_under_every_model_and_once(store: VectorStore) -> None:
    doc = document()
    await store.upsert(MODEL, ALICE, [worded(doc, 0, "cell wall"), worded(doc, 1, "cell")])
    old = [replace(worded(doc, i, "cell wall"), vector=direction(0, 8)) for i in (0, 2)]
    await store.upsert("other/model", ALICE, old)
    assert sorted(await by_words(store, "cell wall")) == [0, 1, 2]


async def test_a_chunk_without_words_is_stored_and_found_by_its_vector(store: VectorStore) -> None:
    doc = document()
    await store.upsert(MODEL, ALICE, [worded(doc, 0, "…"), worded(doc, 1, "cell")])
    assert await found(store, ALICE) == [0, 1]
    assert await by_words(store, "cell") == [1]


async def test_models_never_mix(store: VectorStore) -> None:
    doc = document()
    await store.upsert("a/b", ALICE, [embedded(doc, 0, 0)])
    await store.upsert("a-b", ALICE, [embedded(doc, 1, 0)])
    await store.upsert("a/b", ALICE, [EmbeddedChunk(chunk(doc, 2), direction(0, 8))])
    for model, dimension, ordinal in (("a/b", 4, 0), ("a-b", 4, 1), ("a/b", 8, 2)):
        hits = await store.search(model, direction(0, dimension), ALICE, EVERYWHERE, 5)
        assert [hit.chunk.ordinal for hit in hits] == [ordinal]


async def test_a_model_without_chunks_finds_nothing(store: VectorStore) -> None:
    assert await store.search("never-used", direction(0), ALICE, EVERYWHERE, 5) == []
    assert await count(store, ALICE, [document()]) == [0]
    assert await store.read(ALICE, {document(): [0, 1]}) == []
    await store.delete_document(ALICE, document())


async def test_read_gives_documents_as_asked_and_chunks_in_reading_order(store: VectorStore) -> None:
    first, second = document(), document()
    await store.upsert(MODEL, ALICE, [embedded(first, i, 7 * i) for i in (4, 0, 3, 1, 2)])
    await store.upsert(MODEL, ALICE, [embedded(second, i, 7 * i) for i in (1, 0)])
    chunks = await store.read(ALICE, {second: [1, 0], first: [4, 2, 99]})
    assert [(c.document_id, c.ordinal) for c in chunks] == [(second, 0), (second, 1), (first, 2), (first, 4)]


async def test_chunks_are_got_by_id_in_the_order_asked_for(store: VectorStore) -> None:
    assert await store.get(ALICE, [chunk(document(), 0).chunk_id]) == []
    doc = document()
    await store.upsert(MODEL, ALICE, [embedded(doc, i, 7 * i) for i in range(3)])
    await store.upsert("other", ALICE, [EmbeddedChunk(chunk(doc, i), direction(0, 8)) for i in (2, 3)])
    await store.upsert(MODEL, BOB, [embedded(doc, 4, 0)])
    wanted = [chunk(doc, i) for i in (3, 0, 2)]
    ids = [one.chunk_id for one in (*wanted, chunk(doc, 0), chunk(doc, 4), chunk(doc, 9))]
    assert await store.get(ALICE, ids) == wanted
    assert await store.get(ALICE, []) == []


async def test_a_chunk_under_two_models_is_counted_and_read_once(store: VectorStore) -> None:
    doc = document()
    await store.upsert(MODEL, ALICE, [embedded(doc, 0, 0), embedded(doc, 1, 5)])
    await store.upsert("other", ALICE, [EmbeddedChunk(chunk(doc, i), direction(0, 8)) for i in (0, 1)])
    assert await count(store, ALICE, [doc]) == [2]
    assert [c.ordinal for c in await store.read(ALICE, {doc: [0, 1]})] == [0, 1]


async def test_first_upserts_at_once_do_not_collide(store: VectorStore) -> None:
    docs = [document() for _ in range(8)]
    async with asyncio.TaskGroup() as group:
        for doc in docs:
            group.create_task(store.upsert(MODEL, ALICE, [embedded(doc, 0, 0)]))
    assert await count(store, ALICE, docs) == [1] * 8


async def test_a_large_document_is_stored_whole(store: VectorStore) -> None:
    doc = document()
    await store.upsert(MODEL, ALICE, [EmbeddedChunk(chunk(doc, i, "字" * 3000), direction(i / 10)) for i in range(600)])
    assert await count(store, ALICE, [doc]) == [600]
    chunks = await store.read(ALICE, {doc: range(600)})
    assert [c.ordinal for c in chunks] == list(range(600))
    assert len(await store.search(MODEL, direction(0), ALICE, Filter((doc,)), 200)) == 200


async def test_it_answers_a_ping(store: VectorStore) -> None:
    await store.ping()
