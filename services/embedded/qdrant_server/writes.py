"""The writes of Qdrant's API as Edge's operations.

Each is a generator that yields between slices of a few milliseconds, so that reads can be served meanwhile, and returns
the operations. It has checked the whole request by then: a request is applied as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.conversion import payload, point, point_id, vectors
from services.embedded.qdrant_server.errors import not_served, serve_only, wrong_input
from services.embedded.qdrant_server.filters import filter_, optional_filter
from services.embedded.qdrant_server.indexes import create_index
from services.embedded.qdrant_server.schema import VectorSchema, added_params, dense

_UPDATE_MODES = {
    pb.UpdateMode.Upsert: edge.UpdateMode.Upsert,
    pb.UpdateMode.InsertOnly: edge.UpdateMode.InsertOnly,
    pb.UpdateMode.UpdateOnly: edge.UpdateMode.UpdateOnly,
}


_SLICE, _SLICE_BYTES = 8, 64 * 1024
"""What is translated in one go: at most so many points, 1.5 ms at 384 dimensions, and not much more than so many bytes.
A read waits for the end of it."""
_CHUNK, _CHUNK_BYTES = 16, 64 * 1024
"""The same for one operation of Edge, which holds the GIL for about 100 µs a point, in pieces of any size."""
_WRITE = ("collection_name", "wait", "ordering", "timeout")


@dataclass(frozen=True, slots=True)
class Change:
    """An operation of Edge, and how many points it concerns as far as that is known beforehand."""

    operation: edge.UpdateOperation
    points: int = 1


Changes = Generator[None, None, list[Change]]


def upsert(schema: VectorSchema, message: Any) -> Changes:
    """Store points."""
    mode = _UPDATE_MODES[message.update_mode] if message.HasField("update_mode") else None
    condition = optional_filter(message, "update_filter")
    return _chunked(
        message.points,
        lambda item: point(item, schema.check, schema.limited),
        lambda chunk: edge.UpdateOperation.upsert_points(chunk, condition, mode),
    )


def update_vectors(schema: VectorSchema, message: Any) -> Changes:
    """Replace the named vectors of points."""
    condition = optional_filter(message, "update_filter")

    def changed(item: Any) -> edge.PointVectors:
        given, identity = vectors(item.vectors), point_id(item.id)
        schema.check(identity, given)
        return edge.PointVectors(identity, given)

    return _chunked(message.points, changed, lambda chunk: edge.UpdateOperation.update_vectors(chunk, condition))


def _selected(
    selector: pb.PointsSelector,
    by_ids: Callable[..., edge.UpdateOperation],
    by_filter: Callable[..., edge.UpdateOperation],
    *arguments: Any,
) -> Changes:
    yield
    kind = selector.WhichOneof("points_selector_one_of")
    if kind == "points":
        return (yield from _chunked(selector.points.ids, point_id, lambda chunk: by_ids(chunk, *arguments)))
    if kind == "filter":
        return [Change(by_filter(filter_(selector.filter), *arguments))]
    raise wrong_input("PointsSelector: neither points nor filter is set")


def _chunked(
    items: Sequence[Any], translate: Callable[[Any], Any], operation: Callable[[list[Any]], edge.UpdateOperation]
) -> Changes:
    """Return operations on the translated items, each on some of them."""
    changes: list[Change] = []
    chunk: list[Any] = []
    sliced = size = 0
    for number, item in enumerate(items, 1):
        chunk.append(translate(item))
        size += item.ByteSize()
        if len(chunk) >= _CHUNK or size >= _CHUNK_BYTES:
            changes.append(Change(operation(chunk), len(chunk)))
            chunk, size = [], 0
        sliced += item.ByteSize()
        if number % _SLICE == 0 or sliced >= _SLICE_BYTES:
            sliced = 0
            yield
    if chunk or not changes:
        changes.append(Change(operation(chunk), len(chunk)))
    return changes


def _delete(selector: pb.PointsSelector) -> Changes:
    return _selected(selector, edge.UpdateOperation.delete_points, edge.UpdateOperation.delete_points_by_filter)


def _delete_vectors(message: Any) -> Changes:
    by_ids, by_filter = edge.UpdateOperation.delete_vectors, edge.UpdateOperation.delete_vectors_by_filter
    return _selected(message.points_selector, by_ids, by_filter, list(message.vectors.names))


def _set_payload(schema: VectorSchema, message: Any) -> Changes:
    by_ids, by_filter = edge.UpdateOperation.set_payload, edge.UpdateOperation.set_payload_by_filter
    return _selected(message.points_selector, by_ids, by_filter, *_payload_and_key(schema, message))


def _overwrite_payload(schema: VectorSchema, message: Any) -> Changes:
    by_ids, by_filter = edge.UpdateOperation.overwrite_payload, edge.UpdateOperation.overwrite_payload_by_filter
    return _selected(message.points_selector, by_ids, by_filter, *_payload_and_key(schema, message))


def _delete_payload(message: Any) -> Changes:
    by_ids, by_filter = edge.UpdateOperation.delete_payload, edge.UpdateOperation.delete_payload_by_filter
    return _selected(message.points_selector, by_ids, by_filter, list(message.keys))


def _clear_payload(selector: pb.PointsSelector) -> Changes:
    return _selected(selector, edge.UpdateOperation.clear_payload, edge.UpdateOperation.clear_payload_by_filter)


def _payload_and_key(schema: VectorSchema, message: Any) -> tuple[dict[str, Any], str | None]:
    return payload(message.payload, schema.limited), message.key if message.HasField("key") else None


def _one(operation: edge.UpdateOperation) -> Changes:
    yield
    return [Change(operation)]


def _create_vector(schema: VectorSchema, message: pb.CreateVectorNameRequest) -> Changes:
    yield
    kind, name = message.WhichOneof("vector_config"), message.vector_name
    if kind is None:
        raise wrong_input("CreateVectorNameRequest: neither dense_config nor sparse_config is set")
    if not name or name in (schema.dimensions if kind == "sparse_config" else schema.sparse):
        raise wrong_input(f"vector_name: {name!r} is empty or the name of a vector of another kind")
    if kind == "sparse_config":
        serve_only(message.sparse_config, ("modifier",))
        modifier = edge.Modifier.Idf if message.sparse_config.modifier == pb.Modifier.Idf else None
        return [Change(edge.UpdateOperation.create_sparse_vector(name, modifier))]
    if "" in schema.dimensions:
        raise not_served("CreateVectorNameRequest.dense_config beside a vector without a name")
    made = dense(name, added_params(message.dense_config))
    return [
        Change(
            edge.UpdateOperation.create_dense_vector(
                name, made.size, made.distance, made.multivector_config, made.datatype
            )
        )
    ]


def _delete_vector(schema: VectorSchema, message: pb.DeleteVectorNameRequest) -> Changes:
    yield
    name = message.vector_name
    if not name:
        raise wrong_input("vector_name: must not be empty")
    if not {*schema.dimensions, *schema.sparse} - {name}:
        raise not_served("DeleteVectorNameRequest of the last vector")
    return [Change(edge.UpdateOperation.delete_vector_name(name))]


def _batch(schema: VectorSchema, message: pb.UpdateBatchPoints) -> Changes:
    changes: list[Change] = []
    for item in message.operations:
        kind = item.WhichOneof("operation")
        if kind is None:
            raise wrong_input("PointsUpdateOperation: no operation is set")
        asked: Any = getattr(item, kind)
        if any(field.name == "shard_key_selector" for field, _ in asked.ListFields()):
            raise not_served(f"{asked.DESCRIPTOR.name}.shard_key_selector")
        changes += yield from _OPERATIONS[kind](schema, asked)
    return changes


_OPERATIONS: Mapping[str, Callable[[VectorSchema, Any], Changes]] = {
    "upsert": upsert,
    "set_payload": _set_payload,
    "overwrite_payload": _overwrite_payload,
    "delete_payload": lambda _, asked: _delete_payload(asked),
    "clear_payload": lambda _, asked: _clear_payload(asked.points),
    "clear_payload_deprecated": lambda _, asked: _clear_payload(asked),
    "delete_points": lambda _, asked: _delete(asked.points),
    "delete_deprecated": lambda _, asked: _delete(asked),
    "update_vectors": update_vectors,
    "delete_vectors": lambda _, asked: _delete_vectors(asked),
}
"""The operations of a batch."""


@dataclass(frozen=True, slots=True)
class Write:
    """An RPC that changes points: the fields that it serves, and how its request becomes operations."""

    fields: tuple[str, ...]
    changes: Callable[[VectorSchema, Any], Changes]


WRITES: Mapping[str, Write] = {
    "Upsert": Write(("points", "update_filter", "update_mode"), upsert),
    "Delete": Write(("points",), lambda _, asked: _delete(asked.points)),
    "UpdateVectors": Write(("points", "update_filter"), update_vectors),
    "DeleteVectors": Write(("points_selector", "vectors"), lambda _, asked: _delete_vectors(asked)),
    "SetPayload": Write(("payload", "points_selector", "key"), _set_payload),
    "OverwritePayload": Write(("payload", "points_selector", "key"), _overwrite_payload),
    "DeletePayload": Write(("keys", "points_selector"), lambda _, asked: _delete_payload(asked)),
    "ClearPayload": Write(("points",), lambda _, asked: _clear_payload(asked.points)),
    "CreateFieldIndex": Write(
        ("field_name", "field_type", "field_index_params"), lambda _, asked: _one(create_index(asked))
    ),
    "DeleteFieldIndex": Write(
        ("field_name",), lambda _, asked: _one(edge.UpdateOperation.delete_field_index(asked.field_name))
    ),
    "UpdateBatch": Write(("operations",), _batch),
    "CreateVectorName": Write(("vector_name", "sparse_config", "dense_config"), _create_vector),
    "DeleteVectorName": Write(("vector_name",), _delete_vector),
}


def changes(rpc: str, schema: VectorSchema, message: Any) -> Changes:
    """Return the operations of a request.

    Raises:
        QdrantError: the request is wrong, or asks for something that is not served.
    """
    write = WRITES[rpc]
    serve_only(message, (*_WRITE, *write.fields))
    return (yield from write.changes(schema, message))
