"""A vector store in Qdrant, over its gRPC API.

`AsyncQdrantClient` holds the connections, the API key and TLS; the calls go through its generated stubs, because
its own methods convert every point through pydantic models on the event loop (qdrant-client issues 615 and 1175).
Importing the client costs about 60 MB of resident memory; the whole service takes 118 MB with it, below its limit
of 150, so the stock client is kept.

One collection holds the vectors of one model at one dimension. A point's id is derived from its owner and its
chunk id, so that no owner can ever replace another's point, whatever ids a request carries.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import uuid
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn, Self, TypeVar
from urllib.parse import urlsplit

import grpc
from qdrant_client import AsyncQdrantClient
from qdrant_client import grpc as q
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse

from services.kit import context, errors
from services.retrieval.values.chunk import Chunk, EmbeddedChunk, Hit

_VECTOR = "dense"
_POINT_NAMESPACE = uuid.UUID("6f1d5f0e-5a37-5c0b-9a55-6b1c5b1f2e4d")
_BATCH_POINTS = 128
_BATCH_CHARACTERS = 500_000
"""At most 2 MB of UTF-8, half of the 4 MB that a gRPC server takes by default."""
_YIELD_EVERY = 16
"""Points made between two turns of the loop; about 1 ms."""
_PARALLEL_CALLS = 8
_PAGE_POINTS = 256
_MESSAGE_BYTES = 64 * 1024 * 1024

_T = TypeVar("_T")


class QdrantVectorStore:
    """Chunks in Qdrant; every call is bounded by `timeout` seconds or what is left of the request's deadline."""

    def __init__(self, client: AsyncQdrantClient, *, timeout: float = 30.0, prefix: str = "tiku_chunks") -> None:
        self._client = client
        self._timeout = timeout
        self._prefix = prefix
        self._known: set[str] = set()
        self._creating = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, api_key: str | None = None, *, timeout: float = 30.0, prefix: str = "tiku_chunks"
    ) -> AsyncGenerator[Self, None]:
        """Open a store on `url` (`http(s)://host:grpc_port`) and close its connections at the end.

        Nothing is sent yet: `ping` finds a server that is down.

        Raises:
            ValueError: the address is not one.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the Qdrant address must be http(s)://host:grpc_port, not {url!r}")
        client = await asyncio.to_thread(_client, parts.hostname, parts.port or 6334, parts.scheme == "https", api_key)
        try:
            yield cls(client, timeout=timeout, prefix=prefix)
        finally:
            await client.close()

    async def upsert(self, model: str, owner: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """Store chunks in bounded batches; each is confirmed as searchable before the next is sent."""
        if not chunks:
            return
        dimension = len(chunks[0].vector)
        collection = self._collection(model, dimension)
        await self._ensure(collection, dimension)
        for batch in _batches(chunks):
            request = q.UpsertPoints(collection_name=collection, wait=True)
            for position, embedded in enumerate(batch):
                request.points.append(_to_point(owner, embedded))
                if position % _YIELD_EVERY == _YIELD_EVERY - 1:
                    await asyncio.sleep(0)
            try:
                await self._call(self._client.grpc_points.Upsert, request)
            except errors.NotFound:
                # Somebody else dropped the collection, for instance by a restore: make it again, once.
                self._known.discard(collection)
                await self._ensure(collection, dimension)
                await self._call(self._client.grpc_points.Upsert, request)

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove a document's chunks from every collection."""
        selector = q.PointsSelector(filter=_filter(owner, [document_id]))
        for collection in await self._collections():
            request = q.DeletePoints(collection_name=collection, wait=True, points=selector)
            await self._if_exists(self._call(self._client.grpc_points.Delete, request))

    async def search(
        self, model: str, vector: Sequence[float], owner: str, document_ids: Sequence[str], limit: int
    ) -> list[Hit]:
        """Return the nearest chunks; a model under which nothing was stored finds nothing."""
        request = q.QueryPoints(
            collection_name=self._collection(model, len(vector)),
            query=q.Query(nearest=q.VectorInput(dense=q.DenseVector(data=vector))),
            using=_VECTOR,
            filter=_filter(owner, document_ids),
            limit=limit,
            with_payload=q.WithPayloadSelector(enable=True),
        )
        response = await self._if_exists(self._call(self._client.grpc_points.Query, request))
        if response is None:
            return []
        return [Hit(_to_chunk(point.payload), point.score) for point in response.result]

    async def count(self, owner: str, document_ids: Sequence[str]) -> list[int]:
        """Return how many chunks each document has; one under two models counts once."""
        collections = await self._collections()

        async def count_of(document_id: str) -> int:
            counts = [0]
            for collection in collections:
                request = q.CountPoints(collection_name=collection, filter=_filter(owner, [document_id]), exact=True)
                response = await self._if_exists(self._call(self._client.grpc_points.Count, request))
                counts.append(response.result.count if response is not None else 0)
            # A document that was embedded by two models has the same chunks twice, not twice the chunks.
            return max(counts)

        return await _gather([count_of(document_id) for document_id in document_ids])

    async def read(self, owner: str, positions: Mapping[str, Sequence[int]]) -> list[Chunk]:
        """Return chunks by position, in reading order."""
        collections = await self._collections()

        async def read_of(document_id: str, ordinals: Sequence[int]) -> list[Chunk]:
            chunks: dict[str, Chunk] = {}
            for collection in collections:
                async for chunk in self._scroll(collection, _filter(owner, [document_id], ordinals)):
                    chunks.setdefault(chunk.chunk_id, chunk)
            return sorted(chunks.values(), key=lambda chunk: (chunk.ordinal, chunk.start))

        wanted = [read_of(document_id, ordinals) for document_id, ordinals in positions.items() if ordinals]
        return [chunk for chunks in await _gather(wanted) for chunk in chunks]

    async def ping(self) -> None:
        """Return when Qdrant lists its collections, which also proves the API key."""
        await self._collections()

    async def _scroll(self, collection: str, selection: q.Filter) -> AsyncGenerator[Chunk, None]:
        offset: q.PointId | None = None
        while True:
            request = q.ScrollPoints(
                collection_name=collection,
                filter=selection,
                limit=_PAGE_POINTS,
                offset=offset,
                with_payload=q.WithPayloadSelector(enable=True),
            )
            response = await self._if_exists(self._call(self._client.grpc_points.Scroll, request))
            if response is None:
                return
            for point in response.result:
                yield _to_chunk(point.payload)
            if not response.HasField("next_page_offset"):
                return
            offset = response.next_page_offset

    def _collection(self, model: str, dimension: int) -> str:
        # Names that differ only in what the slug drops ("a/b", "a-b") are kept apart by the digest.
        slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")[:48]
        digest = hashlib.blake2s(model.encode(), digest_size=4).hexdigest()
        return f"{self._prefix}_{slug}-{digest}_{dimension}"

    async def _collections(self) -> list[str]:
        response = await self._call(self._client.grpc_collections.List, q.ListCollectionsRequest())
        return sorted(c.name for c in response.collections if c.name.startswith(f"{self._prefix}_"))

    async def _ensure(self, collection: str, dimension: int) -> None:
        if collection in self._known:
            return
        async with self._creating:
            if collection in self._known:
                return
            if not await self._exists(collection):
                await self._create(collection, dimension)
            for field, kind in (
                ("owner_id", q.FieldType.FieldTypeKeyword),
                ("document_id", q.FieldType.FieldTypeKeyword),
                ("ordinal", q.FieldType.FieldTypeInteger),
            ):
                await self._call(
                    self._client.grpc_points.CreateFieldIndex,
                    q.CreateFieldIndexCollection(
                        collection_name=collection, wait=True, field_name=field, field_type=kind
                    ),
                )
            self._known.add(collection)

    async def _create(self, collection: str, dimension: int) -> None:
        params = q.VectorParams(size=dimension, distance=q.Distance.Cosine)
        request = q.CreateCollection(
            collection_name=collection,
            vectors_config=q.VectorsConfig(params_map=q.VectorParamsMap(map={_VECTOR: params})),
        )
        try:
            await self._call(self._client.grpc_collections.Create, request)
        except errors.TikuError:
            # Servers of different versions refuse a second create with different statuses: what counts is
            # whether another process has made it in the meantime.
            if not await self._exists(collection):
                raise

    async def _exists(self, collection: str) -> bool:
        request = q.CollectionExistsRequest(collection_name=collection)
        response = await self._call(self._client.grpc_collections.CollectionExists, request)
        return bool(response.result.exists)

    async def _call(self, method: Callable[..., Awaitable[Any]], request: Any) -> Any:
        remaining = context.remaining()
        timeout = self._timeout if remaining is None else min(self._timeout, remaining)
        if timeout <= 0:
            raise errors.DeadlineExceeded("The time for this request ran out before the vector store was asked.")
        try:
            return await method(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            _raise_translated(error)
        except ResourceExhaustedResponse as error:
            raise errors.ResourceExhausted(
                "The vector store is busy.", reason="VECTOR_STORE_BUSY", retry_after=error.retry_after_s
            ) from error

    async def _if_exists(self, call: Awaitable[Any]) -> Any:
        """Await a call on a collection; return None when the collection does not exist."""
        try:
            return await call
        except errors.NotFound:
            return None


def _client(host: str, port: int, https: bool, api_key: str | None) -> AsyncQdrantClient:
    # Every call of this store may be repeated, so the channel may retry; without a limit on the back-off a
    # restarted server would be ignored for up to two minutes.
    retry = {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    options = {
        "grpc.max_receive_message_length": _MESSAGE_BYTES,
        "grpc.max_send_message_length": _MESSAGE_BYTES,
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 1000,
        "grpc.min_reconnect_backoff_ms": 3000,
        "grpc.dns_min_time_between_resolutions_ms": 1000,
        "grpc.service_config": json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": retry}]}),
    }
    with warnings.catch_warnings():
        # A key over plain HTTP is the operator's choice inside a private network.
        warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        return AsyncQdrantClient(
            host=host,
            grpc_port=port,
            https=https,
            api_key=api_key,
            prefer_grpc=True,
            check_compatibility=False,
            pool_size=1,
            grpc_options=options,
        )


def _raise_translated(error: grpc.aio.AioRpcError) -> NoReturn:
    match error.code():
        case grpc.StatusCode.NOT_FOUND:
            raise errors.NotFound("The vector store has no such collection.") from error
        case grpc.StatusCode.UNAVAILABLE:
            raise errors.Unavailable(
                "The vector store does not answer.", reason="VECTOR_STORE_UNAVAILABLE", retry_after=1.0
            ) from error
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            raise errors.DeadlineExceeded(
                "The vector store did not answer in time.", reason="VECTOR_STORE_TIMEOUT"
            ) from error
        case grpc.StatusCode.RESOURCE_EXHAUSTED if errors.DISK_FULL in (error.details() or ""):
            raise errors.disk_full() from error
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise errors.ResourceExhausted(
                "The vector store is busy.", reason="VECTOR_STORE_BUSY", retry_after=1.0
            ) from error
        case _:
            raise errors.Internal("The vector store failed.", reason="VECTOR_STORE_FAILED") from error


def _batches(chunks: Sequence[EmbeddedChunk]) -> Iterator[list[EmbeddedChunk]]:
    batch: list[EmbeddedChunk] = []
    characters = 0
    for embedded in chunks:
        size = len(embedded.chunk.text)
        if batch and (len(batch) == _BATCH_POINTS or characters + size > _BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(embedded)
        characters += size
    if batch:
        yield batch


async def _gather(calls: Sequence[Awaitable[_T]]) -> list[_T]:
    slots = asyncio.Semaphore(_PARALLEL_CALLS)

    async def run(call: Awaitable[_T]) -> _T:
        async with slots:
            return await call

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(call)) for call in calls]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return [task.result() for task in tasks]


def _keyword(key: str, values: Sequence[str]) -> q.Condition:
    match = q.Match(keyword=values[0]) if len(values) == 1 else q.Match(keywords=q.RepeatedStrings(strings=values))
    return q.Condition(field=q.FieldCondition(key=key, match=match))


def _filter(owner: str, document_ids: Sequence[str], ordinals: Sequence[int] = ()) -> q.Filter:
    conditions = [_keyword("owner_id", [owner])]
    if document_ids:
        conditions.append(_keyword("document_id", document_ids))
    if ordinals:
        match = q.Match(integers=q.RepeatedIntegers(integers=ordinals))
        conditions.append(q.Condition(field=q.FieldCondition(key="ordinal", match=match)))
    return q.Filter(must=conditions)


def _to_point(owner: str, embedded: EmbeddedChunk) -> q.PointStruct:
    chunk = embedded.chunk
    vector = q.Vector(dense=q.DenseVector(data=embedded.vector))
    headings = q.ListValue(values=[q.Value(string_value=heading) for heading in chunk.heading_path])
    page_starts = q.ListValue(values=[q.Value(integer_value=offset) for offset in chunk.page_starts])
    return q.PointStruct(
        id=q.PointId(uuid=str(uuid.uuid5(_POINT_NAMESPACE, f"{owner}\x00{chunk.chunk_id}"))),
        vectors=q.Vectors(vectors=q.NamedVectors(vectors={_VECTOR: vector})),
        payload={
            "owner_id": q.Value(string_value=owner),
            "chunk_id": q.Value(string_value=chunk.chunk_id),
            "document_id": q.Value(string_value=chunk.document_id),
            "document_name": q.Value(string_value=chunk.document_name),
            "ordinal": q.Value(integer_value=chunk.ordinal),
            "text": q.Value(string_value=chunk.text),
            "page": q.Value(integer_value=chunk.page),
            "start": q.Value(integer_value=chunk.start),
            "end": q.Value(integer_value=chunk.end),
            "heading_path": q.Value(list_value=headings),
            "page_starts": q.Value(list_value=page_starts),
        },
    )


def _to_chunk(payload: Mapping[str, q.Value]) -> Chunk:
    return Chunk(
        chunk_id=payload["chunk_id"].string_value,
        document_id=payload["document_id"].string_value,
        document_name=payload["document_name"].string_value,
        ordinal=payload["ordinal"].integer_value,
        text=payload["text"].string_value,
        page=payload["page"].integer_value,
        start=payload["start"].integer_value,
        end=payload["end"].integer_value,
        heading_path=tuple(v.string_value for v in payload["heading_path"].list_value.values),
        # Points that were stored before this field have none.
        page_starts=tuple(v.integer_value for v in payload["page_starts"].list_value.values)
        if "page_starts" in payload
        else (),
    )
