"""The same random operations on a server and on the client library's local mode give the same answers.

After the congruence tests of qdrant-client.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient, QdrantClient, models

_DIMENSION = 8
_POINTS = 60
_WORDS = ["光合作用", "水循环", "photosynthesis", "water", "cell", "细胞"]
_COLLECTION = "congruence"
_TOLERANCE = 1e-4


def _dense(dice: random.Random) -> list[float]:
    return [dice.uniform(-1, 1) for _ in range(_DIMENSION)]


def _sparse(dice: random.Random) -> models.SparseVector:
    indices = sorted(dice.sample(range(20), dice.randint(1, 5)))
    return models.SparseVector(indices=indices, values=[dice.uniform(0.1, 2) for _ in indices])


def _identity(number: int) -> int | str:
    return number if number % 3 else str(uuid.uuid5(uuid.NAMESPACE_URL, str(number)))


def _payload(dice: random.Random) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "word": dice.choice(_WORDS),
        "page": dice.randint(0, 9),
        # Few digits: the engine reads floats back from its JSON to within the last bit.
        "score": round(dice.uniform(0, 1), 3),
        "even": dice.random() < 0.5,
        "tags": dice.sample(_WORDS, dice.randint(0, 3)),
        "source": {"document": f"d{dice.randint(0, 4)}", "offsets": [dice.randint(0, 99), None]},
        "parts": [{"kind": dice.choice("ab"), "size": dice.randint(0, 5)} for _ in range(dice.randint(0, 3))],
    }
    if dice.random() < 0.3:
        payload["note"] = None
    if dice.random() < 0.3:
        del payload["tags"]
    return payload


def _condition(dice: random.Random) -> models.Condition:
    made: list[Callable[[], models.Condition]] = [
        lambda: models.FieldCondition(key="word", match=models.MatchValue(value=dice.choice(_WORDS))),
        lambda: models.FieldCondition(key="word", match=models.MatchAny(any=dice.sample(_WORDS, 2))),
        lambda: models.FieldCondition(key="word", match=models.MatchExcept(**{"except": dice.sample(_WORDS, 2)})),
        lambda: models.FieldCondition(key="page", match=models.MatchAny(any=[dice.randint(0, 9) for _ in range(3)])),
        lambda: models.FieldCondition(key="page", match=models.MatchValue(value=dice.randint(0, 9))),
        lambda: models.FieldCondition(key="even", match=models.MatchValue(value=dice.random() < 0.5)),
        lambda: models.FieldCondition(key="word", match=models.MatchText(text=dice.choice(["water", "photo", "细"]))),
        lambda: models.FieldCondition(key="page", range=models.Range(gte=dice.randint(0, 5), lt=dice.randint(5, 9))),
        lambda: models.FieldCondition(key="score", range=models.Range(gt=dice.random())),
        lambda: models.FieldCondition(key="tags", values_count=models.ValuesCount(gte=dice.randint(0, 2))),
        lambda: models.FieldCondition(key="source.document", match=models.MatchValue(value=f"d{dice.randint(0, 4)}")),
        lambda: models.IsEmptyCondition(is_empty=models.PayloadField(key="tags")),
        lambda: models.IsNullCondition(is_null=models.PayloadField(key="note")),
        lambda: models.HasIdCondition(has_id=[_identity(dice.randrange(_POINTS)) for _ in range(10)]),
        lambda: models.NestedCondition(
            nested=models.Nested(
                key="parts",
                filter=models.Filter(
                    must=[
                        models.FieldCondition(key="kind", match=models.MatchValue(value="a")),
                        models.FieldCondition(key="size", range=models.Range(gte=dice.randint(0, 3))),
                    ]
                ),
            )
        ),
        lambda: _filter(dice, depth=1),
    ]
    return dice.choice(made)()


def _filter(dice: random.Random, depth: int = 0) -> models.Filter:
    def some() -> list[models.Condition] | None:
        if dice.random() < 0.5:
            return None
        return [_condition(dice) if depth < 2 else _leaf(dice) for _ in range(dice.randint(1, 2))]

    min_should = None
    if dice.random() < 0.2:
        min_should = models.MinShould(conditions=[_leaf(dice) for _ in range(3)], min_count=2)
    return models.Filter(must=some(), should=some(), must_not=some(), min_should=min_should)


def _leaf(dice: random.Random) -> models.Condition:
    return models.FieldCondition(key="page", range=models.Range(gte=dice.randint(0, 9)))


async def _create(client: AsyncQdrantClient, local: QdrantClient) -> None:
    if await client.collection_exists(_COLLECTION):
        await client.delete_collection(_COLLECTION)
    vectors = {
        "dense": models.VectorParams(size=_DIMENSION, distance=models.Distance.COSINE),
        "dot": models.VectorParams(size=_DIMENSION, distance=models.Distance.DOT),
    }
    sparse = {"terms": models.SparseVectorParams(), "idf": models.SparseVectorParams(modifier=models.Modifier.IDF)}
    await client.create_collection(_COLLECTION, vectors_config=vectors, sparse_vectors_config=sparse)
    local.create_collection(_COLLECTION, vectors_config=vectors, sparse_vectors_config=sparse)


def _points(dice: random.Random) -> list[models.PointStruct]:
    return [
        models.PointStruct(
            id=_identity(number),
            vector={"dense": _dense(dice), "dot": _dense(dice), "terms": _sparse(dice), "idf": _sparse(dice)},
            payload=_payload(dice),
        )
        for number in range(_POINTS)
    ]


async def _fill(client: AsyncQdrantClient, local: QdrantClient, dice: random.Random) -> None:
    """Random writes, the same on both sides."""

    async def both(method: str, **arguments: Any) -> None:
        await getattr(client, method)(_COLLECTION, **arguments)
        getattr(local, method)(_COLLECTION, **arguments)

    points = _points(dice)
    await both("upsert", points=points)
    for _ in range(12):
        some = [_identity(dice.randrange(_POINTS // 2)) for _ in range(3)]
        kind = dice.choice(["set", "set-key", "set-filter", "overwrite", "delete-keys", "clear", "upsert"])
        if kind == "set":
            await both("set_payload", payload={"extra": dice.randint(0, 9)}, points=some)
        elif kind == "set-key":
            await both("set_payload", payload={"deep": dice.randint(0, 9)}, points=some, key="source")
        elif kind == "set-filter":
            await both("set_payload", payload={"seen": True}, points=_filter(dice))
        elif kind == "overwrite":
            await both("overwrite_payload", payload=_payload(dice), points=some)
        elif kind == "delete-keys":
            await both("delete_payload", keys=["score", "source.document"], points=some)
        elif kind == "clear":
            await both("clear_payload", points_selector=some)
        else:
            await both("upsert", points=[points[dice.randrange(_POINTS // 2)]])
    removed = [_identity(number) for number in range(_POINTS // 2, _POINTS // 2 + 5)]
    await both("delete", points_selector=removed)
    await both("delete", points_selector=models.FilterSelector(filter=models.Filter(must=[_leaf(dice), _leaf(dice)])))


def _assert_same(mine: list[models.ScoredPoint], theirs: list[models.ScoredPoint]) -> None:
    """The same scores in order, and the same points wherever a score belongs to one point alone."""
    assert [hit.score for hit in mine] == pytest.approx([hit.score for hit in theirs], abs=_TOLERANCE)
    for left, right in zip(mine, theirs, strict=True):
        alone = sum(abs(other.score - left.score) < _TOLERANCE for other in theirs) == 1
        # The last hit may share its score with one that the limit cut off.
        if alone and right is not theirs[-1]:
            assert left.id == right.id
            assert (left.payload or {}) == (right.payload or {})


def _payloads(records: Iterable[models.Record]) -> dict[Any, Any]:
    # gRPC does not tell an empty payload from none.
    return {record.id: record.payload or {} for record in records}


@pytest.fixture(params=range(2))
def dice(request: pytest.FixtureRequest) -> random.Random:
    """A source of operations for each of several runs."""
    return random.Random(f"tiku-{request.param}")  # noqa: S311 - repeatable on purpose


async def test_filters_select_the_same_points(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    for _ in range(60):
        chosen = _filter(dice)
        mine, _ = await client.scroll(_COLLECTION, scroll_filter=chosen, limit=_POINTS, with_vectors=True)
        theirs, _ = local.scroll(_COLLECTION, scroll_filter=chosen, limit=_POINTS)
        assert _payloads(mine) == _payloads(theirs), chosen
        assert (await client.count(_COLLECTION, count_filter=chosen)).count == len(theirs)


async def test_queries_find_the_same_points(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    for _ in range(15):
        chosen = _filter(dice) if dice.random() < 0.7 else None
        asked: list[dict[str, Any]] = [
            {"query": _dense(dice), "using": "dense"},
            {"query": _dense(dice), "using": "dense", "offset": 3},
            {"query": _dense(dice), "using": "dense", "score_threshold": 0.1},
            {"query": _dense(dice), "using": "dot"},
            {"query": _sparse(dice), "using": "terms"},
        ]
        for arguments in asked:
            options = {"query_filter": chosen, "limit": 7, "with_payload": True, **arguments}
            mine = (await client.query_points(_COLLECTION, **options)).points
            theirs = local.query_points(_COLLECTION, **options).points
            _assert_same(mine, theirs)


async def test_inverse_document_frequencies_weigh_the_same(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random
) -> None:
    # Points written once: the engine counts an overwritten point's terms until it is optimized away.
    await _create(client, local)
    points = _points(dice)
    await client.upsert(_COLLECTION, points=points)
    local.upsert(_COLLECTION, points=points)
    for _ in range(10):
        options: dict[str, Any] = {"query": _sparse(dice), "using": "idf", "limit": 7}
        mine = (await client.query_points(_COLLECTION, **options)).points
        _assert_same(mine, local.query_points(_COLLECTION, **options).points)


@pytest.mark.parametrize(
    "fusion",
    [
        models.FusionQuery(fusion=models.Fusion.RRF),
        models.RrfQuery(rrf=models.Rrf(k=60)),
        models.FusionQuery(fusion=models.Fusion.DBSF),
    ],
    ids=["rrf", "rrf-60", "dbsf"],
)
async def test_fusion_ranks_the_same(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random, fusion: Any
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    for _ in range(10):
        options: dict[str, Any] = {
            "prefetch": [
                models.Prefetch(query=_dense(dice), using="dense", limit=20, filter=_filter(dice)),
                models.Prefetch(query=_sparse(dice), using="terms", limit=20),
            ],
            "query": fusion,
            "limit": 5,
        }
        mine = (await client.query_points(_COLLECTION, **options)).points
        _assert_same(mine, local.query_points(_COLLECTION, **options).points)


async def test_a_query_by_id_leaves_the_point_itself_out(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    records, _ = local.scroll(_COLLECTION, limit=5)
    for record in records:
        options: dict[str, Any] = {"query": record.id, "using": "dense", "limit": 6}
        mine = (await client.query_points(_COLLECTION, **options)).points
        assert record.id not in {hit.id for hit in mine}
        _assert_same(mine, local.query_points(_COLLECTION, **options).points)


async def test_retrieved_vectors_are_the_same(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    ids = [_identity(number) for number in range(_POINTS)]
    mine = {record.id: record for record in await client.retrieve(_COLLECTION, ids=ids, with_vectors=True)}
    theirs = {record.id: record for record in local.retrieve(_COLLECTION, ids=ids, with_vectors=True)}
    assert _payloads(mine.values()) == _payloads(theirs.values())
    for identity, record in mine.items():
        other: Any = theirs[identity].vector
        vector: Any = record.vector
        for name in ("dense", "dot"):
            assert vector[name] == pytest.approx(other[name], abs=_TOLERANCE)
        for name in ("terms", "idf"):
            assert vector[name].indices == other[name].indices
            assert vector[name].values == pytest.approx(other[name].values, abs=_TOLERANCE)


async def test_pages_of_a_scroll_cover_every_point_once(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    seen: list[Any] = []
    offset = None
    while True:
        records, offset = await client.scroll(_COLLECTION, limit=7, offset=offset)
        seen += [record.id for record in records]
        if offset is None:
            break
    theirs, _ = local.scroll(_COLLECTION, limit=_POINTS)
    assert len(seen) == len(set(seen))
    assert set(seen) == {record.id for record in theirs}


async def test_exploration_finds_the_same_points(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    ids = [record.id for record in local.scroll(_COLLECTION, limit=20)[0]]

    def examples(count: int) -> list[Any]:
        return [dice.choice(ids) if dice.random() < 0.5 else _dense(dice) for _ in range(count)]

    def pairs() -> list[models.ContextPair]:
        return [models.ContextPair(positive=examples(1)[0], negative=examples(1)[0]) for _ in range(2)]

    for _ in range(5):
        queries: list[Any] = [
            models.RecommendQuery(
                recommend=models.RecommendInput(positive=examples(2), negative=examples(1), strategy=strategy)
            )
            for strategy in models.RecommendStrategy
        ]
        queries.append(models.DiscoverQuery(discover=models.DiscoverInput(target=_dense(dice), context=pairs())))
        queries.append(models.ContextQuery(context=pairs()))
        for query in queries:
            options: dict[str, Any] = {"query": query, "using": "dense", "limit": 6, "with_payload": True}
            options["query_filter"] = _filter(dice) if dice.random() < 0.5 else None
            mine = (await client.query_points(_COLLECTION, **options)).points
            _assert_same(mine, local.query_points(_COLLECTION, **options).points)


async def test_recommendations_by_sparse_vectors_are_the_same(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    for _ in range(5):
        recommend = models.RecommendInput(positive=[_sparse(dice), _sparse(dice)], negative=[_sparse(dice)])
        options: dict[str, Any] = {"query": models.RecommendQuery(recommend=recommend), "using": "terms", "limit": 6}
        mine = (await client.query_points(_COLLECTION, **options)).points
        _assert_same(mine, local.query_points(_COLLECTION, **options).points)


async def test_formulas_score_the_same(client: AsyncQdrantClient, local: QdrantClient, dice: random.Random) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    for _ in range(5):
        seen = models.FieldCondition(key="word", match=models.MatchAny(any=dice.sample(_WORDS, 3)))
        decay = models.DecayParamsExpression(x="page", target=4.0, scale=3.0)
        formula = models.SumExpression(
            sum=[
                "$score",
                models.MultExpression(mult=[0.5, seen]),
                models.ExpDecayExpression(exp_decay=decay),
                models.NegExpression(neg=models.DivExpression(div=models.DivParams(left="page", right=7.0))),
            ]
        )
        options: dict[str, Any] = {
            "prefetch": models.Prefetch(query=_dense(dice), using="dense", limit=20),
            "query": models.FormulaQuery(formula=formula, defaults={"page": 1}),
            "limit": 6,
        }
        mine = (await client.query_points(_COLLECTION, **options)).points
        _assert_same(mine, local.query_points(_COLLECTION, **options).points)


@pytest.mark.parametrize("group_by", ["page", "word", "source.document", "tags"])
async def test_groups_hold_the_same_points(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random, group_by: str
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    for _ in range(3):
        options: dict[str, Any] = {
            "query": _dense(dice),
            "using": "dense",
            "group_by": group_by,
            "limit": dice.randint(1, 6),
            "group_size": dice.randint(1, 4),
            "query_filter": _filter(dice) if dice.random() < 0.5 else None,
        }
        mine = (await client.query_points_groups(_COLLECTION, **options)).groups
        theirs = local.query_points_groups(_COLLECTION, **options).groups
        assert [group.id for group in mine] == [group.id for group in theirs]
        for left, right in zip(mine, theirs, strict=True):
            _assert_same(left.hits, right.hits)


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_groups_are_filled_behind_any_depth_of_prefetches(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random, depth: int
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    vector = _dense(dice)
    first = None
    for _ in range(depth):
        first = models.Prefetch(query=vector, using="dense", prefetch=first, limit=4)
    shape: dict[str, Any] = {"query": vector, "using": "dense", "group_by": "word", "limit": 3, "group_size": 3}
    mine = (await client.query_points_groups(_COLLECTION, prefetch=first, **shape)).groups
    theirs = local.query_points_groups(_COLLECTION, **shape).groups
    assert [group.id for group in mine] == [group.id for group in theirs]
    for left, right in zip(mine, theirs, strict=True):
        _assert_same(left.hits, right.hits)


async def test_a_sample_has_as_many_points_behind_an_offset(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    sample = models.SampleQuery(sample=models.Sample.RANDOM)
    found = (await client.query_points(_COLLECTION, query=sample, limit=_POINTS, offset=10)).points
    assert len({point.id for point in found}) == (await client.count(_COLLECTION)).count > 0


async def test_a_matrix_of_distances_is_one_of_neighbors(
    client: AsyncQdrantClient, local: QdrantClient, dice: random.Random
) -> None:
    await _create(client, local)
    await _fill(client, local, dice)
    options: dict[str, Any] = {"sample": _POINTS, "limit": 3, "using": "dense"}
    mine = (await client.search_matrix_pairs(_COLLECTION, **options)).pairs
    theirs = local.search_matrix_pairs(_COLLECTION, **options).pairs
    scores = {(pair.a, pair.b): pair.score for pair in theirs}
    assert {(pair.a, pair.b) for pair in mine} == set(scores)
    for pair in mine:
        assert pair.score == pytest.approx(scores[pair.a, pair.b], abs=_TOLERANCE)
    offsets = await client.search_matrix_offsets(_COLLECTION, **options)
    ids = offsets.ids
    rows, columns = offsets.offsets_row, offsets.offsets_col
    assert {(ids[row], ids[column]) for row, column in zip(rows, columns, strict=True)} == set(scores)
