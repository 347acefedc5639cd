"""The writes of Qdrant's API on one collection. Each returns the number of its operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.collections import Collection
from services.embedded.qdrant_server.conversion import payload, point, point_id, vectors
from services.embedded.qdrant_server.errors import not_served, wrong_input
from services.embedded.qdrant_server.filters import filter_, optional_filter

_UPDATE_MODES = {
    pb.UpdateMode.Upsert: edge.UpdateMode.Upsert,
    pb.UpdateMode.InsertOnly: edge.UpdateMode.InsertOnly,
    pb.UpdateMode.UpdateOnly: edge.UpdateMode.UpdateOnly,
}


def upsert(collection: Collection, message: Any) -> int:
    """Store points, all or none."""
    points = [point(item, collection.schema.check) for item in message.points]
    mode = _UPDATE_MODES[message.update_mode] if message.HasField("update_mode") else None
    operation = edge.UpdateOperation.upsert_points(points, optional_filter(message, "update_filter"), mode)
    return collection.update(operation, len(points))


def delete(collection: Collection, selector: pb.PointsSelector) -> int:
    """Delete points."""
    by_ids, by_filter = edge.UpdateOperation.delete_points, edge.UpdateOperation.delete_points_by_filter
    return _update_selected(collection, selector, by_ids, by_filter)


def update_vectors(collection: Collection, message: Any) -> int:
    """Replace the named vectors of points."""
    changed: list[edge.PointVectors] = []
    for item in message.points:
        given = vectors(item.vectors)
        collection.schema.check(given)
        changed.append(edge.PointVectors(point_id(item.id), given))
    operation = edge.UpdateOperation.update_vectors(changed, optional_filter(message, "update_filter"))
    return collection.update(operation, len(changed))


def delete_vectors(collection: Collection, selector: pb.PointsSelector, names: list[str]) -> int:
    """Delete the named vectors of points."""
    by_ids, by_filter = edge.UpdateOperation.delete_vectors, edge.UpdateOperation.delete_vectors_by_filter
    return _update_selected(collection, selector, by_ids, by_filter, names)


def set_payload(collection: Collection, message: Any) -> int:
    """Merge fields into the payload of points."""
    by_ids, by_filter = edge.UpdateOperation.set_payload, edge.UpdateOperation.set_payload_by_filter
    return _update_selected(collection, message.points_selector, by_ids, by_filter, *_payload_and_key(message))


def overwrite_payload(collection: Collection, message: Any) -> int:
    """Replace the payload of points."""
    by_ids, by_filter = edge.UpdateOperation.overwrite_payload, edge.UpdateOperation.overwrite_payload_by_filter
    return _update_selected(collection, message.points_selector, by_ids, by_filter, *_payload_and_key(message))


def delete_payload(collection: Collection, message: Any) -> int:
    """Remove fields from the payload of points."""
    by_ids, by_filter = edge.UpdateOperation.delete_payload, edge.UpdateOperation.delete_payload_by_filter
    return _update_selected(collection, message.points_selector, by_ids, by_filter, list(message.keys))


def clear_payload(collection: Collection, selector: pb.PointsSelector) -> int:
    """Remove the whole payload of points."""
    by_ids, by_filter = edge.UpdateOperation.clear_payload, edge.UpdateOperation.clear_payload_by_filter
    return _update_selected(collection, selector, by_ids, by_filter)


def apply_operation(collection: Collection, message: pb.PointsUpdateOperation) -> int:
    """Apply one operation of a batch."""
    kind = message.WhichOneof("operation")
    if kind is None:
        raise wrong_input("PointsUpdateOperation: no operation is set")
    asked: Any = getattr(message, kind)
    if any(field.name == "shard_key_selector" for field, _ in asked.ListFields()):
        raise not_served(f"{asked.DESCRIPTOR.name}.shard_key_selector")
    return _OPERATIONS[kind](collection, asked)


_OPERATIONS: Mapping[str, Callable[[Collection, Any], int]] = {
    "upsert": upsert,
    "set_payload": set_payload,
    "overwrite_payload": overwrite_payload,
    "delete_payload": delete_payload,
    "clear_payload": lambda collection, asked: clear_payload(collection, asked.points),
    "clear_payload_deprecated": clear_payload,
    "delete_points": lambda collection, asked: delete(collection, asked.points),
    "delete_deprecated": delete,
    "update_vectors": update_vectors,
    "delete_vectors": lambda collection, asked: delete_vectors(
        collection, asked.points_selector, list(asked.vectors.names)
    ),
}


def _update_selected(
    collection: Collection,
    selector: pb.PointsSelector,
    by_ids: Callable[..., edge.UpdateOperation],
    by_filter: Callable[..., edge.UpdateOperation],
    *arguments: Any,
) -> int:
    kind = selector.WhichOneof("points_selector_one_of")
    if kind == "points":
        ids = [point_id(item) for item in selector.points.ids]
        return collection.update(by_ids(ids, *arguments), len(ids))
    if kind == "filter":
        return collection.update(by_filter(filter_(selector.filter), *arguments))
    raise wrong_input("PointsSelector: neither points nor filter is set")


def _payload_and_key(message: Any) -> tuple[dict[str, Any], str | None]:
    return payload(message.payload), message.key if message.HasField("key") else None
