"""Points, ids, vectors and payloads between Qdrant's protobuf messages and Edge's types."""

from __future__ import annotations

import math
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.errors import QdrantError, not_served, serve_only, wrong_input

DenseVector = list[float]
AnyVector = DenseVector | list[DenseVector] | edge.SparseVector
PointId = int | uuid.UUID | str

MAX_PAYLOAD_BYTES = 1024 * 1024
"""Of one point, as protobuf, keys included."""
MAX_PAYLOAD_VALUES = 20_000
"""Of one point: numbers, texts, lists and so on, each counted. Edge takes up to 6 µs for one."""
MAX_LENGTH = math.sqrt(3.4028234663852886e38) / 2
"""Of a vector. Two vectors of this length are as far apart as squares in 32 bits can tell."""


def point_id(message: pb.PointId) -> PointId:
    """Return a point's id: an unsigned integer, or a UUID in any of its spellings."""
    kind = message.WhichOneof("point_id_options")
    if kind == "num":
        return int(message.num)
    if kind == "uuid":
        try:
            return uuid.UUID(message.uuid)
        except ValueError:
            raise wrong_input(f"Unable to parse UUID: {message.uuid}") from None
    raise wrong_input("Malformed point id: neither num nor uuid is set")


def point_id_message(value: Any) -> pb.PointId:
    """Return the message of an id that Edge gave."""
    return pb.PointId(num=value) if isinstance(value, int) else pb.PointId(uuid=str(value))


def payload(fields: Mapping[str, pb.Value], limited: bool = True) -> dict[str, Any]:
    """Return a payload as JSON values.

    Raises:
        QdrantError: it is `limited` and too large. Edge takes a payload in one go, and everybody waits meanwhile.
    """
    if limited:
        if len(fields) > MAX_PAYLOAD_VALUES:
            raise _too_many_values()
        size = sum(len(key) + value.ByteSize() for key, value in fields.items())
        if size > MAX_PAYLOAD_BYTES:
            raise wrong_input(f"payload: has {size} bytes; at most {MAX_PAYLOAD_BYTES} are served")
    reader = _JsonReader(MAX_PAYLOAD_VALUES if limited else sys.maxsize)
    return {key: reader.read(value) for key, value in fields.items()}


def json_value(message: pb.Value) -> Any:
    """Return a JSON value as Python's."""
    return _JsonReader(MAX_PAYLOAD_VALUES).read(message)


class _JsonReader:
    """Reads so many JSON values and no more."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def read(self, message: pb.Value) -> Any:
        """Return a value as Python's."""
        self._left -= 1
        if self._left < 0:
            raise _too_many_values()
        kind = message.WhichOneof("kind")
        if kind is None or kind == "null_value":
            return None
        if kind == "list_value":
            return [self.read(item) for item in message.list_value.values]
        if kind == "struct_value":
            return {key: self.read(item) for key, item in message.struct_value.fields.items()}
        return getattr(message, kind)


def _too_many_values() -> QdrantError:
    return wrong_input(f"payload: has too many values; at most {MAX_PAYLOAD_VALUES} are served")


def put_payload(message: Any, values: Mapping[str, Any] | None) -> None:
    """Put a payload's fields into a message's map of values.

    They are put in place: a message that is given to another is copied, at every depth, and most of what an answer
    takes is its payloads.
    """
    for key, value in (values or {}).items():
        _put(message[key], value)


def _put(message: pb.Value, value: Any) -> None:
    if isinstance(value, str):
        message.string_value = value
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int):
        message.integer_value = value
    elif isinstance(value, float):
        message.double_value = value
    elif value is None:
        message.null_value = pb.NullValue.NULL_VALUE
    elif isinstance(value, dict):
        message.struct_value.SetInParent()
        put_payload(message.struct_value.fields, value)
    else:
        message.list_value.SetInParent()
        for item in value:
            _put(message.list_value.values.add(), item)


def vector(message: pb.Vector) -> AnyVector:
    """Return a stored vector: dense, sparse or multi-dense. The flat fields of older clients are understood too."""
    kind = message.WhichOneof("vector")
    if kind is None:
        return _flat_vector(message)
    if kind == "dense":
        return list(message.dense.data)
    if kind == "sparse":
        return sparse_vector(message.sparse.indices, message.sparse.values)
    if kind == "multi_dense":
        return multi_vector(message.multi_dense)
    raise not_served(f"Vector.{kind} (inference)")


def _flat_vector(message: pb.Vector) -> AnyVector:
    data = list(message.data)
    if message.HasField("indices"):
        return sparse_vector(message.indices.data, data)
    if message.HasField("vectors_count"):
        count = message.vectors_count
        if count == 0 or len(data) % count:
            raise wrong_input(f"Vector.vectors_count {count} does not divide {len(data)} values")
        size = len(data) // count
        return [data[start : start + size] for start in range(0, len(data), size)]
    return data


def sparse_vector(indices: Iterable[int], values: Iterable[float]) -> edge.SparseVector:
    """Return a sparse vector.

    Raises:
        QdrantError: there are not as many indices as values, or one index stands twice.
    """
    index_list, value_list = list(indices), list(values)
    if len(index_list) != len(value_list):
        raise wrong_input(f"sparse vector: must have as many values ({len(value_list)}) as indices ({len(index_list)})")
    if len(set(index_list)) != len(index_list):
        raise wrong_input("sparse vector: indices must be unique")
    return edge.SparseVector(indices=index_list, values=value_list)


def multi_vector(message: pb.MultiDenseVector) -> list[DenseVector]:
    """Return a multi-dense vector as its rows."""
    return [list(row.data) for row in message.vectors]


def finite(field: str, value: AnyVector) -> AnyVector:
    """Return a vector as it is.

    A Qdrant server takes vectors whose squares overflow, and stores zeros for them (Cosine) or never finds them again
    (Euclid).

    Raises:
        QdrantError: it is such a vector, or holds NaN or an infinite value; the message names `field`.
    """
    rows: Any = [value.values] if isinstance(value, edge.SparseVector) else [value]
    if isinstance(value, list) and value and isinstance(value[0], list):
        rows = value
    for row in rows:
        if not math.hypot(*row) <= MAX_LENGTH:  # NaN is no less than anything.
            if all(map(math.isfinite, row)):
                raise wrong_input(f"{field}: must have a length of at most {MAX_LENGTH:.3g}: squares overflow 32 bits")
            raise wrong_input(f"{field}: must hold finite numbers only, not NaN or infinity")
    return value


def vectors(message: pb.Vectors) -> dict[str, AnyVector]:
    """Return a point's vectors by name; the name of the unnamed one is empty."""
    kind = message.WhichOneof("vectors_options")
    if kind == "vector":
        return {"": vector(message.vector)}
    if kind == "vectors":
        return {name: vector(value) for name, value in message.vectors.vectors.items()}
    return {}


def point(
    message: pb.PointStruct, check: Callable[[PointId, Mapping[str, AnyVector]], None], limited: bool = True
) -> edge.Point:
    """Return a point to be stored; `check` raises for vectors that the collection cannot hold."""
    serve_only(message, ("id", "payload", "vectors"))
    given = vectors(message.vectors) if message.HasField("vectors") else {}
    identity = point_id(message.id)
    check(identity, given)
    return edge.Point(identity, given, payload(message.payload, limited))


def vector_message(value: Any) -> pb.VectorOutput:
    """Return the message of one vector that Edge gave."""
    if isinstance(value, edge.SparseVector):
        return pb.VectorOutput(sparse=pb.SparseVector(indices=value.indices, values=value.values))
    if value and isinstance(value[0], list):
        rows = [pb.DenseVector(data=row) for row in value]
        return pb.VectorOutput(multi_dense=pb.MultiDenseVector(vectors=rows))
    return pb.VectorOutput(dense=pb.DenseVector(data=value))


def vectors_message(value: Any) -> pb.VectorsOutput | None:
    """Return the message of a point's vectors: one without a name if the point has only that."""
    if value is None:
        return None
    if isinstance(value, dict):
        named = {name: vector_message(item) for name, item in value.items()}
        return pb.VectorsOutput(vectors=pb.NamedVectorsOutput(vectors=named))
    return pb.VectorsOutput(vector=vector_message(value))


def scored_point_message(found: edge.ScoredPoint, vectors: bool | list[str]) -> pb.ScoredPoint:
    """Return the message of a point that a query found, with all, none or those named of its vectors.

    Edge may give more: MMR gives the vector that it searched as well.
    """
    stored: Any = found.vector if vectors else None
    if isinstance(vectors, list) and isinstance(stored, dict):
        stored = {name: value for name, value in stored.items() if name in vectors}
    message = pb.ScoredPoint(
        id=point_id_message(found.id),
        score=found.score,
        version=found.version,
        vectors=vectors_message(stored),
        order_value=order_value_message(found.order_value),
    )
    put_payload(message.payload, found.payload)
    return message


def retrieved_point_message(record: edge.Record) -> pb.RetrievedPoint:
    """Return the message of a stored point."""
    message = pb.RetrievedPoint(
        id=point_id_message(record.id),
        vectors=vectors_message(record.vector),
        order_value=order_value_message(record.order_value),
    )
    put_payload(message.payload, record.payload)
    return message


def order_value_message(value: float | None) -> pb.OrderValue | None:
    """Return the message of the value that a point was ordered by; None for none."""
    if value is None:
        return None
    return pb.OrderValue(int=value) if isinstance(value, int) else pb.OrderValue(float=value)


def with_payload(message: pb.WithPayloadSelector, default: bool) -> bool | edge.PayloadSelector:
    """Return which payload fields an answer carries."""
    kind = message.WhichOneof("selector_options")
    if kind == "enable":
        return bool(message.enable)
    if kind == "include":
        return edge.PayloadSelector.Include(list(message.include.fields))
    if kind == "exclude":
        return edge.PayloadSelector.Exclude(list(message.exclude.fields))
    return default


def with_vectors(message: pb.WithVectorsSelector) -> bool | list[str]:
    """Return which vectors an answer carries: all, none (by default), or those named."""
    kind = message.WhichOneof("selector_options")
    if kind == "include":
        return list(message.include.names)
    return bool(message.enable)


def vector_value(message: pb.VectorsOutput, name: str) -> AnyVector | None:
    """Return the named vector of a point that a server gave; None if it has none of this name."""
    if message.WhichOneof("vectors_options") == "vector":
        output = message.vector
    elif name in message.vectors.vectors:
        output = message.vectors.vectors[name]
    else:
        return None
    kind = output.WhichOneof("vector")
    if kind == "sparse":
        return sparse_vector(output.sparse.indices, output.sparse.values)
    if kind == "multi_dense":
        return multi_vector(output.multi_dense)
    return list(output.dense.data)
