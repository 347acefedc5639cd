"""The reads of Qdrant's API on one collection. A read that may take long yields between slices of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

import qdrant_edge as edge
from google.protobuf.message import Message
from qdrant_client import grpc as pb

from services.embedded.qdrant_server import matrix
from services.embedded.qdrant_server.collection import Collection
from services.embedded.qdrant_server.conversion import (
    point_id,
    point_id_message,
    retrieved_point_message,
    scored_point_message,
    with_payload,
    with_vectors,
)
from services.embedded.qdrant_server.description import collection_info
from services.embedded.qdrant_server.errors import serve_only, wrong_input
from services.embedded.qdrant_server.filters import optional_filter
from services.embedded.qdrant_server.groups import groups
from services.embedded.qdrant_server.lookups import Lookups
from services.embedded.qdrant_server.older import (
    discover_query,
    recommend_groups_query,
    recommend_query,
    search_groups_query,
)
from services.embedded.qdrant_server.queries import run_query, search_request
from services.embedded.qdrant_server.scoring import order_by

_READ = ("collection_name", "read_consistency", "timeout")
_SCROLL_LIMIT = 10
_FACET_LIMIT = 10
_SLICE, _SLICE_BYTES = 128, 64 * 1024
"""Points that are fetched or translated in one go; no more are translated once they have so many bytes."""

Slices = Generator[None, None, Any]
Read = Callable[[Collection, Any, Lookups], Slices]
Hits = list[edge.ScoredPoint]
FindHits = Callable[[Collection, Any, Lookups], Hits]


def _get(collection: Collection, request: pb.GetPoints, _: Lookups) -> Slices:
    serve_only(request, (*_READ, "ids", "with_payload", "with_vectors"))
    response = pb.GetResponse()
    ids = [point_id(item) for item in request.ids]
    for start in range(0, len(ids), _SLICE):
        records = collection.shard.retrieve(
            ids[start : start + _SLICE],
            with_payload(request.with_payload, default=False),
            with_vectors(request.with_vectors),
        )
        response.result.extend((yield from _translated(records, retrieved_point_message)))
        yield
    return response


def _scroll(collection: Collection, request: pb.ScrollPoints, _: Lookups) -> Slices:
    serve_only(request, (*_READ, "filter", "offset", "limit", "with_payload", "with_vectors", "order_by"))
    if request.HasField("limit") and request.limit == 0:
        raise wrong_input("limit: must be at least 1")
    if request.HasField("order_by") and request.HasField("offset"):
        raise wrong_input(
            "Cannot use an `offset` when using `order_by`. The alternative for paging is to use "
            "`order_by.start_from` and a filter to exclude the IDs that you've already seen"
        )
    ordered = order_by(request.order_by) if request.HasField("order_by") else None
    left = request.limit or _SCROLL_LIMIT
    following = point_id(request.offset) if request.HasField("offset") else None
    response = pb.ScrollResponse()
    while left:
        # What is in an order cannot be paged through: there may be many points of one value.
        page = left if ordered else min(left, _SLICE)
        records, following = collection.shard.scroll(
            edge.ScrollRequest(
                offset=following,
                limit=page,
                filter=optional_filter(request),
                with_payload=with_payload(request.with_payload, default=False),
                with_vector=with_vectors(request.with_vectors),
                order_by=ordered,
            )
        )
        response.result.extend((yield from _translated(records, retrieved_point_message)))
        left -= page
        if following is None:
            return response
        yield
    response.next_page_offset.CopyFrom(point_id_message(following))
    return response


def _count(collection: Collection, request: pb.CountPoints, _: Lookups) -> Slices:
    serve_only(request, (*_READ, "filter", "exact"))
    yield
    exact = request.exact if request.HasField("exact") else True
    count = collection.shard.count(edge.CountRequest(exact=exact, filter=optional_filter(request)))
    return pb.CountResponse(result=pb.CountResult(count=count))


def _translated(points: list[Any], translate: Callable[[Any], Any]) -> Generator[None, None, list[Any]]:
    messages: list[Any] = []
    size = 0
    for number, item in enumerate(points, 1):
        messages.append(translate(item))
        size += messages[-1].ByteSize()
        if number % _SLICE == 0 or size >= _SLICE_BYTES:
            size = 0
            yield
    return messages


def _found(points: Hits, request: Any) -> Generator[None, None, list[pb.ScoredPoint]]:
    vectors = with_vectors(request.with_vectors)
    return _translated(points, lambda item: scored_point_message(item, vectors))


def _query(collection: Collection, request: pb.QueryPoints, lookups: Lookups) -> Hits:
    return run_query(collection.shard, request, lookups)


def _search(collection: Collection, request: pb.SearchPoints, _: Lookups) -> Hits:
    return collection.shard.query(search_request(request))


def _recommend(collection: Collection, request: pb.RecommendPoints, lookups: Lookups) -> Hits:
    return _query(collection, recommend_query(request), lookups)


def _discover(collection: Collection, request: pb.DiscoverPoints, lookups: Lookups) -> Hits:
    return _query(collection, discover_query(request), lookups)


def _single(hits: FindHits, response: Callable[..., Message]) -> Read:
    """Return the read that answers one request with its hits."""

    def read(collection: Collection, request: Any, lookups: Lookups) -> Slices:
        found = yield from _found(hits(collection, request, lookups), request)
        return response(result=found)

    return read


def _batch(hits: FindHits, field: str, response: Callable[[], Any]) -> Read:
    """Return the read that answers the requests in a field of its own, one after the other."""

    def read(collection: Collection, request: Any, lookups: Lookups) -> Slices:
        serve_only(request, (*_READ, field))
        answer = response()
        for asked in getattr(request, field):
            found = yield from _found(hits(collection, asked, lookups), asked)
            answer.result.add(result=found)
            yield
        return answer

    return read


def _facet(collection: Collection, request: pb.FacetCounts, _: Lookups) -> Slices:
    serve_only(request, (*_READ, "key", "filter", "limit", "exact"))
    yield
    asked = edge.FacetRequest(
        key=request.key,
        limit=request.limit if request.HasField("limit") else _FACET_LIMIT,
        exact=request.exact,
        filter=optional_filter(request),
    )
    hits = [pb.FacetHit(value=_facet_value(hit.value), count=hit.count) for hit in collection.shard.facet(asked).hits]
    return pb.FacetResponse(hits=hits)


def _facet_value(value: str | int | bool) -> pb.FacetValue:
    if isinstance(value, bool):
        return pb.FacetValue(bool_value=value)
    if isinstance(value, int):
        return pb.FacetValue(integer_value=value)
    return pb.FacetValue(string_value=value)


def _query_groups(collection: Collection, request: pb.QueryPointGroups, lookups: Lookups) -> Slices:
    return pb.QueryGroupsResponse(result=(yield from groups(collection, request, lookups)))


def _search_groups(collection: Collection, request: pb.SearchPointGroups, lookups: Lookups) -> Slices:
    return pb.SearchGroupsResponse(result=(yield from groups(collection, search_groups_query(request), lookups)))


def _recommend_groups(collection: Collection, request: pb.RecommendPointGroups, lookups: Lookups) -> Slices:
    return pb.RecommendGroupsResponse(result=(yield from groups(collection, recommend_groups_query(request), lookups)))


def _matrix_pairs(collection: Collection, request: pb.SearchMatrixPoints, _: Lookups) -> Slices:
    return pb.SearchMatrixPairsResponse(result=matrix.pairs((yield from matrix.rows(collection, request))))


def _matrix_offsets(collection: Collection, request: pb.SearchMatrixPoints, _: Lookups) -> Slices:
    return pb.SearchMatrixOffsetsResponse(result=matrix.offsets((yield from matrix.rows(collection, request))))


READS: Mapping[str, Read] = {
    "Get": _get,
    "Scroll": _scroll,
    "Count": _count,
    "Query": _single(_query, pb.QueryResponse),
    "QueryBatch": _batch(_query, "query_points", pb.QueryBatchResponse),
    "Search": _single(_search, pb.SearchResponse),
    "SearchBatch": _batch(_search, "search_points", pb.SearchBatchResponse),
    "Facet": _facet,
    "Recommend": _single(_recommend, pb.RecommendResponse),
    "RecommendBatch": _batch(_recommend, "recommend_points", pb.RecommendBatchResponse),
    "RecommendGroups": _recommend_groups,
    "Discover": _single(_discover, pb.DiscoverResponse),
    "DiscoverBatch": _batch(_discover, "discover_points", pb.DiscoverBatchResponse),
    "QueryGroups": _query_groups,
    "SearchGroups": _search_groups,
    "SearchMatrixPairs": _matrix_pairs,
    "SearchMatrixOffsets": _matrix_offsets,
}
"""The reads by their RPCs."""


def info(collection: Collection) -> Message:
    """Return the answer to `Collections/Get`."""
    return pb.GetCollectionInfoResponse(result=collection_info(collection))
