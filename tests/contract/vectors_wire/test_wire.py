"""What the servers say: kinds of vectors, orders, facets, statuses, and refusals by name."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
import pytest_asyncio
from qdrant_client import AsyncQdrantClient, QdrantClient, models

Call = Callable[[AsyncQdrantClient, str], Awaitable[Any]]


@pytest_asyncio.fixture
async def collection(client: AsyncQdrantClient) -> AsyncIterator[str]:
    """A collection of ten numbered points with one unnamed vector."""
    name = f"wire-{uuid.uuid4().hex}"
    await client.create_collection(name, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    points = [
        models.PointStruct(id=number, vector=[float(number), 1.0], payload={"n": number, "even": number % 2 == 0})
        for number in range(1, 11)
    ]
    await client.upsert(name, points=points)
    yield name
    await client.delete_collection(name)


@pytest_asyncio.fixture
async def named(client: AsyncQdrantClient) -> AsyncIterator[str]:
    """A collection of one point with three named vectors, one of them sparse."""
    name = f"wire-{uuid.uuid4().hex}"
    dense = models.VectorParams(size=2, distance=models.Distance.DOT)
    await client.create_collection(
        name, vectors_config={"d": dense, "e": dense}, sparse_vectors_config={"s": models.SparseVectorParams()}
    )
    words = models.SparseVector(indices=[1], values=[1.0])
    await client.upsert(name, [models.PointStruct(id=1, vector={"d": [1.0, 2.0], "e": [3.0, 4.0], "s": words})])
    yield name
    await client.delete_collection(name)


async def _status(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


async def test_the_unnamed_vector_is_searched_and_returned(client: AsyncQdrantClient, collection: str) -> None:
    found = await client.query_points(collection, query=[1.0, 0.0], limit=2, with_vectors=True)
    assert [(hit.id, hit.score, hit.vector) for hit in found.points] == [(10, 10.0, [10.0, 1.0]), (9, 9.0, [9.0, 1.0])]


async def test_a_batch_answers_each_query_in_its_place(client: AsyncQdrantClient, collection: str) -> None:
    requests = [
        models.QueryRequest(query=[1.0, 0.0], limit=1),
        models.QueryRequest(query=[-1.0, 0.0], limit=1, with_payload=models.PayloadSelectorInclude(include=["n"])),
    ]
    first, second = await client.query_batch_points(collection, requests=requests)
    assert first.points[0].id == 10
    assert (second.points[0].id, second.points[0].payload) == (1, {"n": 1})


async def test_payload_fields_are_left_out_when_asked(client: AsyncQdrantClient, collection: str) -> None:
    chosen = models.PayloadSelectorExclude(exclude=["n"])
    records, _ = await client.scroll(collection, limit=1, with_payload=chosen)
    assert records[0].payload == {"even": False}


async def test_a_scroll_follows_a_field(client: AsyncQdrantClient, collection: str) -> None:
    await client.create_payload_index(collection, "n", models.PayloadSchemaType.INTEGER)
    order = models.OrderBy(key="n", direction=models.Direction.DESC, start_from=7)
    records, _ = await client.scroll(collection, limit=3, order_by=order)
    assert [(record.id, record.order_value) for record in records] == [(7, 7), (6, 6), (5, 5)]


async def test_a_query_follows_a_field(client: AsyncQdrantClient, collection: str) -> None:
    await client.create_payload_index(collection, "n", models.PayloadSchemaType.INTEGER)
    found = await client.query_points(collection, query=models.OrderByQuery(order_by="n"), limit=2)
    assert [hit.id for hit in found.points] == [1, 2]


async def test_facets_count_values(client: AsyncQdrantClient, collection: str) -> None:
    await client.create_payload_index(collection, "even", models.PayloadSchemaType.BOOL)
    small = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(lte=3))])
    answer = await client.facet(collection, "even", facet_filter=small)
    assert {hit.value: hit.count for hit in answer.hits} == {False: 2, True: 1}


async def test_indexes_are_listed_and_deleted(client: AsyncQdrantClient, collection: str) -> None:
    await client.create_payload_index(collection, "even", models.PayloadSchemaType.BOOL)
    schema = (await client.get_collection(collection)).payload_schema
    assert schema["even"].data_type is models.PayloadSchemaType.BOOL
    await client.delete_payload_index(collection, "even")
    assert (await client.get_collection(collection)).payload_schema == {}


async def test_a_collection_tells_its_configuration(client: AsyncQdrantClient, collection: str) -> None:
    info = await client.get_collection(collection)
    assert info.points_count == 10
    assert info.status is models.CollectionStatus.GREEN
    vectors = info.config.params.vectors
    assert isinstance(vectors, models.VectorParams)
    assert (vectors.size, vectors.distance) == (2, models.Distance.DOT)
    assert collection in [item.name for item in (await client.get_collections()).collections]


async def test_vectors_are_replaced_and_removed(client: AsyncQdrantClient) -> None:
    name = f"wire-{uuid.uuid4().hex}"
    both = {key: models.VectorParams(size=1, distance=models.Distance.DOT) for key in ("a", "b")}
    await client.create_collection(name, vectors_config=both)
    await client.upsert(name, points=[models.PointStruct(id=1, vector={"a": [1.0], "b": [2.0]})])
    await client.update_vectors(name, points=[models.PointVectors(id=1, vector={"a": [5.0]})])
    await client.delete_vectors(name, vectors=["b"], points=[1])
    assert (await client.retrieve(name, ids=[1], with_vectors=True))[0].vector == {"a": [5.0]}
    await client.delete_collection(name)


async def test_a_batch_of_writes_is_applied_in_order(client: AsyncQdrantClient, collection: str) -> None:
    await client.batch_update_points(
        collection,
        update_operations=[
            models.UpsertOperation(
                upsert=models.PointsList(points=[models.PointStruct(id=99, vector=[0.0, 0.0], payload={"n": 1})])
            ),
            models.SetPayloadOperation(set_payload=models.SetPayload(payload={"n": 2}, points=[99])),
            models.DeleteOperation(delete=models.PointIdsList(points=[1])),
        ],
    )
    records = await client.retrieve(collection, ids=[1, 99])
    assert [(record.id, record.payload) for record in records] == [(99, {"n": 2})]


async def test_the_synchronous_client_works_as_well(target: tuple[str, int], collection: str) -> None:
    host, port = target

    def use() -> list[Any]:
        stock = QdrantClient(host=host, grpc_port=port, prefer_grpc=True, check_compatibility=False)
        try:
            stock.upsert(collection, points=[models.PointStruct(id=50, vector=[50.0, 0.0])])
            return [hit.id for hit in stock.query_points(collection, query=[1.0, 0.0], limit=1).points]
        finally:
            stock.close()

    assert await asyncio.to_thread(use) == [50]


async def test_a_wrong_point_in_a_batch_stores_none_of_it(client: AsyncQdrantClient, collection: str) -> None:
    points = [models.PointStruct(id=70, vector=[1.0, 1.0]), models.PointStruct(id=71, vector=[1.0, 1.0, 1.0])]
    code, details = await _status(client.upsert(collection, points=points))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "expected dim: 2, got 3" in details
    assert await client.retrieve(collection, ids=[70, 71]) == []


_MISSING = "no-such-collection"


@pytest.mark.parametrize(
    ("call", "expected", "words"),
    [
        pytest.param(
            lambda client, name: client.create_collection(
                name, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT)
            ),
            grpc.StatusCode.ALREADY_EXISTS,
            "already exists",
            id="a collection twice",
        ),
        pytest.param(
            lambda client, _name: client.get_collection(_MISSING),
            grpc.StatusCode.NOT_FOUND,
            f"Collection `{_MISSING}` doesn't exist",
            id="an unknown collection",
        ),
        pytest.param(
            lambda client, _name: client.query_points(_MISSING, query=[1.0]),
            grpc.StatusCode.NOT_FOUND,
            f"Collection `{_MISSING}` doesn't exist",
            id="a query of an unknown collection",
        ),
        pytest.param(
            lambda client, name: client.query_points(name, query=[1.0]),
            grpc.StatusCode.INVALID_ARGUMENT,
            "dim",
            id="a query of another dimension",
        ),
        pytest.param(
            lambda client, name: client.query_points(name, query=[1.0, 1.0], using="other"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "other",
            id="an unknown vector name",
        ),
        pytest.param(
            lambda client, name: client.query_points(name, query=4711),
            grpc.StatusCode.NOT_FOUND,
            "4711",
            id="a query by an unknown point",
        ),
        pytest.param(
            lambda client, name: client.set_payload(name, payload={"a": 1}, points=[4711]),
            grpc.StatusCode.NOT_FOUND,
            "4711",
            id="payload of an unknown point",
        ),
        pytest.param(
            lambda client, name: client.facet(name, "unindexed"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "unindexed",
            id="a facet without an index",
        ),
        pytest.param(
            lambda client, name: client.retrieve(name, ids=["no-uuid"]),
            grpc.StatusCode.INVALID_ARGUMENT,
            "no-uuid",
            id="an id that is no UUID",
        ),
    ],
)
async def test_wrong_calls_get_qdrants_own_statuses(
    client: AsyncQdrantClient, collection: str, call: Call, expected: grpc.StatusCode, words: str
) -> None:
    code, details = await _status(call(client, collection))
    assert code is expected
    assert words in details


_VECTOR = models.VectorParams(size=2, distance=models.Distance.DOT)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        pytest.param(lambda client, name: client.create_snapshot(name), "qdrant.Snapshots/Create", id="snapshots"),
        pytest.param(
            lambda client, name: client.query_points(name, query=[1.0, 1.0], shard_key_selector="a"),
            "QueryPoints.shard_key_selector",
            id="shard keys",
        ),
        pytest.param(
            lambda client, _name: client.create_collection("sharded", vectors_config=_VECTOR, shard_number=2),
            "CreateCollection.shard_number",
            id="shards",
        ),
        pytest.param(
            lambda client, _name: client.create_collection("bare", vectors_config={}),
            "CreateCollection without vectors",
            id="a collection without vectors",
        ),
        pytest.param(
            lambda client, name: client.query_points(
                name,
                query=models.NearestQuery(nearest=models.SparseVector(indices=[1], values=[1.0]), mmr=models.Mmr()),
            ),
            "Query.nearest_with_mmr with a sparse vector",
            id="diversity among sparse vectors",
        ),
    ],
)
async def test_what_edge_does_not_serve_is_refused_by_name(
    client: AsyncQdrantClient, collection: str, target: tuple[str, int], call: Call, named: str, request: Any
) -> None:
    if request.node.callspec.params["target"] == "server":
        pytest.skip("a Qdrant server serves all of these")
    code, details = await _status(call(client, collection))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert details.startswith(named)
    assert "TIKU_QDRANT_URL" in details


async def test_diversity_carries_vectors_only_when_asked(client: AsyncQdrantClient, collection: str) -> None:
    query = models.NearestQuery(nearest=[1.0, 1.0], mmr=models.Mmr(diversity=0.5))
    bare = (await client.query_points(collection, query=query)).points
    assert bare
    assert all(point.vector is None for point in bare)
    full = (await client.query_points(collection, query=query, with_vectors=True)).points
    assert all(point.vector is not None for point in full)


@pytest.mark.parametrize("selector", [["e"], ["s"], ["d", "s"], [], True, False])
async def test_diversity_carries_the_vectors_that_any_query_does(
    client: AsyncQdrantClient, named: str, selector: bool | list[str]
) -> None:
    plain, diverse = [
        (await client.query_points(named, query=query, using="d", limit=1, with_vectors=selector)).points[0].vector
        for query in ([1.0, 0.0], models.NearestQuery(nearest=[1.0, 0.0], mmr=models.Mmr(diversity=0.0)))
    ]
    assert plain == diverse
    if selector and isinstance(selector, list):
        assert isinstance(plain, dict)
        assert set(plain) == set(selector)


async def test_a_collection_of_sparse_vectors_describes_itself(client: AsyncQdrantClient) -> None:
    name = "sparse-only"
    await client.delete_collection(name)
    await client.create_collection(name, sparse_vectors_config={"terms": models.SparseVectorParams()})
    try:
        info = await client.get_collection(name)
        assert info.config.params.vectors == {}
        assert set(info.config.params.sparse_vectors or {}) == {"terms"}
    finally:
        await client.delete_collection(name)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
async def test_a_vector_that_is_no_number_is_refused(client: AsyncQdrantClient, collection: str, value: float) -> None:
    points = [models.PointStruct(id=80, vector=[1.0, value])]
    for call in (client.upsert(collection, points=points), client.query_points(collection, query=[1.0, value])):
        code, details = await _status(call)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "finite" in details
    assert await client.retrieve(collection, ids=[80]) == []


@pytest.mark.parametrize("using", ["d", "e", "s"])
async def test_a_vector_whose_squares_overflow_is_refused(
    client: AsyncQdrantClient, named: str, using: str, request: Any
) -> None:
    if request.node.callspec.params["target"] == "server":
        pytest.skip("a Qdrant server takes it, and does not find it again")
    long: Any = models.SparseVector(indices=[1], values=[1e20]) if using == "s" else [1e20, 1.0]
    code, details = await _status(client.upsert(named, points=[models.PointStruct(id=80, vector={using: long})]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert f"point 80: vectors.{using}: must have a length of at most" in details
    code, details = await _status(client.query_points(named, query=long, using=using))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "query: must have a length of at most" in details


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (models.SumExpression(sum=["even", models.MultExpression(mult=["$score", "absent"])]), "absent"),
        (models.GeoDistance(geo_distance=models.GeoDistanceParams(origin=models.GeoPoint(lon=1, lat=1), to="n")), "n"),
        (models.DatetimeKeyExpression(datetime_key="n"), "n"),
        (models.LnExpression(ln=-1.0), "finite"),
        (models.DivExpression(div=models.DivParams(left=1.0, right=0.0)), "finite"),
    ],
)
async def test_a_formula_that_has_no_value_for_a_point_is_wrong_input(
    client: AsyncQdrantClient, collection: str, formula: Any, words: str
) -> None:
    prefetch = models.Prefetch(query=[1.0, 1.0], limit=5)
    query = models.FormulaQuery(formula=formula, defaults={"even": 1})
    code, details = await _status(client.query_points(collection, prefetch=prefetch, query=query))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert words in details
    assert "even" not in details


async def test_a_payload_that_would_keep_others_waiting_is_refused(client: AsyncQdrantClient, collection: str) -> None:
    large = models.PointStruct(id=81, vector=[1.0, 1.0], payload={"numbers": list(range(200_000))})
    code, details = await _status(client.upsert(collection, points=[large]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "payload" in details


async def test_an_alias_stands_for_its_collection(client: AsyncQdrantClient, collection: str) -> None:
    def create(alias: str) -> models.CreateAliasOperation:
        return models.CreateAliasOperation(
            create_alias=models.CreateAlias(collection_name=collection, alias_name=alias)
        )

    await client.update_collection_aliases([create("first")])
    renamed = models.RenameAlias(old_alias_name="first", new_alias_name="second")
    await client.update_collection_aliases([models.RenameAliasOperation(rename_alias=renamed)])
    found = (await client.get_collection_aliases(collection)).aliases
    assert [alias.alias_name for alias in found] == ["second"]
    assert (await client.count("second")).count == (await client.count(collection)).count
    deleted = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name="second"))
    await client.update_collection_aliases([deleted])
    assert (await _status(client.count("second")))[0] is grpc.StatusCode.NOT_FOUND


async def test_settings_of_a_collection_can_be_changed(client: AsyncQdrantClient, collection: str) -> None:
    await client.update_collection(collection, hnsw_config=models.HnswConfigDiff(m=24), metadata={"kind": "test"})
    info = await client.get_collection(collection)
    assert info.config.hnsw_config.m == 24
    assert info.config.metadata == {"kind": "test"}


async def test_bytes_that_are_no_message_are_refused(target: tuple[str, int], collection: str) -> None:
    host, port = target
    async with grpc.aio.insecure_channel(f"{host}:{port}") as channel:
        for method in ("/qdrant.Points/Query", "/qdrant.Points/Upsert", "/qdrant.Collections/Get"):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await channel.unary_unary(method, None, None)(b"\xff\xff\xff")
            assert raised.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)
    assert collection


def _added(size: int) -> models.DenseVectorNameConfig:
    return models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=size, distance=models.Distance.DOT))


async def test_dense_vectors_are_added_and_removed(client: AsyncQdrantClient, named: str) -> None:
    for _ in range(2):
        await client.create_vector_name(named, "later", _added(3))
    vector = [0.0, 1.0, 0.0]
    await client.update_vectors(named, [models.PointVectors(id=1, vector={"later": vector})])
    (point,) = await client.retrieve(named, [1], with_vectors=["d", "later"])
    assert point.vector == {"d": [1.0, 2.0], "later": vector}
    hits = (await client.query_points(named, query=vector, using="later")).points
    assert [(hit.id, hit.score) for hit in hits] == [(1, 1.0)]
    params = (await client.get_collection(named)).config.params.vectors
    assert isinstance(params, dict)
    assert (params["later"].size, params["later"].distance) == (3, models.Distance.DOT)
    for call in (
        client.update_vectors(named, [models.PointVectors(id=1, vector={"later": [0.0, 1.0]})]),
        client.create_vector_name(named, "later", _added(4)),
        client.create_vector_name(named, "s", _added(3)),
        client.create_vector_name(named, "wide", _added(100_000)),
    ):
        code, details = await _status(call)
        assert code is grpc.StatusCode.INVALID_ARGUMENT, details
    await client.delete_vector_name(named, "later")
    code, _ = await _status(client.query_points(named, query=vector, using="later"))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    (point,) = await client.retrieve(named, [1], with_vectors=["d", "e"])
    assert point.vector == {"d": [1.0, 2.0], "e": [3.0, 4.0]}
