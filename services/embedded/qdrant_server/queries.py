"""Qdrant's queries as Edge's requests, with their prefetches, filters and parameters."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.conversion import (
    AnyVector,
    finite,
    sparse_vector,
    with_payload,
    with_vectors,
)
from services.embedded.qdrant_server.errors import serve_only, wrong_input
from services.embedded.qdrant_server.filters import excluding, filter_, optional_filter
from services.embedded.qdrant_server.formulas import values_wanted
from services.embedded.qdrant_server.scoring import VectorLookup, limit, scoring

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
_CANCELLED = "process cancelled by service"
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


def run_query(shard: edge.EdgeShard, message: pb.QueryPoints, lookup: VectorLookup) -> list[edge.ScoredPoint]:
    """Return what a query finds.

    Raises:
        QdrantError: the query is wrong, or asks for something that is not served.
    """
    request = query_request(message, lookup)
    try:
        return shard.query(request)
    except Exception as error:
        wanted = values_wanted(message) if _CANCELLED in str(error) else None
        if wanted is None:
            raise
        # A Qdrant server names the field, or the expression; of Edge one learns only that it gave up.
        needs = (
            f"a value of the right type for {', '.join(dict.fromkeys(wanted))} in its payload or in the defaults, and "
        )
        raise wrong_input(f"formula: needs for every point {needs if wanted else ''}a finite score") from error


def query_request(message: pb.QueryPoints, lookup: VectorLookup) -> edge.QueryRequest:
    """Return a request of the Query API."""
    serve_only(message, _QUERY_FIELDS)
    score, referred = scoring(message, lookup)
    # Behind the first points of a sample come others just as random, and no fewer.
    is_sample = message.query.HasField("sample")
    return edge.QueryRequest(
        limit=limit(message),
        offset=0 if is_sample else message.offset,
        query=score,
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
    score, referred = scoring(message, lookup)
    return edge.Prefetch(
        limit=limit(message),
        query=score,
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
        query=edge.Query.Nearest(finite("vector", target), using=message.vector_name),
        filter=optional_filter(message),
        score_threshold=_score_threshold(message),
        params=_params(message),
        with_payload=with_payload(message.with_payload, default=False),
        with_vector=with_vectors(message.with_vectors),
    )


def _score_threshold(message: pb.QueryPoints | pb.PrefetchQuery | pb.SearchPoints) -> float | None:
    return message.score_threshold if message.HasField("score_threshold") else None


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
