"""Qdrant's older calls as queries: Recommend and Discover, and their groups."""

from __future__ import annotations

from typing import Any

from qdrant_client import grpc as pb

from services.embedded.qdrant_server.errors import not_served, serve_only, wrong_input

_SHARED = (
    "filter",
    "limit",
    "with_payload",
    "params",
    "score_threshold",
    "offset",
    "using",
    "with_vectors",
    "lookup_from",
    "collection_name",
    "group_by",
    "group_size",
    "with_lookup",
)
"""Fields that mean the same in the older calls and in a query."""
_CALL = ("read_consistency", "timeout")
_EXAMPLES = ("positive", "negative", "positive_vectors", "negative_vectors", "strategy")


def recommend_query(message: pb.RecommendPoints) -> pb.QueryPoints:
    """Return a recommendation as a query."""
    serve_only(message, (*_SHARED, *_EXAMPLES, *_CALL))
    query = pb.QueryPoints()
    _copy(message, query)
    _recommend(message, query.query.recommend)
    return query


def recommend_groups_query(message: pb.RecommendPointGroups) -> pb.QueryPointGroups:
    """Return a recommendation of groups as a query."""
    serve_only(message, (*_SHARED, *_EXAMPLES, *_CALL))
    query = pb.QueryPointGroups()
    _copy(message, query)
    _recommend(message, query.query.recommend)
    return query


def search_groups_query(message: pb.SearchPointGroups) -> pb.QueryPointGroups:
    """Return a search of groups as a query."""
    serve_only(message, (*_SHARED, "vector", "vector_name", "sparse_indices", *_CALL))
    query = pb.QueryPointGroups(using=message.vector_name)
    _copy(message, query)
    nearest = query.query.nearest
    if message.HasField("sparse_indices"):
        nearest.sparse.indices.extend(message.sparse_indices.data)
        nearest.sparse.values.extend(message.vector)
    else:
        nearest.dense.data.extend(message.vector)
    return query


def discover_query(message: pb.DiscoverPoints) -> pb.QueryPoints:
    """Return a discovery as a query; without a target it is one by its context alone."""
    serve_only(message, (*_SHARED, "target", "context", *_CALL))
    query = pb.QueryPoints()
    _copy(message, query)
    if message.HasField("target"):
        query.query.discover.target.CopyFrom(_example(message.target.single))
        context = query.query.discover.context
        context.SetInParent()
    elif message.context:
        context = query.query.context
    else:
        raise wrong_input("discover: needs a target or a context")
    for pair in message.context:
        context.pairs.add(positive=_example(pair.positive), negative=_example(pair.negative))
    return query


def _copy(message: Any, query: Any) -> None:
    for field, value in message.ListFields():
        if field.name not in _SHARED:
            continue
        if field.message_type:
            getattr(query, field.name).CopyFrom(value)
        else:
            setattr(query, field.name, value)


def _recommend(message: Any, query: pb.RecommendInput) -> None:
    query.positive.extend(pb.VectorInput(id=item) for item in message.positive)
    query.positive.extend(_vector(item) for item in message.positive_vectors)
    query.negative.extend(pb.VectorInput(id=item) for item in message.negative)
    query.negative.extend(_vector(item) for item in message.negative_vectors)
    query.strategy = message.strategy


def _example(message: pb.VectorExample) -> pb.VectorInput:
    kind = message.WhichOneof("example")
    if kind is None:
        raise wrong_input("Malformed VectorExample: neither id nor vector is set")
    return pb.VectorInput(id=message.id) if kind == "id" else _vector(message.vector)


def _vector(message: pb.Vector) -> pb.VectorInput:
    kind = message.WhichOneof("vector")
    if kind == "dense":
        return pb.VectorInput(dense=message.dense)
    if kind == "sparse":
        return pb.VectorInput(sparse=message.sparse)
    if kind == "multi_dense":
        return pb.VectorInput(multi_dense=message.multi_dense)
    if kind is not None:
        raise not_served(f"Vector.{kind} (inference)")
    if message.HasField("indices"):
        return pb.VectorInput(sparse=pb.SparseVector(indices=message.indices.data, values=message.data))
    return pb.VectorInput(dense=pb.DenseVector(data=message.data))
