"""A vector store in Qdrant, over its gRPC API.

The calls go through Qdrant's generated stubs. Its client converts every point through pydantic models on the event
loop (qdrant-client issues 615 and 1175), and takes a second and 60 MB to import. Collections and the ids of points are
those of ADR 0022.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import re
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

import grpc
from qdrant_client import grpc as q

from services.common.values import DocumentKind
from services.kit import context, errors, tracing
from services.kit.channels import service_config
from services.kit.concurrency import gather, give_way, map_in_turns
from services.retrieval.values.chunk import EVERYWHERE, Chunk, EmbeddedChunk, Filter, Hit, SparseVector

logger = logging.getLogger(__name__)

_VECTOR = "dense"
WORDS = "words"
"""The vector of a chunk's words."""
_INDEXED = {
    "owner_id": q.FieldType.FieldTypeKeyword,
    "document_id": q.FieldType.FieldTypeKeyword,
    "ordinal": q.FieldType.FieldTypeInteger,
    "document_kind": q.FieldType.FieldTypeKeyword,
    "page": q.FieldType.FieldTypeInteger,
    "last_page": q.FieldType.FieldTypeInteger,
}
_POINT_NAMESPACE = uuid.UUID("6f1d5f0e-5a37-5c0b-9a55-6b1c5b1f2e4d")
_FIELDS = tuple(field.name for field in fields(Chunk))
_OPTIONAL = frozenset(("heading_path", "page_starts", "origin", "gap"))
"""Fields that most chunks lack, and that no filter asks for: a point has those that say something."""
_READ = q.WithPayloadSelector(exclude=q.PayloadExcludeSelector(fields=["owner_id", "last_page"]))
"""What a chunk is made of: every field costs the embedded engine a microsecond a point."""
_KINDS = {kind.value: kind for kind in DocumentKind}
_BATCH_POINTS = 128
_BATCH_CHARACTERS = 500_000
"""At most 2 MB of UTF-8, half of the 4 MB that a gRPC server takes by default."""
_PARALLEL_CALLS = 8
_GIVE_WAY_SECONDS = 0.1
"""Most that a batch waits for questions: it takes an engine about as long."""
_PAGE_POINTS = 256
_LISTED_SECONDS = 1.0
"""Seconds for which a list of the collections serves searches."""
_MESSAGE_BYTES = 64 * 1024 * 1024


class QdrantVectorStore:
    """Chunks in Qdrant; every call is bounded by `timeout` seconds or what is left of the request's deadline."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str | None, timeout: float, prefix: str) -> None:
        self._points = q.PointsStub(channel)  # type: ignore[no-untyped-call]  # Generated without types.
        self._collections = q.CollectionsStub(channel)  # type: ignore[no-untyped-call]
        self._metadata = (("api-key", api_key),) if api_key else ()
        self._timeout = timeout
        self._prefix = prefix
        self._known: set[str] = set()
        self._with_words: set[str] = set()
        self._creating = asyncio.Lock()
        self._listed: list[str] = []
        self._listed_at = -math.inf

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, api_key: str | None = None, *, timeout: float = 30.0, prefix: str = "tiku_chunks"
    ) -> AsyncGenerator[Self, None]:
        """Open a store on `http(s)://host:grpc_port`; nothing is sent yet, so `ping` finds a server that is down."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the Qdrant address must be http(s)://host:grpc_port, not {url!r}")
        async with _channel(f"{parts.hostname}:{parts.port or 6334}", secure=parts.scheme == "https") as channel:
            yield cls(channel, api_key, timeout, prefix)

    async def upsert(self, model: str, owner: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """Store chunks in bounded batches; each is confirmed as searchable before the next is sent."""
        if not chunks:
            return
        dimension = len(chunks[0].vector)
        collection = self._collection(model, dimension)
        await self._ensure(collection, dimension)
        for batch in _batches(chunks):
            points = await map_in_turns(partial(_to_point, owner), batch, aside=True)
            request = q.UpsertPoints(collection_name=collection, wait=True, points=points)
            await give_way(_GIVE_WAY_SECONDS)
            try:
                await self._call(self._points.Upsert, request)
            except errors.NotFound:
                # Somebody else dropped the collection, for instance by a restore: make it again, once.
                self._known.discard(collection)
                self._with_words.discard(collection)
                await self._ensure(collection, dimension)
                await self._call(self._points.Upsert, request)

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove a document's chunks from every collection."""
        selector = q.PointsSelector(filter=_filter(owner, Filter((document_id,))))
        for collection in await self.collections():
            request = q.DeletePoints(collection_name=collection, wait=True, points=selector)
            await self._if_exists(self._call(self._points.Delete, request))

    async def search(self, model: str, vector: Sequence[float], owner: str, where: Filter, limit: int) -> list[Hit]:
        """Return the nearest chunks; a model under which nothing was stored finds nothing."""
        request = q.QueryPoints(
            collection_name=self._collection(model, len(vector)),
            query=q.Query(nearest=q.VectorInput(dense=q.DenseVector(data=vector))),
            using=_VECTOR,
            filter=_filter(owner, where),
            limit=limit,
            with_payload=_READ,
        )
        response = await self._if_exists(self._call(self._points.Query, request))
        if response is None:
            return []
        return [Hit(to_chunk(point), point.score) for point in response.result]

    async def search_words(self, words: SparseVector, owner: str, where: Filter, limit: int) -> list[Hit]:
        """Return the chunks of all collections, each weighed by the frequencies of the owner's chunks in its own.

        A server before 1.19 counts the chunks of every owner.
        """
        of_owner = q.SearchParams(idf=q.IdfParams(corpus=_filter(owner, EVERYWHERE)))

        async def search_in(collection: str) -> list[Hit]:
            if not await self.has_words(collection):
                return []
            request = q.QueryPoints(
                collection_name=collection,
                query=q.Query(nearest=q.VectorInput(sparse=sparse_message(words))),
                using=WORDS,
                filter=_filter(owner, where),
                params=of_owner,
                limit=limit,
                with_payload=_READ,
            )
            response = await self._if_exists(self._call(self._points.Query, request))
            return [Hit(to_chunk(point), point.score) for point in response.result] if response is not None else []

        found = await gather(map(search_in, await self._searched()), _PARALLEL_CALLS)
        best: dict[str, Hit] = {}
        for hit in sorted((hit for hits in found for hit in hits), key=lambda hit: (-hit.score, hit.chunk.chunk_id)):
            # A chunk that is stored under two models counts once, with its better score.
            best.setdefault(hit.chunk.chunk_id, hit)
        return list(best.values())[:limit]

    async def extents(self, owner: str, where: Filter) -> list[range]:
        """Return the ordinals of what is admitted, from the least to the greatest under any model."""
        collections = await self._searched()

        async def end_of(collection: str, document_id: str, direction: q.Direction.ValueType) -> int | None:
            request = q.ScrollPoints(
                collection_name=collection,
                filter=_filter(owner, replace(where, document_ids=(document_id,))),
                limit=1,
                order_by=q.OrderBy(key="ordinal", direction=direction),
                with_payload=q.WithPayloadSelector(include=q.PayloadIncludeSelector(fields=["ordinal"])),
            )
            response = await self._if_exists(self._call(self._points.Scroll, request))
            found = response.result if response is not None else ()
            return found[0].payload["ordinal"].integer_value if found else None

        async def extent_of(document_id: str) -> range:
            first = [await end_of(collection, document_id, q.Direction.Asc) for collection in collections]
            last = [await end_of(collection, document_id, q.Direction.Desc) for collection in collections]
            found = [end for end in (*first, *last) if end is not None]
            return range(min(found), max(found) + 1) if found else range(0)

        return await gather(map(extent_of, where.document_ids), _PARALLEL_CALLS)

    async def read(self, owner: str, positions: Mapping[str, Sequence[int]]) -> list[Chunk]:
        """Return chunks by position, in reading order."""
        collections = await self._searched()

        async def read_of(document_id: str, ordinals: Sequence[int]) -> list[Chunk]:
            chunks: dict[str, Chunk] = {}
            for collection in collections:
                request = q.ScrollPoints(
                    collection_name=collection,
                    filter=_filter(owner, Filter((document_id,)), ordinals),
                    limit=_PAGE_POINTS,
                    with_payload=_READ,
                )
                async for points in self._pages(request):
                    for chunk in map(to_chunk, points):
                        chunks.setdefault(chunk.chunk_id, chunk)
            return sorted(chunks.values(), key=lambda chunk: (chunk.ordinal, chunk.start))

        wanted = [read_of(document_id, ordinals) for document_id, ordinals in positions.items() if ordinals]
        return [chunk for chunks in await gather(wanted, _PARALLEL_CALLS) for chunk in chunks]

    async def get(self, owner: str, chunk_ids: Sequence[str]) -> list[Chunk]:
        """Return chunks by id, which their points' ids follow from: one call for each collection."""
        ids = [_point_id(owner, chunk_id) for chunk_id in dict.fromkeys(chunk_ids)]
        chunks: dict[str, Chunk] = {}

        async def get_from(collection: str) -> None:
            request = q.GetPoints(collection_name=collection, ids=ids, with_payload=_READ)
            response = await self._if_exists(self._call(self._points.Get, request))
            for point in response.result if response is not None else ():
                chunk = to_chunk(point)
                chunks.setdefault(chunk.chunk_id, chunk)

        if ids:
            await gather(map(get_from, await self._searched()), _PARALLEL_CALLS)
        return [chunks[id_] for id_ in dict.fromkeys(chunk_ids) if id_ in chunks]

    async def ping(self) -> None:
        """Return when Qdrant lists its collections, which also proves the API key."""
        await self.collections()

    async def collections(self) -> list[str]:
        """Return the names of the collections, one for each model and dimension."""
        response = await self._call(self._collections.List, q.ListCollectionsRequest())
        return sorted(c.name for c in response.collections if c.name.startswith(f"{self._prefix}_"))

    async def _searched(self) -> list[str]:
        """Return the names of the collections, as they were a second ago at most: a search need not wait for them.

        One that this store makes is among them at once. One that is gone is answered like one without chunks.
        """
        asked, known = time.monotonic(), len(self._known)
        if asked - self._listed_at <= _LISTED_SECONDS:
            return self._listed
        listed = await self.collections()
        # One that was made meanwhile may be missing.
        if len(self._known) == known:
            self._listed, self._listed_at = listed, asked
        return listed

    async def _pages(self, request: q.ScrollPoints) -> AsyncGenerator[Sequence[q.RetrievedPoint], None]:
        """Yield the points that a request finds, page by page; none where the collection is gone."""
        while response := await self._if_exists(self._call(self._points.Scroll, request)):
            yield response.result
            if not response.HasField("next_page_offset"):
                return
            request.offset.CopyFrom(response.next_page_offset)

    def _collection(self, model: str, dimension: int) -> str:
        # Names that differ only in what the slug drops ("a/b", "a-b") are kept apart by the digest.
        slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")[:48]
        digest = hashlib.blake2s(model.encode(), digest_size=4).hexdigest()
        return f"{self._prefix}_{slug}-{digest}_{dimension}"

    async def _ensure(self, collection: str, dimension: int) -> None:
        if collection in self._known:
            return
        async with self._creating:
            if collection in self._known:
                return
            if not await self._exists(collection):
                await self._create(collection, dimension)
            await self.add_words(collection)
            for field, kind in _INDEXED.items():
                request = q.CreateFieldIndexCollection(
                    collection_name=collection, wait=True, field_name=field, field_type=kind
                )
                await self._call(self._points.CreateFieldIndex, request)
            self._known.add(collection)
            self._listed_at = -math.inf

    async def _create(self, collection: str, dimension: int) -> None:
        params = q.VectorParams(size=dimension, distance=q.Distance.Cosine)
        request = q.CreateCollection(
            collection_name=collection,
            vectors_config=q.VectorsConfig(params_map=q.VectorParamsMap(map={_VECTOR: params})),
            sparse_vectors_config=q.SparseVectorConfig(map={WORDS: q.SparseVectorParams(modifier=q.Modifier.Idf)}),
        )
        try:
            await self._call(self._collections.Create, request)
        except errors.TikuError:
            # Servers of different versions refuse a second create with different statuses: what counts is
            # whether another process has made it in the meantime.
            if not await self._exists(collection):
                raise

    async def has_words(self, collection: str) -> bool:
        """Return whether the chunks of a collection can have words; one from before there were words has no room."""
        if collection not in self._with_words:
            request = q.GetCollectionInfoRequest(collection_name=collection)
            response = await self._if_exists(self._call(self._collections.Get, request))
            if response is None or WORDS not in response.result.config.params.sparse_vectors_config.map:
                return False
            self._with_words.add(collection)
        return True

    async def add_words(self, collection: str) -> None:
        """Make room for words in a collection that has none; what is stored stays as it is."""
        if await self.has_words(collection):
            return
        config = q.SparseVectorCreationConfig(modifier=q.Modifier.Idf)
        request = q.CreateVectorNameRequest(
            collection_name=collection, wait=True, vector_name=WORDS, sparse_config=config
        )
        try:
            await self._call(self._points.CreateVectorName, request)
        except errors.TikuError:
            # As in `_create`: what counts is whether it is there now.
            if not await self.has_words(collection):
                raise

    async def _exists(self, collection: str) -> bool:
        request = q.CollectionExistsRequest(collection_name=collection)
        response = await self._call(self._collections.CollectionExists, request)
        return bool(response.result.exists)

    async def _call(self, method: Callable[..., Awaitable[Any]], request: Any) -> Any:
        timeout = context.time_for(self._timeout)
        try:
            with _span(request):
                return await method(request, timeout=timeout, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error

    async def _if_exists(self, call: Awaitable[Any]) -> Any:
        """Await a call on a collection; return None when the collection does not exist."""
        try:
            return await call
        except errors.NotFound:
            return None


def _span(request: Any) -> tracing.Span:
    """Begin the span of a call."""
    if not tracing.on():
        return tracing.span("")
    operation = request.DESCRIPTOR.name
    attributes = {"db.system.name": "qdrant", "db.operation.name": operation}
    if collection := getattr(request, "collection_name", ""):
        attributes["db.collection.name"] = collection
    return tracing.span(f"qdrant {operation}", "CLIENT", attributes)


def _channel(target: str, *, secure: bool) -> grpc.aio.Channel:
    options = [
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MESSAGE_BYTES),
        # Without these, a restarted server would be ignored for up to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        ("grpc.min_reconnect_backoff_ms", 3000),
        ("grpc.dns_min_time_between_resolutions_ms", 1000),
        # Every call of this store may be repeated.
        ("grpc.service_config", service_config([""])),
    ]
    if secure:
        return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options)
    return grpc.aio.insecure_channel(target, options)


def _translated(error: grpc.aio.AioRpcError) -> errors.TikuError:
    match error.code():
        case grpc.StatusCode.NOT_FOUND:
            return errors.NotFound("The vector store has no such collection.")
        case grpc.StatusCode.UNAVAILABLE:
            message = "The vector store does not answer."
            return errors.Unavailable(message, reason="VECTOR_STORE_UNAVAILABLE", retry_after=1.0)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return errors.DeadlineExceeded("The vector store did not answer in time.", reason="VECTOR_STORE_TIMEOUT")
        case grpc.StatusCode.DATA_LOSS:
            logger.error("the vector store is damaged", extra={"error": error.details()})
            message = "Stored vectors are damaged: the log of the vector store says which, and what can be done."
            return errors.DataLoss(message, reason="VECTOR_STORE_DAMAGED")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return errors.disk_full() if errors.DISK_FULL in (error.details() or "") else _busy(error)
        case _:
            return errors.Internal("The vector store failed.", reason="VECTOR_STORE_FAILED")


def _busy(error: grpc.aio.AioRpcError) -> errors.TikuError:
    metadata: Any = error.trailing_metadata()
    asked = next((str(value) for key, value in metadata or () if key == "retry-after"), "")
    seconds = float(asked) if asked.isdecimal() else 1.0
    return errors.ResourceExhausted("The vector store is busy.", reason="VECTOR_STORE_BUSY", retry_after=seconds)


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


def matching(key: str, **values: Any) -> q.Condition:
    """Return the condition that a field of the payload is one of these, in the terms of Qdrant's `Match`."""
    return q.Condition(field=q.FieldCondition(key=key, match=q.Match(**values)))


def _filter(owner: str, where: Filter, ordinals: Sequence[int] = ()) -> q.Filter:
    conditions = [matching("owner_id", keyword=owner)]
    if len(where.document_ids) == 1:
        conditions.append(matching("document_id", keyword=where.document_ids[0]))
    elif where.document_ids:
        conditions.append(matching("document_id", keywords=q.RepeatedStrings(strings=where.document_ids)))
    if where.kinds:
        conditions.append(matching("document_kind", keywords=q.RepeatedStrings(strings=where.kinds)))
    if where.min_page:
        conditions.append(_within("last_page", gte=where.min_page))
    if where.max_page:
        conditions.append(_within("page", gte=1, lte=where.max_page))
    if ordinals:
        conditions.append(matching("ordinal", integers=q.RepeatedIntegers(integers=ordinals)))
    return q.Filter(must=conditions)


def _within(key: str, **bounds: float) -> q.Condition:
    return q.Condition(field=q.FieldCondition(key=key, range=q.Range(**bounds)))


def _to_point(owner: str, embedded: EmbeddedChunk) -> q.PointStruct:
    # Filled in place: a message that is put into another is copied, and a point is 40 of them.
    chunk = embedded.chunk
    point = q.PointStruct(id=_point_id(owner, chunk.chunk_id))
    vectors = point.vectors.vectors.vectors
    vectors[_VECTOR].dense.data.extend(embedded.vector)
    vectors[WORDS].sparse.indices.extend(embedded.words.indices)
    vectors[WORDS].sparse.values.extend(embedded.words.values)
    _put(point.payload["owner_id"], owner)
    _put(point.payload["last_page"], chunk.last_page)
    for name in _FIELDS:
        value = getattr(chunk, name)
        if value or name not in _OPTIONAL:
            _put(point.payload[name], value)
    return point


def _point_id(owner: str, chunk_id: str) -> q.PointId:
    return q.PointId(uuid=str(uuid.uuid5(_POINT_NAMESPACE, f"{owner}\x00{chunk_id}")))


def to_value(value: str | int | Sequence[str | int] | None) -> q.Value:
    """Return a field of a payload as Qdrant's message."""
    message = q.Value()
    _put(message, value)
    return message


def _put(message: q.Value, value: str | int | Sequence[str | int] | None) -> None:
    if value is None:
        message.null_value = q.NULL_VALUE
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, int):
        message.integer_value = value
    else:
        message.list_value.SetInParent()
        for item in value:
            _put(message.list_value.values.add(), item)


def sparse_message(vector: SparseVector) -> q.SparseVector:
    """Return a sparse vector as Qdrant's message."""
    return q.SparseVector(indices=vector.indices, values=vector.values)


class _StoredChunk(Chunk):
    """A chunk that reads most of its fields when somebody first asks for one of them.

    Legs find some tens of chunks for each that is shown: of the others, the id and the text are enough.
    """

    __slots__ = ("_payload",)

    def __getattr__(self, name: str) -> Any:
        """Read what is not there yet; the interpreter asks here for a slot that is empty."""
        if name not in _FIELDS:
            raise AttributeError(name)
        for field, value in _read(self._payload):
            object.__setattr__(self, field, value)
        return object.__getattribute__(self, name)

    def __eq__(self, other: object) -> bool:
        if type(other) not in (Chunk, _StoredChunk):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _FIELDS)

    __hash__ = Chunk.__hash__


def to_chunk(point: q.RetrievedPoint | q.ScoredPoint) -> Chunk:
    """Return the chunk that a point holds."""
    payload = point.payload
    chunk = object.__new__(_StoredChunk)
    object.__setattr__(chunk, "chunk_id", payload["chunk_id"].string_value)
    object.__setattr__(chunk, "text", payload["text"].string_value)
    object.__setattr__(chunk, "_payload", payload)
    return chunk


def _read(payload: Mapping[str, q.Value]) -> Iterator[tuple[str, Any]]:
    """Yield the other fields of a chunk."""
    for name in ("document_id", "document_name"):
        yield name, payload[name].string_value
    for name in ("ordinal", "page", "start", "end"):
        yield name, payload[name].integer_value
    # Points that were stored before these fields have none.
    page_starts = payload["page_starts"].list_value.values if "page_starts" in payload else ()
    yield "page_starts", tuple([value.integer_value for value in page_starts])
    yield "heading_path", tuple([value.string_value for value in payload["heading_path"].list_value.values])
    kind = payload["document_kind"].string_value if "document_kind" in payload else DocumentKind.MATERIAL
    yield "document_kind", _KINDS[kind]
    yield "gap", payload["gap"].string_value if "gap" in payload else ""
    yield "origin", None
