"""What backups and checks of the whole stack ask of the vector store, across owners and models."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from qdrant_client import grpc as q

from services.retrieval.adapters.stores.qdrant import QdrantVectorStore, matching
from services.retrieval.domain.embedding.centering import Centering

_FIELDS = ("owner_id", "document_id", "ordinal")
_PAGE_POINTS = 256
_VECTORS_PAGE_POINTS = 128
_BATCH_BYTES = 2 * 1024 * 1024
"""Half of the 4 MB that a gRPC server takes by default."""


@dataclass(frozen=True, slots=True)
class PointRecord:
    """A stored chunk: whose it is, and which chunk of which document.

    `message` is the whole point, vector included, as Qdrant's own message; empty where it was not asked for.
    """

    point_id: str
    owner: str
    document_id: str
    ordinal: int
    message: bytes = b""


class QdrantUpkeep(QdrantVectorStore):
    """The points of all owners."""

    spaces: Centering | None = None
    """Names the spaces after which collections are called; without it, a space is called as its model."""

    def holds(self, collection: str, model: str) -> bool:
        """Return whether `collection` is one for the vectors of `model`."""
        space = self.spaces.space(model) if self.spaces else model
        return collection.rpartition("_")[0] == self._collection(space, 0).rpartition("_")[0]

    async def points(
        self, collection: str, *, document_id: str = "", vectors: bool = False
    ) -> AsyncGenerator[list[PointRecord], None]:
        """Yield the points of a collection page by page, those of one document or all; none where it is gone."""
        request = q.ScrollPoints(
            collection_name=collection,
            limit=_VECTORS_PAGE_POINTS if vectors else _PAGE_POINTS,
            with_payload=q.WithPayloadSelector(enable=True)
            if vectors
            else q.WithPayloadSelector(include=q.PayloadIncludeSelector(fields=_FIELDS)),
            with_vectors=q.WithVectorsSelector(enable=vectors),
        )
        if document_id:
            request.filter.must.append(matching("document_id", keyword=document_id))
        async for points in self._pages(request):
            yield [_record(point, vectors) for point in points]

    async def load(self, collection: str, messages: Sequence[bytes]) -> None:
        """Store points from their messages, and make the collection if it is not there."""
        await self._ensure(collection, int(collection.rpartition("_")[2]))
        request, size = q.UpsertPoints(collection_name=collection, wait=True), 0
        for message in messages:
            if size and size + len(message) > _BATCH_BYTES:
                await self._call(self._points.Upsert, request)
                request, size = q.UpsertPoints(collection_name=collection, wait=True), 0
            request.points.append(q.PointStruct.FromString(message))
            size += len(message)
        if size:
            await self._call(self._points.Upsert, request)

    async def delete_points(self, collection: str, point_ids: Sequence[str]) -> None:
        """Remove points by their ids."""
        ids = q.PointsIdsList(ids=[_point_id(point_id) for point_id in point_ids])
        request = q.DeletePoints(collection_name=collection, wait=True, points=q.PointsSelector(points=ids))
        await self._if_exists(self._call(self._points.Delete, request))


def _record(point: q.RetrievedPoint, whole: bool) -> PointRecord:
    payload = point.payload
    return PointRecord(
        point_id=point.id.uuid or str(point.id.num),
        owner=payload["owner_id"].string_value if "owner_id" in payload else "",
        document_id=payload["document_id"].string_value if "document_id" in payload else "",
        ordinal=payload["ordinal"].integer_value if "ordinal" in payload else -1,
        message=_message(point) if whole else b"",
    )


def _message(point: q.RetrievedPoint) -> bytes:
    """Return a point that was read as the message of one to be written."""
    read: Any = point.vectors.vectors.vectors
    vectors = {name: _vector(vector) for name, vector in read.items()}
    written = q.PointStruct(id=point.id, vectors=q.Vectors(vectors=q.NamedVectors(vectors=vectors)))
    for key, value in point.payload.items():
        written.payload[key].CopyFrom(value)
    return written.SerializeToString()


def _vector(read: q.VectorOutput) -> q.Vector:
    if read.HasField("sparse"):
        return q.Vector(sparse=read.sparse)
    # Servers before 1.16 fill the older field `data`.
    return q.Vector(dense=q.DenseVector(data=read.dense.data if read.HasField("dense") else read.data))


def _point_id(text: str) -> q.PointId:
    try:
        return q.PointId(uuid=str(uuid.UUID(text)))
    except ValueError:
        return q.PointId(num=int(text))
