"""Qdrant's gRPC services over Edge: translate in, one call on the Edge thread, translate out."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, TypeVar

import qdrant_edge as edge
from qdrant_client import grpc as pb
from qdrant_client.grpc import (
    collections_service_pb2,
    collections_service_pb2_grpc,
    points_service_pb2,
    points_service_pb2_grpc,
    qdrant_pb2_grpc,
    snapshots_service_pb2,
    snapshots_service_pb2_grpc,
)

from services.embedded.qdrant_server import writes
from services.embedded.qdrant_server.collections import Collection, Collections, EdgeThread
from services.embedded.qdrant_server.conversion import (
    AnyVector,
    PointId,
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
from services.embedded.qdrant_server.indexes import create_index
from services.embedded.qdrant_server.queries import order_by, query_request, search_request
from services.embedded.qdrant_server.rpc import answered, unserved

_WRITE = ("collection_name", "wait", "ordering", "timeout")
_READ = ("collection_name", "read_consistency", "timeout")
_SCROLL_LIMIT = 10
_FACET_LIMIT = 10

Work = TypeVar("Work")


class QdrantServicer(qdrant_pb2_grpc.QdrantServicer):
    """The service `qdrant.Qdrant`: which server this is."""

    async def HealthCheck(self, request: pb.HealthCheckRequest, context: object) -> pb.HealthCheckReply:  # noqa: N802
        """Name the server and the version of the API that it speaks."""
        return pb.HealthCheckReply(
            title=f"qdrant-edge {version('qdrant-edge-py')}, embedded in Tiku", version=version("qdrant-client")
        )


@unserved(snapshots_service_pb2.DESCRIPTOR.services_by_name["Snapshots"])
class SnapshotsServicer(snapshots_service_pb2_grpc.SnapshotsServicer):
    """The service `qdrant.Snapshots`, of which nothing is served."""


@unserved(collections_service_pb2.DESCRIPTOR.services_by_name["Collections"])
class CollectionsServicer(collections_service_pb2_grpc.CollectionsServicer):
    """The service `qdrant.Collections`."""

    def __init__(self, collections: Collections, thread: EdgeThread) -> None:
        self._collections = collections
        self._thread = thread

    @answered
    async def Create(self, request: pb.CreateCollection) -> pb.CollectionOperationResponse:  # noqa: N802
        """Create a collection; ALREADY_EXISTS if there is one of this name."""
        await self._thread.run(lambda: self._collections.create(request))
        return pb.CollectionOperationResponse(result=True)

    @answered
    async def Delete(self, request: pb.DeleteCollection) -> pb.CollectionOperationResponse:  # noqa: N802
        """Delete a collection; `result` is false if there was none."""
        deleted = await self._thread.run(lambda: self._collections.delete(request.collection_name))
        return pb.CollectionOperationResponse(result=deleted)

    @answered
    async def List(self, request: pb.ListCollectionsRequest) -> pb.ListCollectionsResponse:  # noqa: N802
        """List the collections by name."""
        names = await self._thread.run(self._collections.names)
        return pb.ListCollectionsResponse(collections=[pb.CollectionDescription(name=name) for name in names])

    @answered
    async def CollectionExists(self, request: pb.CollectionExistsRequest) -> pb.CollectionExistsResponse:  # noqa: N802
        """Say whether a collection exists."""
        exists = await self._thread.run(lambda: self._collections.exists(request.collection_name))
        return pb.CollectionExistsResponse(result=pb.CollectionExists(exists=exists))

    @answered
    async def Get(self, request: pb.GetCollectionInfoRequest) -> pb.GetCollectionInfoResponse:  # noqa: N802
        """Return a collection's configuration, counts and payload indexes."""
        info = await self._thread.run(lambda: collection_info(self._collections.get(request.collection_name)))
        return pb.GetCollectionInfoResponse(result=info)


@unserved(points_service_pb2.DESCRIPTOR.services_by_name["Points"])
class PointsServicer(points_service_pb2_grpc.PointsServicer):
    """The service `qdrant.Points`."""

    def __init__(self, collections: Collections, thread: EdgeThread) -> None:
        self._collections = collections
        self._thread = thread

    async def _on(self, name: str, work: Callable[[Collection], Work]) -> Work:
        return await self._thread.run(lambda: work(self._collections.get(name)))

    async def _write(self, request: Any, write: Callable[[Collection], int]) -> pb.PointsOperationResponse:
        number = await self._on(request.collection_name, write)
        return pb.PointsOperationResponse(result=_update_result(number, request.wait))

    @answered
    async def Upsert(self, request: pb.UpsertPoints) -> pb.PointsOperationResponse:  # noqa: N802
        """Store points, all or none."""
        serve_only(request, (*_WRITE, "points", "update_filter", "update_mode"))
        return await self._write(request, lambda collection: writes.upsert(collection, request))

    @answered
    async def Delete(self, request: pb.DeletePoints) -> pb.PointsOperationResponse:  # noqa: N802
        """Delete points by id or by filter."""
        serve_only(request, (*_WRITE, "points"))
        return await self._write(request, lambda collection: writes.delete(collection, request.points))

    @answered
    async def UpdateVectors(self, request: pb.UpdatePointVectors) -> pb.PointsOperationResponse:  # noqa: N802
        """Replace the named vectors of points."""
        serve_only(request, (*_WRITE, "points", "update_filter"))
        return await self._write(request, lambda collection: writes.update_vectors(collection, request))

    @answered
    async def DeleteVectors(self, request: pb.DeletePointVectors) -> pb.PointsOperationResponse:  # noqa: N802
        """Delete the named vectors of points."""
        serve_only(request, (*_WRITE, "points_selector", "vectors"))
        return await self._write(
            request,
            lambda collection: writes.delete_vectors(collection, request.points_selector, list(request.vectors.names)),
        )

    @answered
    async def SetPayload(self, request: pb.SetPayloadPoints) -> pb.PointsOperationResponse:  # noqa: N802
        """Merge fields into the payload of points."""
        serve_only(request, (*_WRITE, "payload", "points_selector", "key"))
        return await self._write(request, lambda collection: writes.set_payload(collection, request))

    @answered
    async def OverwritePayload(self, request: pb.SetPayloadPoints) -> pb.PointsOperationResponse:  # noqa: N802
        """Replace the payload of points."""
        serve_only(request, (*_WRITE, "payload", "points_selector", "key"))
        return await self._write(request, lambda collection: writes.overwrite_payload(collection, request))

    @answered
    async def DeletePayload(self, request: pb.DeletePayloadPoints) -> pb.PointsOperationResponse:  # noqa: N802
        """Remove fields from the payload of points."""
        serve_only(request, (*_WRITE, "keys", "points_selector"))
        return await self._write(request, lambda collection: writes.delete_payload(collection, request))

    @answered
    async def ClearPayload(self, request: pb.ClearPayloadPoints) -> pb.PointsOperationResponse:  # noqa: N802
        """Remove the whole payload of points."""
        serve_only(request, (*_WRITE, "points"))
        return await self._write(request, lambda collection: writes.clear_payload(collection, request.points))

    @answered
    async def CreateFieldIndex(self, request: pb.CreateFieldIndexCollection) -> pb.PointsOperationResponse:  # noqa: N802
        """Create an index on a payload field."""
        serve_only(request, (*_WRITE, "field_name", "field_type", "field_index_params"))
        return await self._write(request, lambda collection: collection.update(create_index(request)))

    @answered
    async def DeleteFieldIndex(self, request: pb.DeleteFieldIndexCollection) -> pb.PointsOperationResponse:  # noqa: N802
        """Delete the index on a payload field."""
        serve_only(request, (*_WRITE, "field_name"))
        operation = edge.UpdateOperation.delete_field_index(request.field_name)
        return await self._write(request, lambda collection: collection.update(operation))

    @answered
    async def UpdateBatch(self, request: pb.UpdateBatchPoints) -> pb.UpdateBatchResponse:  # noqa: N802
        """Apply several writes in order."""
        serve_only(request, (*_WRITE, "operations"))
        numbers = await self._on(
            request.collection_name,
            lambda collection: [writes.apply_operation(collection, operation) for operation in request.operations],
        )
        return pb.UpdateBatchResponse(result=[_update_result(number, request.wait) for number in numbers])

    @answered
    async def Get(self, request: pb.GetPoints) -> pb.GetResponse:  # noqa: N802
        """Return those points of the given ids that exist."""
        serve_only(request, (*_READ, "ids", "with_payload", "with_vectors"))

        def work(collection: Collection) -> list[pb.RetrievedPoint]:
            records = collection.shard.retrieve(
                [point_id(item) for item in request.ids],
                with_payload(request.with_payload, default=False),
                with_vectors(request.with_vectors),
            )
            return [retrieved_point_message(record) for record in records]

        return pb.GetResponse(result=await self._on(request.collection_name, work))

    @answered
    async def Scroll(self, request: pb.ScrollPoints) -> pb.ScrollResponse:  # noqa: N802
        """Return a page of points in the order of their ids or of a payload field."""
        serve_only(request, (*_READ, "filter", "offset", "limit", "with_payload", "with_vectors", "order_by"))
        if request.HasField("limit") and request.limit == 0:
            raise wrong_input("limit: must be at least 1")
        if request.HasField("order_by") and request.HasField("offset"):
            raise wrong_input(
                "Cannot use an `offset` when using `order_by`. The alternative for paging is to use "
                "`order_by.start_from` and a filter to exclude the IDs that you've already seen"
            )

        def work(collection: Collection) -> pb.ScrollResponse:
            records, following = collection.shard.scroll(
                edge.ScrollRequest(
                    offset=point_id(request.offset) if request.HasField("offset") else None,
                    limit=request.limit or _SCROLL_LIMIT,
                    filter=optional_filter(request),
                    with_payload=with_payload(request.with_payload, default=False),
                    with_vector=with_vectors(request.with_vectors),
                    order_by=order_by(request.order_by) if request.HasField("order_by") else None,
                )
            )
            return pb.ScrollResponse(
                result=[retrieved_point_message(record) for record in records],
                next_page_offset=None if following is None else point_id_message(following),
            )

        return await self._on(request.collection_name, work)

    @answered
    async def Count(self, request: pb.CountPoints) -> pb.CountResponse:  # noqa: N802
        """Count the points that pass a filter."""
        serve_only(request, (*_READ, "filter", "exact"))

        def work(collection: Collection) -> int:
            exact = request.exact if request.HasField("exact") else True
            return collection.shard.count(edge.CountRequest(exact=exact, filter=optional_filter(request)))

        return pb.CountResponse(result=pb.CountResult(count=await self._on(request.collection_name, work)))

    @answered
    async def Query(self, request: pb.QueryPoints) -> pb.QueryResponse:  # noqa: N802
        """Return the points that a query finds."""
        return pb.QueryResponse(
            result=await self._on(request.collection_name, lambda collection: self._query(collection, request))
        )

    @answered
    async def QueryBatch(self, request: pb.QueryBatchPoints) -> pb.QueryBatchResponse:  # noqa: N802
        """Return the points that each of several queries finds."""
        serve_only(request, (*_READ, "query_points"))

        def work(collection: Collection) -> list[pb.BatchResult]:
            return [pb.BatchResult(result=self._query(collection, query)) for query in request.query_points]

        return pb.QueryBatchResponse(result=await self._on(request.collection_name, work))

    @answered
    async def Search(self, request: pb.SearchPoints) -> pb.SearchResponse:  # noqa: N802
        """Return the points nearest to a vector, in the older API."""
        return pb.SearchResponse(
            result=await self._on(request.collection_name, lambda collection: _search(collection, request))
        )

    @answered
    async def SearchBatch(self, request: pb.SearchBatchPoints) -> pb.SearchBatchResponse:  # noqa: N802
        """Return the points nearest to each of several vectors, in the older API."""
        serve_only(request, (*_READ, "search_points"))

        def work(collection: Collection) -> list[pb.BatchResult]:
            return [pb.BatchResult(result=_search(collection, search)) for search in request.search_points]

        return pb.SearchBatchResponse(result=await self._on(request.collection_name, work))

    @answered
    async def Facet(self, request: pb.FacetCounts) -> pb.FacetResponse:  # noqa: N802
        """Count the points that have each value of a payload field."""
        serve_only(request, (*_READ, "key", "filter", "limit", "exact"))

        def work(collection: Collection) -> list[pb.FacetHit]:
            asked = edge.FacetRequest(
                key=request.key,
                limit=request.limit if request.HasField("limit") else _FACET_LIMIT,
                exact=request.exact,
                filter=optional_filter(request),
            )
            return [
                pb.FacetHit(value=_facet_value(hit.value), count=hit.count)
                for hit in collection.shard.facet(asked).hits
            ]

        return pb.FacetResponse(hits=await self._on(request.collection_name, work))

    def _query(self, collection: Collection, request: pb.QueryPoints) -> list[pb.ScoredPoint]:
        def lookup(name: str | None, identity: PointId, using: str) -> AnyVector | None:
            source = collection if name is None else self._collections.get(name)
            return _stored_vector(source, identity, using)

        return [scored_point_message(found) for found in collection.shard.query(query_request(request, lookup))]


def _update_result(number: int, wait: bool) -> pb.UpdateResult:
    status = pb.UpdateStatus.Completed if wait else pb.UpdateStatus.Acknowledged
    return pb.UpdateResult(operation_id=number, status=status)


def _search(collection: Collection, request: pb.SearchPoints) -> list[pb.ScoredPoint]:
    return [scored_point_message(found) for found in collection.shard.query(search_request(request))]


def _stored_vector(collection: Collection, identity: PointId, using: str) -> AnyVector | None:
    records = collection.shard.retrieve([identity], False, [using])
    if not records:
        return None
    stored: Any = records[0].vector
    found: AnyVector | None = stored.get(using) if isinstance(stored, dict) else stored
    return found


def _facet_value(value: str | int | bool) -> pb.FacetValue:
    if isinstance(value, bool):
        return pb.FacetValue(bool_value=value)
    if isinstance(value, int):
        return pb.FacetValue(integer_value=value)
    return pb.FacetValue(string_value=value)
