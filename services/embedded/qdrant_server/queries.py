"""Qdrant's queries as Edge's requests: nearest, fusion, prefetch, order, sample, MMR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.conversion import (
    AnyVector,
    PointId,
    multi_vector,
    point_id,
    sparse_vector,
    with_payload,
    with_vectors,
)
from services.embedded.qdrant_server.errors import not_found, not_served, serve_only, wrong_input
from services.embedded.qdrant_server.filters import excluding, filter_, optional_filter

DEFAULT_RRF_K = 2
"""A Qdrant server's default: `segment::common::reciprocal_rank_fusion::DEFAULT_RRF_K`."""
DEFAULT_LIMIT = 10
"""The default of Qdrant's Query API."""
DEFAULT_MMR_DIVERSITY = 0.5
"""The default of Qdrant's Query API."""

VectorLookup = Callable[[str | None, PointId, str], AnyVector | None]
"""Takes a collection (None for the one that is queried), a point's id and a vector's name; returns the stored vector,
or None if there is none."""

_QUERY_FIELDS = [
    "collection_name",
    "prefetch",
    "query",
    "using",
    "filter",
    "params",
    "score_threshold",
    "limit",
    "offset",
    "with_vectors",
    "with_payload",
    "read_consistency",
    "lookup_from",
    "timeout",
]
_PREFETCH_FIELDS = ["prefetch", "query", "using", "filter", "params", "score_threshold", "limit", "lookup_from"]
_SEARCH_FIELDS = [
    "collection_name",
    "vector",
    "filter",
    "limit",
    "with_payload",
    "params",
    "score_threshold",
    "offset",
    "vector_name",
    "with_vectors",
    "read_consistency",
    "timeout",
    "sparse_indices",
]


def query_request(message: pb.QueryPoints, lookup: VectorLookup) -> edge.QueryRequest:
    """Return a request of the Query API."""
    serve_only(message, _QUERY_FIELDS)
    scoring, referred = _scoring(message, lookup)
    return edge.QueryRequest(
        limit=_limit(message),
        offset=message.offset,
        query=scoring,
        prefetches=[prefetch(item, lookup) for item in message.prefetch] or None,
        filter=excluding(optional_filter(message), referred),
        score_threshold=_score_threshold(message),
        params=_params(message),
        with_payload=with_payload(message.with_payload, default=False),
        with_vector=with_vectors(message.with_vectors),
    )


def prefetch(message: pb.PrefetchQuery, lookup: VectorLookup) -> edge.Prefetch:
    """Return a sub-query; the outer query works on the points that it finds."""
    serve_only(message, _PREFETCH_FIELDS)
    scoring, referred = _scoring(message, lookup)
    return edge.Prefetch(
        limit=_limit(message),
        query=scoring,
        prefetches=[prefetch(item, lookup) for item in message.prefetch] or None,
        filter=excluding(optional_filter(message), referred),
        score_threshold=_score_threshold(message),
        params=_params(message),
    )


def search_request(message: pb.SearchPoints) -> edge.QueryRequest:
    """Return a request of the older Search API as a query."""
    serve_only(message, _SEARCH_FIELDS)
    if message.limit == 0:
        raise wrong_input("limit: must be at least 1")
    values = list(message.vector)
    target: AnyVector = values
    if message.HasField("sparse_indices"):
        target = sparse_vector(message.sparse_indices.data, values)
    return edge.QueryRequest(
        limit=message.limit,
        offset=message.offset,
        query=edge.Query.Nearest(target, using=message.vector_name),
        filter=optional_filter(message),
        score_threshold=_score_threshold(message),
        params=_params(message),
        with_payload=with_payload(message.with_payload, default=False),
        with_vector=with_vectors(message.with_vectors),
    )


def order_by(message: pb.OrderBy) -> edge.OrderBy:
    """Return an order by a payload field."""
    options: dict[str, Any] = {}
    if message.HasField("direction"):
        descending = message.direction == pb.Direction.Desc
        options["direction"] = edge.Direction.Desc if descending else edge.Direction.Asc
    if message.HasField("start_from"):
        kind = message.start_from.WhichOneof("value")
        if kind is None:
            raise wrong_input("OrderBy.start_from: no value is set")
        value = getattr(message.start_from, kind)
        options["start_from"] = value.ToJsonString() if kind == "timestamp" else value
    return edge.OrderBy(key=message.key, **options)


def _limit(message: pb.QueryPoints | pb.PrefetchQuery) -> int:
    if not message.HasField("limit"):
        return DEFAULT_LIMIT
    if message.limit == 0:
        raise wrong_input("limit: must be at least 1")
    return int(message.limit)


def _score_threshold(message: pb.QueryPoints | pb.PrefetchQuery | pb.SearchPoints) -> float | None:
    return message.score_threshold if message.HasField("score_threshold") else None


def _scoring(
    message: pb.QueryPoints | pb.PrefetchQuery, lookup: VectorLookup
) -> tuple[edge.ScoringQueryType | None, set[PointId]]:
    """Return a query's scoring and the points that it refers to: a point is not among those that are near it."""
    if not message.HasField("query"):
        return None, set()
    resolver = _Resolver(message, lookup)
    query = message.query
    kind = query.WhichOneof("variant")
    # The stubs do not know that Rrf and Dbsf are Fusions.
    scoring: Any
    if kind == "nearest":
        scoring = edge.Query.Nearest(resolver.vector(query.nearest), using=message.using)
    elif kind == "fusion":
        scoring = edge.Fusion.Rrf(k=DEFAULT_RRF_K) if query.fusion == pb.Fusion.RRF else edge.Fusion.Dbsf()
    elif kind == "rrf":
        scoring = edge.Fusion.Rrf(
            k=query.rrf.k if query.rrf.HasField("k") else DEFAULT_RRF_K, weights=list(query.rrf.weights) or None
        )
    elif kind == "order_by":
        scoring = order_by(query.order_by)
    elif kind == "sample":
        scoring = edge.Sample.Random
    elif kind == "nearest_with_mmr":
        scoring = _mmr(message, query.nearest_with_mmr, resolver)
    elif kind is None:
        raise wrong_input("Malformed Query: no variant is set")
    else:
        raise not_served(f"Query.{kind}")
    return scoring, resolver.referred


def _mmr(message: pb.QueryPoints | pb.PrefetchQuery, asked: pb.NearestInputWithMmr, resolver: _Resolver) -> edge.Mmr:
    diversity = asked.mmr.diversity if asked.mmr.HasField("diversity") else DEFAULT_MMR_DIVERSITY
    if not 0 <= diversity <= 1:
        raise wrong_input("mmr.diversity: must be between 0 and 1")
    candidates = asked.mmr.candidates_limit if asked.mmr.HasField("candidates_limit") else _limit(message)
    return edge.Mmr(
        vector=resolver.vector(asked.nearest),
        lambda_=1 - diversity,
        candidates_limit=candidates,
        using=message.using,
    )


class _Resolver:
    """Turns the vector inputs of a query into vectors, and remembers which points of its collection it looked up."""

    def __init__(self, message: pb.QueryPoints | pb.PrefetchQuery, lookup: VectorLookup) -> None:
        self.referred: set[PointId] = set()
        self._lookup = lookup
        self._using = message.using
        self._collection: str | None = None
        if message.HasField("lookup_from"):
            serve_only(message.lookup_from, ("collection_name", "vector_name"))
            self._collection = message.lookup_from.collection_name
            if message.lookup_from.HasField("vector_name"):
                self._using = message.lookup_from.vector_name

    def vector(self, message: pb.VectorInput) -> AnyVector:
        """Return the vector that an input holds or refers to."""
        kind = message.WhichOneof("variant")
        if kind == "dense":
            return list(message.dense.data)
        if kind == "sparse":
            return sparse_vector(message.sparse.indices, message.sparse.values)
        if kind == "multi_dense":
            return multi_vector(message.multi_dense)
        if kind == "id":
            identity = point_id(message.id)
            found = self._lookup(self._collection, identity, self._using)
            if found is None:
                raise not_found(f"No point with id {identity} found")
            if self._collection is None:
                self.referred.add(identity)
            return found
        if kind is None:
            raise wrong_input("Malformed VectorInput: no vector is set")
        raise not_served(f"VectorInput.{kind} (inference)")


def _params(message: pb.QueryPoints | pb.PrefetchQuery | pb.SearchPoints) -> edge.SearchParams | None:
    if not message.HasField("params"):
        return None
    params = message.params
    serve_only(params, ("hnsw_ef", "exact", "quantization", "indexed_only", "acorn", "idf"))
    options: dict[str, Any] = {"exact": params.exact, "indexed_only": params.indexed_only}
    if params.HasField("hnsw_ef"):
        options["hnsw_ef"] = params.hnsw_ef
    if params.HasField("quantization"):
        asked = params.quantization
        options["quantization"] = edge.QuantizationSearchParams(
            ignore=asked.ignore,
            rescore=asked.rescore if asked.HasField("rescore") else None,
            oversampling=asked.oversampling if asked.HasField("oversampling") else None,
        )
    if params.HasField("acorn"):
        options["acorn"] = edge.AcornSearchParams(
            enable=params.acorn.enable,
            max_selectivity=params.acorn.max_selectivity if params.acorn.HasField("max_selectivity") else None,
        )
    if params.HasField("idf"):
        corpus = filter_(params.idf.corpus) if params.idf.HasField("corpus") else None
        options["idf"] = edge.IdfParams(corpus=corpus)
    return edge.SearchParams(**options)
