"""The calls of earlier clients find what the query does that took their place. What a query and a field may be told."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from qdrant_client import AsyncQdrantClient, models
from qdrant_client import grpc as pb

_OTHERS = {11: [1.0, 0.1], 12: [0.1, 1.0]}


@pytest_asyncio.fixture
async def collection(client: AsyncQdrantClient) -> AsyncIterator[str]:
    """Ten points with a dense and a sparse vector; five of them are even."""
    name = f"older-{uuid.uuid4().hex}"
    await client.create_collection(
        name,
        vectors_config={"dense": models.VectorParams(size=2, distance=models.Distance.DOT)},
        sparse_vectors_config={"terms": models.SparseVectorParams()},
    )
    await client.upsert(
        name,
        points=[
            models.PointStruct(
                id=number,
                vector={
                    "dense": [number / 10, 1 - number / 10],
                    "terms": models.SparseVector(indices=[number % 3, 7], values=[1.0, number / 10]),
                },
                payload={"even": number % 2 == 0, "parent": 11 + number % 2},
            )
            for number in range(1, 11)
        ],
    )
    await client.create_payload_index(name, "parent", models.PayloadSchemaType.INTEGER)
    yield name
    await client.delete_collection(name)


@pytest_asyncio.fixture
async def others(client: AsyncQdrantClient) -> AsyncIterator[str]:
    """Another collection, with a point for each value of `parent`."""
    name = f"others-{uuid.uuid4().hex}"
    await client.create_collection(
        name, vectors_config={"dense": models.VectorParams(size=2, distance=models.Distance.DOT)}
    )
    await client.upsert(
        name,
        points=[
            models.PointStruct(id=number, vector={"dense": vector}, payload={"name": f"parent {number}"})
            for number, vector in _OTHERS.items()
        ],
    )
    yield name
    await client.delete_collection(name)


def _id(number: int) -> pb.PointId:
    return pb.PointId(num=number)


def _hits(response: Any) -> list[tuple[int, Any]]:
    return [(hit.id.num, pytest.approx(hit.score, abs=1e-5)) for hit in response.result]


def _groups(response: Any) -> list[tuple[int, list[int]]]:
    return [(group.id.unsigned_value, [hit.id.num for hit in group.hits]) for group in response.result.groups]


async def _refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


async def test_a_search_is_a_query_for_the_nearest(client: AsyncQdrantClient, collection: str) -> None:
    points = client.grpc_points
    older = await points.Search(
        pb.SearchPoints(collection_name=collection, vector=[1.0, 0.2], vector_name="dense", limit=3, offset=1)
    )
    nearest = pb.VectorInput(dense=pb.DenseVector(data=[1.0, 0.2]))
    query = await points.Query(
        pb.QueryPoints(collection_name=collection, query=pb.Query(nearest=nearest), using="dense", limit=3, offset=1)
    )
    assert len(query.result) == 3
    assert _hits(older) == _hits(query)
    sparse = await points.Search(
        pb.SearchPoints(
            collection_name=collection,
            vector=[1.0],
            sparse_indices=pb.SparseIndices(data=[7]),
            vector_name="terms",
            limit=2,
        )
    )
    assert [hit.id.num for hit in sparse.result] == [10, 9]


@pytest.mark.parametrize("strategy", ["AverageVector", "BestScore", "SumScores"])
async def test_a_recommendation_is_a_query_by_examples(
    client: AsyncQdrantClient, collection: str, strategy: str
) -> None:
    points, number = client.grpc_points, pb.RecommendStrategy.Value(strategy)
    older = await points.Recommend(
        pb.RecommendPoints(
            collection_name=collection,
            positive=[_id(9)],
            positive_vectors=[pb.Vector(data=[1.0, 0.0])],
            negative=[_id(1)],
            negative_vectors=[pb.Vector(dense=pb.DenseVector(data=[0.0, 1.0]))],
            strategy=number,
            using="dense",
            limit=4,
        )
    )
    wanted = pb.RecommendInput(
        positive=[pb.VectorInput(id=_id(9)), pb.VectorInput(dense=pb.DenseVector(data=[1.0, 0.0]))],
        negative=[pb.VectorInput(id=_id(1)), pb.VectorInput(dense=pb.DenseVector(data=[0.0, 1.0]))],
        strategy=number,
    )
    query = await points.Query(
        pb.QueryPoints(collection_name=collection, query=pb.Query(recommend=wanted), using="dense", limit=4)
    )
    assert len(query.result) == 4
    assert _hits(older) == _hits(query)


async def test_a_recommendation_takes_sparse_examples(client: AsyncQdrantClient, collection: str) -> None:
    points = client.grpc_points
    indices = pb.SparseIndices(data=[7])
    for example in (
        pb.Vector(data=[1.0], indices=indices),
        pb.Vector(sparse=pb.SparseVector(indices=[7], values=[1.0])),
    ):
        older = await points.Recommend(
            pb.RecommendPoints(collection_name=collection, positive_vectors=[example], using="terms", limit=2)
        )
        assert [hit.id.num for hit in older.result] == [10, 9]


async def test_a_discovery_is_a_query_with_a_context(client: AsyncQdrantClient, collection: str) -> None:
    points = client.grpc_points
    pair = pb.ContextExamplePair(
        positive=pb.VectorExample(id=_id(8)), negative=pb.VectorExample(vector=pb.Vector(data=[0.0, 1.0]))
    )
    same = pb.ContextInputPair(
        positive=pb.VectorInput(id=_id(8)), negative=pb.VectorInput(dense=pb.DenseVector(data=[0.0, 1.0]))
    )
    target = pb.TargetVector(single=pb.VectorExample(id=_id(10)))
    older = await points.Discover(
        pb.DiscoverPoints(collection_name=collection, target=target, context=[pair], using="dense", limit=3)
    )
    discover = pb.DiscoverInput(target=pb.VectorInput(id=_id(10)), context=pb.ContextInput(pairs=[same]))
    query = await points.Query(
        pb.QueryPoints(collection_name=collection, query=pb.Query(discover=discover), using="dense", limit=3)
    )
    assert len(query.result) == 3
    assert _hits(older) == _hits(query)
    alone = await points.Discover(pb.DiscoverPoints(collection_name=collection, context=[pair], using="dense", limit=3))
    context = pb.Query(context=pb.ContextInput(pairs=[same]))
    query = await points.Query(pb.QueryPoints(collection_name=collection, query=context, using="dense", limit=3))
    assert _hits(alone) == _hits(query)


async def test_a_discovery_without_an_example_is_refused(client: AsyncQdrantClient, collection: str) -> None:
    points = client.grpc_points
    nothing = pb.DiscoverPoints(collection_name=collection, using="dense", limit=3)
    code, _ = await _refusal(points.Discover(nothing))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    empty = pb.TargetVector(single=pb.VectorExample())
    code, _ = await _refusal(
        points.Discover(pb.DiscoverPoints(collection_name=collection, target=empty, using="dense", limit=3))
    )
    assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_groups_of_a_search_and_of_a_recommendation(client: AsyncQdrantClient, collection: str) -> None:
    points = client.grpc_points
    shape: dict[str, Any] = {"group_by": "parent", "group_size": 2, "limit": 2}
    older = await points.SearchGroups(
        pb.SearchPointGroups(collection_name=collection, vector=[1.0, 0.0], vector_name="dense", **shape)
    )
    assert _groups(older) == [(11, [10, 8]), (12, [9, 7])]
    sparse = await points.SearchGroups(
        pb.SearchPointGroups(
            collection_name=collection,
            vector=[1.0],
            sparse_indices=pb.SparseIndices(data=[7]),
            vector_name="terms",
            **shape,
        )
    )
    assert _groups(sparse) == [(11, [10, 8]), (12, [9, 7])]
    recommended = await points.RecommendGroups(
        pb.RecommendPointGroups(collection_name=collection, positive=[_id(10)], using="dense", **shape)
    )
    assert _groups(recommended) == [(12, [9, 7]), (11, [8, 6])]


async def test_a_group_shows_the_point_that_it_is_named_after(
    client: AsyncQdrantClient, collection: str, others: str
) -> None:
    found = await client.query_points_groups(
        collection, group_by="parent", query=[1.0, 0.0], using="dense", limit=2, group_size=1, with_lookup=others
    )
    assert [(group.lookup.id, group.lookup.payload) for group in found.groups if group.lookup] == [
        (11, {"name": "parent 11"}),
        (12, {"name": "parent 12"}),
    ]
    own = await client.query_points_groups(
        collection, group_by="parent", query=[1.0, 0.0], using="dense", limit=1, with_lookup=collection
    )
    assert [group.lookup for group in own.groups] == [None]


async def test_an_example_may_be_a_point_of_another_collection(
    client: AsyncQdrantClient, collection: str, others: str
) -> None:
    for number, vector in _OTHERS.items():
        by_point = await client.query_points(
            collection,
            query=models.RecommendQuery(recommend=models.RecommendInput(positive=[number])),
            using="dense",
            lookup_from=models.LookupLocation(collection=others, vector="dense"),
            limit=3,
        )
        by_vector = await client.query_points(
            collection,
            query=models.RecommendQuery(recommend=models.RecommendInput(positive=[vector])),
            using="dense",
            limit=3,
        )
        assert len(by_vector.points) == 3
        assert [hit.id for hit in by_point.points] == [hit.id for hit in by_vector.points]
    missing = client.grpc_points.Query(
        pb.QueryPoints(
            collection_name=collection,
            query=pb.Query(nearest=pb.VectorInput(id=_id(99))),
            using="dense",
            lookup_from=pb.LookupLocation(collection_name=others, vector_name="dense"),
        )
    )
    code, said = await _refusal(missing)
    assert code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)
    assert "99" in said


async def test_a_query_may_say_how_it_searches(client: AsyncQdrantClient, collection: str) -> None:
    plain = await client.query_points(collection, query=[1.0, 0.2], using="dense", limit=4)
    for params in (
        models.SearchParams(exact=True),
        models.SearchParams(hnsw_ef=64, indexed_only=False),
        models.SearchParams(quantization=models.QuantizationSearchParams(ignore=True, rescore=False, oversampling=2.0)),
        models.SearchParams(acorn=models.AcornSearchParams(enable=True, max_selectivity=0.5)),
    ):
        found = await client.query_points(
            collection, query=[1.0, 0.2], using="dense", limit=4, search_params=params, score_threshold=0.0
        )
        assert found.points == plain.points


@pytest.mark.parametrize(
    "quantization",
    [
        models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.5, always_ram=True)
        ),
        models.ProductQuantization(
            product=models.ProductQuantizationConfig(compression=models.CompressionRatio.X4, always_ram=False)
        ),
        models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True)),
    ],
    ids=["scalar", "product", "binary"],
)
async def test_vectors_may_be_compressed(client: AsyncQdrantClient, quantization: Any) -> None:
    name = f"compressed-{uuid.uuid4().hex}"
    size = models.VectorParams(size=8, distance=models.Distance.DOT)
    await client.create_collection(name, vectors_config=size, quantization_config=quantization)
    try:
        points = [models.PointStruct(id=n, vector=[float(n)] + [0.1] * 7, payload={}) for n in range(1, 6)]
        await client.upsert(name, points=points)
        found = await client.query_points(name, query=[1.0] + [0.0] * 7, limit=9)
        assert {hit.id for hit in found.points} == {1, 2, 3, 4, 5}
        assert (await client.get_collection(name)).config.quantization_config == quantization
    finally:
        await client.delete_collection(name)


async def test_a_compression_that_is_none_is_refused(client: AsyncQdrantClient) -> None:
    for config in (pb.QuantizationConfig(), pb.QuantizationConfig(scalar=pb.ScalarQuantization())):
        request = pb.CreateCollection(collection_name=f"refused-{uuid.uuid4().hex}", quantization_config=config)
        request.vectors_config.params.size = 4
        request.vectors_config.params.distance = pb.Distance.Dot
        code, _ = await _refusal(client.grpc_collections.Create(request))
        assert code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "schema",
    [
        models.PayloadSchemaType.KEYWORD,
        models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
        models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=False),
        models.TextIndexParams(
            type=models.TextIndexType.TEXT,
            tokenizer=models.TokenizerType.WORD,
            min_token_len=2,
            max_token_len=20,
            lowercase=True,
        ),
    ],
    ids=["by its type", "keyword", "integer", "text"],
)
async def test_an_index_takes_its_settings(client: AsyncQdrantClient, collection: str, schema: Any) -> None:
    await client.create_payload_index(collection, "field", schema)
    listed = (await client.get_collection(collection)).payload_schema["field"]
    assert listed.data_type.value == getattr(schema, "type", schema).value


async def test_an_index_without_a_field_or_a_type_is_refused(client: AsyncQdrantClient, collection: str) -> None:
    for request in (
        pb.CreateFieldIndexCollection(collection_name=collection, field_type=pb.FieldType.FieldTypeKeyword),
        pb.CreateFieldIndexCollection(collection_name=collection, field_name="field"),
    ):
        code, _ = await _refusal(client.grpc_points.CreateFieldIndex(request))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
