"""The distance matrix of a sample of points: the nearest of the others for each."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.collection import Collection
from services.embedded.qdrant_server.conversion import point_id_message
from services.embedded.qdrant_server.errors import serve_only, wrong_input
from services.embedded.qdrant_server.filters import optional_filter

_SAMPLE, _LIMIT = 10, 3
"""The defaults of Qdrant's API."""
_FIELDS = ("collection_name", "filter", "sample", "limit", "using", "timeout", "read_consistency")

Rows = list[tuple[Any, list[edge.ScoredPoint]]]


def rows(collection: Collection, message: pb.SearchMatrixPoints) -> Generator[None, None, Rows]:
    """Return the ids of sampled points in order, each with the nearest points of the sample."""
    serve_only(message, _FIELDS)
    size = message.sample if message.HasField("sample") else _SAMPLE
    limit = message.limit if message.HasField("limit") else _LIMIT
    if size < 2 or not limit:
        raise wrong_input("sample: must be at least 2, limit: at least 1")
    given = optional_filter(message)
    having: list[Any] = [edge.HasVectorCondition(message.using), *([given] if given else [])]
    sample = collection.shard.query(
        edge.QueryRequest(
            limit=size, query=edge.Sample.Random, filter=edge.Filter(must=having), with_vector=[message.using]
        )
    )
    sample.sort(key=lambda point: (isinstance(point.id, int), point.id if isinstance(point.id, int) else str(point.id)))
    found: Rows = []
    for point in sample if len(sample) > 1 else []:
        others: Any = {other.id for other in sample if other.id != point.id}
        stored: Any = point.vector
        target = stored[message.using] if isinstance(stored, dict) else stored
        nearest = edge.QueryRequest(
            limit=limit,
            query=edge.Query.Nearest(target, using=message.using),
            filter=edge.Filter(must=[edge.HasIdCondition(others), *([given] if given else [])]),
        )
        found.append((point.id, collection.shard.query(nearest)))
        yield
    return found


def pairs(found: Rows) -> pb.SearchMatrixPairs:
    """Return the matrix as pairs of points."""
    result = pb.SearchMatrixPairs()
    for identity, hits in found:
        for hit in hits:
            result.pairs.add(a=point_id_message(identity), b=point_id_message(hit.id), score=hit.score)
    return result


def offsets(found: Rows) -> pb.SearchMatrixOffsets:
    """Return the matrix as rows and columns, which count the sampled points."""
    columns = {identity: column for column, (identity, _) in enumerate(found)}
    result = pb.SearchMatrixOffsets(ids=[point_id_message(identity) for identity, _ in found])
    for row, (_, hits) in enumerate(found):
        for hit in hits:
            result.offsets_row.append(row)
            result.offsets_col.append(columns[hit.id])
            result.scores.append(hit.score)
    return result
