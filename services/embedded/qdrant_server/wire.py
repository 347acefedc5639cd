"""Payloads that are too large, found in the bytes of a request: to parse a million values takes everybody's time.

Only what frames a payload is read here: tags and lengths (https://protobuf.dev/programming-guides/encoding/). Bytes
that are no message are left to the parser.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.conversion import MAX_PAYLOAD_BYTES, MAX_PAYLOAD_VALUES
from services.embedded.qdrant_server.errors import wrong_input

_SMALL_BYTES = 4 * MAX_PAYLOAD_VALUES
"""A message below that has neither too many bytes nor too many values: each has a tag, a length and a key."""
_SLICE = 2_000
"""Fields that are read in one go, about 1 ms."""
_LENGTH_DELIMITED = 2
_FIXED = {1: 8, 5: 4}
"""Bytes of the wire types of a fixed size."""

Plan = Mapping[int, "Plan | None"]
"""The fields of a message that lead to payloads, by number; None for a payload itself."""


def check_payloads(message: type[Message], request: bytes) -> Generator[None, None, None]:
    """Check the payloads of a request that is not parsed yet; yield now and then.

    Raises:
        QdrantError: INVALID_ARGUMENT, one has more bytes than are served, or more values of its own.
    """
    for count, _ in enumerate(_walk(_plan(message.DESCRIPTOR), request, 0, len(request)), 1):
        if count % _SLICE == 0:
            yield


def _walk(plan: Plan, data: bytes, start: int, end: int) -> Iterator[None]:
    if not plan or end - start <= _SMALL_BYTES:
        return
    values = size = 0
    for number, begin, finish in _fields(data, start, end):
        yield
        if number not in plan:
            continue
        inner = plan[number]
        if inner is not None:
            yield from _walk(inner, data, begin, finish)
            continue
        values, size = values + 1, size + finish - begin
        if values > MAX_PAYLOAD_VALUES:
            raise wrong_input(f"payload: has too many values; at most {MAX_PAYLOAD_VALUES} are served")
        if size > 2 * MAX_PAYLOAD_BYTES:  # Frames count here, so the parsed payload decides where it is close.
            raise wrong_input(f"payload: has over {size} bytes; at most {MAX_PAYLOAD_BYTES} are served")


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, begin and end of each field, up to the first that is none."""
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        kind = tag & 7
        if kind == _LENGTH_DELIMITED:
            length, at = _varint(data, at, end)
        elif kind == 0:
            begin = at
            _, at = _varint(data, at, end)
            length, at = at - begin, begin
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            return
        if at + length > end:
            return
        yield tag >> 3, at, at + length
        at += length


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    return value, end + 1


@cache
def _plan(descriptor: Descriptor, above: tuple[Descriptor, ...] = ()) -> dict[int, Any]:
    plan: dict[int, Any] = {}
    for field in descriptor.fields:
        inner = field.message_type
        if inner is None or inner in above:
            continue
        if _is_payload(inner):
            plan[field.number] = None
        elif further := _plan(inner, (*above, descriptor)):
            plan[field.number] = further
    return plan


def _is_payload(entry: Descriptor) -> bool:
    values = entry.fields_by_name.get("value") if entry.GetOptions().map_entry else None
    return values is not None and values.message_type is pb.Value.DESCRIPTOR
