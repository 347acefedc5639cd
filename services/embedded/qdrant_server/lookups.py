"""Points that a query refers to, of its own collection or of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qdrant_client import grpc as pb

from services.embedded.qdrant_server.collection import Collection
from services.embedded.qdrant_server.conversion import (
    AnyVector,
    PointId,
    point_id,
    point_id_message,
    retrieved_point_message,
    vector_value,
    with_payload,
    with_vectors,
)


class NeedsPointsError(Exception):
    """A query refers to points of another collection: `asked` holds that one's name and the request."""

    def __init__(self, asked: list[bytes]) -> None:
        super().__init__("points of another collection are needed")
        self.asked = asked


class Lookups:
    """Finds points and their vectors; those of other collections came with the query, or it is to be sent again."""

    def __init__(self, own: Collection, answers: list[bytes]) -> None:
        self._own = own
        self._answers = {
            request: pb.GetResponse.FromString(answer) for request, answer in zip(*[iter(answers)] * 2, strict=True)
        }

    def __call__(self, name: str | None, identity: PointId, using: str) -> AnyVector | None:
        """Return the named vector of a point of a collection, None for the query's own; None if it has none."""
        if name is None or name == self._own.description.collection_name:
            return _stored_vector(self._own, identity, using)
        asked = pb.GetPoints(collection_name=name, ids=[point_id_message(identity)])
        asked.with_vectors.include.names.append(using)
        for record in self.points(asked):
            return vector_value(record.vectors, using)
        return None

    def points(self, asked: pb.GetPoints) -> Iterable[pb.RetrievedPoint]:
        """Return points of a collection.

        Raises:
            NeedsPointsError: they have not come with the query.
        """
        if asked.collection_name == self._own.description.collection_name:
            return retrieved(self._own, asked)
        request = asked.SerializeToString(deterministic=True)
        if request not in self._answers:
            raise NeedsPointsError([asked.collection_name.encode(), request])
        found: Iterable[pb.RetrievedPoint] = self._answers[request].result
        return found


def retrieved(collection: Collection, asked: pb.GetPoints) -> list[pb.RetrievedPoint]:
    """Return those points of the given ids that exist."""
    records = collection.shard.retrieve(
        [point_id(item) for item in asked.ids],
        with_payload(asked.with_payload, default=False),
        with_vectors(asked.with_vectors),
    )
    return [retrieved_point_message(record) for record in records]


def _stored_vector(collection: Collection, identity: PointId, using: str) -> AnyVector | None:
    records = collection.shard.retrieve([identity], False, [using])
    if not records:
        return None
    stored: Any = records[0].vector
    found: AnyVector | None = stored.get(using) if isinstance(stored, dict) else stored
    return found
