"""Qdrant's gRPC services: the requests of a collection go to its worker as they came, the others are answered here."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from qdrant_client import grpc as pb
from qdrant_client.grpc import collections_service_pb2, points_service_pb2, qdrant_pb2, snapshots_service_pb2

from services.embedded.qdrant_server import rpcs
from services.embedded.qdrant_server.collections import Collections
from services.embedded.qdrant_server.errors import QdrantError, from_edge, not_served
from services.embedded.qdrant_server.frames import FrameKind
from services.embedded.qdrant_server.links import PointsNeededError

Handler = Callable[[bytes], Awaitable[bytes]]
_MAX_LOOKUPS = 256
"""Points of other collections that one query may refer to."""


def handlers(collections: Collections) -> list[grpc.GenericRpcHandler[bytes, bytes]]:
    """Return the handlers of all services; an RPC that is not served is refused by its name."""
    served: Mapping[ServiceDescriptor, Mapping[str, Handler]] = {
        qdrant_pb2.DESCRIPTOR.services_by_name["Qdrant"]: {"HealthCheck": functools.partial(_health, collections)},
        collections_service_pb2.DESCRIPTOR.services_by_name["Collections"]: CollectionsService(collections).handlers(),
        points_service_pb2.DESCRIPTOR.services_by_name["Points"]: PointsService(collections).handlers(),
        snapshots_service_pb2.DESCRIPTOR.services_by_name["Snapshots"]: {},
    }
    return [_service(descriptor, methods) for descriptor, methods in served.items()]


def _service(descriptor: ServiceDescriptor, served: Mapping[str, Handler]) -> grpc.GenericRpcHandler[bytes, bytes]:
    methods = {}
    for method in descriptor.methods:
        handler = served.get(method.name) or functools.partial(_refuse, f"{descriptor.full_name}/{method.name}")
        # Without serializers the handlers take and return bytes.
        methods[method.name] = grpc.unary_unary_rpc_method_handler(_answered(handler))
    return grpc.method_handlers_generic_handler(descriptor.full_name, methods)


async def _refuse(rpc: str, _request: bytes) -> bytes:
    raise not_served(rpc)


def _answered(handler: Handler) -> Callable[[bytes, Any], Awaitable[bytes]]:
    """Return an RPC made of a handler that takes the request alone: errors become statuses."""

    async def answer(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        try:
            return await handler(request)
        except QdrantError as error:
            await context.abort(error.code, error.message)
        except Exception as error:
            refusal = from_edge(error)
            await context.abort(refusal.code, refusal.message)
        raise AssertionError("unreachable")

    return answer


async def _health(collections: Collections, _request: bytes) -> bytes:
    """Name the server and the version of the API that it speaks, and say when collections wait for room or are lost."""
    title = f"qdrant-edge {version('qdrant-edge-py')}, embedded in Tiku"
    if waiting := collections.waiting_for_room():
        title += f"; DISK_FULL: {waiting} collections take no writes"
    if damaged := collections.damaged():
        title += f"; DAMAGED: {', '.join(damaged)} cannot be loaded"
    return _bytes(pb.HealthCheckReply(title=title, version=version("qdrant-client")))


async def _within(seconds: int, work: Awaitable[bytes]) -> bytes:
    """Return what `work` returns.

    Raises:
        QdrantError: DEADLINE_EXCEEDED, it took more than `seconds`; 0 is no limit.
    """
    try:
        async with asyncio.timeout(seconds or None):
            return await work
    except TimeoutError:
        raise QdrantError(grpc.StatusCode.DEADLINE_EXCEEDED, f"Timeout: not done within {seconds} seconds") from None


class PointsService:
    """The service `qdrant.Points`."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def handlers(self) -> dict[str, Handler]:
        """Return the served RPCs."""
        return {
            rpc: functools.partial(self._pass_on, kind, rpc, rpcs.envelope(message))
            for kind, served in ((FrameKind.READ, rpcs.READS), (FrameKind.WRITE, rpcs.WRITES))
            for rpc, message in served.items()
        }

    async def _pass_on(self, kind: FrameKind, rpc: str, envelope: type[Message], request: bytes) -> bytes:
        address: Any = rpcs.parse(envelope, request)
        return await _within(
            getattr(address, "timeout", 0), self._call(kind, address.collection_name, [rpc.encode(), request])
        )

    async def _call(self, kind: FrameKind, name: str, parts: list[bytes]) -> bytes:
        for _ in range(_MAX_LOOKUPS):
            try:
                return await self._collections.get(name).call(kind, parts)
            except PointsNeededError as error:
                other, asked = error.asked
                answer = await self._collections.get(other.decode()).call(FrameKind.READ, [b"Get", asked])
                parts += [asked, answer]
        raise QdrantError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"Wrong input: a query may refer to {_MAX_LOOKUPS} points of other collections",
        )


class CollectionsService:
    """The service `qdrant.Collections`."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def handlers(self) -> dict[str, Handler]:
        """Return the served RPCs."""
        served: dict[str, tuple[type[Message], Callable[[Any], Awaitable[Message]]]] = {
            "Create": (pb.CreateCollection, self._create),
            "Delete": (pb.DeleteCollection, self._delete),
            "List": (pb.ListCollectionsRequest, self._list),
            "CollectionExists": (pb.CollectionExistsRequest, self._exists),
            "Get": (pb.GetCollectionInfoRequest, self._get),
            "Update": (pb.UpdateCollection, self._update),
            "UpdateAliases": (pb.ChangeAliases, self._change_aliases),
            "ListAliases": (pb.ListAliasesRequest, self._list_aliases),
            "ListCollectionAliases": (pb.ListCollectionAliasesRequest, self._list_collection_aliases),
        }
        return {rpc: functools.partial(_timed, message, work) for rpc, (message, work) in served.items()}

    async def _create(self, request: pb.CreateCollection) -> Message:
        await self._collections.create(request)
        return pb.CollectionOperationResponse(result=True)

    async def _delete(self, request: pb.DeleteCollection) -> Message:
        return pb.CollectionOperationResponse(result=await self._collections.delete(request.collection_name))

    async def _list(self, _request: pb.ListCollectionsRequest) -> Message:
        names = self._collections.names()
        return pb.ListCollectionsResponse(collections=[pb.CollectionDescription(name=name) for name in names])

    async def _exists(self, request: pb.CollectionExistsRequest) -> Message:
        exists = self._collections.exists(request.collection_name)
        return pb.CollectionExistsResponse(result=pb.CollectionExists(exists=exists))

    async def _get(self, request: pb.GetCollectionInfoRequest) -> Message:
        answer = await self._collections.get(request.collection_name).call(FrameKind.CONTROL, [b"info"])
        return pb.GetCollectionInfoResponse.FromString(answer)

    async def _update(self, request: pb.UpdateCollection) -> Message:
        await self._collections.get(request.collection_name).update(request)
        return pb.CollectionOperationResponse(result=True)

    async def _change_aliases(self, request: pb.ChangeAliases) -> Message:
        await self._collections.change_aliases(request.actions)
        return pb.CollectionOperationResponse(result=True)

    async def _list_aliases(self, _request: pb.ListAliasesRequest) -> Message:
        return _aliases(self._collections.aliases.all())

    async def _list_collection_aliases(self, request: pb.ListCollectionAliasesRequest) -> Message:
        self._collections.get(request.collection_name)
        found = self._collections.aliases.all()
        return _aliases([(alias, name) for alias, name in found if name == request.collection_name])


def _aliases(found: list[tuple[str, str]]) -> pb.ListAliasesResponse:
    return pb.ListAliasesResponse(
        aliases=[pb.AliasDescription(alias_name=alias, collection_name=name) for alias, name in found]
    )


async def _timed(message: type[Message], work: Callable[[Any], Awaitable[Message]], request: bytes) -> bytes:
    started = time.perf_counter()
    asked = rpcs.parse(message, request)
    response: Any = None

    async def done() -> bytes:
        nonlocal response
        response = await work(asked)
        return b""

    await _within(getattr(asked, "timeout", 0), done())
    response.time = time.perf_counter() - started
    return _bytes(response)


def _bytes(message: Message) -> bytes:
    answer: bytes = message.SerializeToString()
    return answer
