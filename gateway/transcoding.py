"""Between HTTP and protobuf messages: JSON bodies, query parameters and path variables in, JSON out.

JSON follows the proto JSON mapping with fields spelled as in the proto (`document_id`), as in paths, queries and
errors; lowerCamelCase is accepted too. Fields at their default are printed.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.codec import Writer
from gateway.contract import descriptor_of
from gateway.problems import ProblemError, invalid
from gateway.violations import violations_of
from services.kit.errors import FieldViolation

LARGE_BYTES = 256 * 1024
"""Larger JSON texts and messages are converted in a thread, so that others are served meanwhile."""

_MAX_QUERY_PARAMETERS = 1024
_MAX_FAULT = 500
"""Most characters of the library's own words; it quotes whole values."""

_NAME_ENDS = re.compile(rb"\"\s*:")
_UNDERSCORED = re.compile(r"_([a-z])")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


class ToJson:
    """Turns serialized messages of one type into JSON."""

    def __init__(self, kind: type[Message]) -> None:
        self._kind = kind
        self._write = Writer(descriptor_of(kind))

    def __call__(self, raw: bytes) -> bytes:
        """Return the JSON text."""
        return orjson.dumps(self._write(self._kind.FromString(raw)))

    async def encode_async(self, raw: bytes) -> bytes:
        """Return the JSON text; a large message is converted in a thread."""
        return await asyncio.to_thread(self, raw) if len(raw) > LARGE_BYTES else self(raw)


_HALF = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
"""An escape in JSON; as its group, that of one half of a surrogate pair without the other."""


def parse_json(body: bytes) -> Any:
    """Return the value in a JSON text. Half of a character, as a browser cuts one off, is left out.

    Raises:
        ProblemError: 400 MALFORMED_JSON with the place of the first fault.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        whole = _HALF.sub(lambda escape: b"" if escape[1] else escape[0], body)
        if whole != body:
            return parse_json(whole)
        raise ProblemError(
            400,
            "MALFORMED_JSON",
            f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).",
        ) from None


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the object in a JSON text; an empty text is an empty object.

    Raises:
        ProblemError: 400, the text is not JSON or not an object, or names a member of an object twice.
    """
    if not body:
        return {}
    value = parse_json(body)
    if not isinstance(value, dict):
        raise ProblemError(400, "MALFORMED_JSON", "The body must be a JSON object.")
    # Each name takes a quote and a colon; where there are more of those, they stand in a text, or a name was repeated.
    names = _names_in(value)
    if body.count(b":") != names and len(_NAME_ENDS.findall(body)) != names:
        _refuse_repeated_names(body)
    return value


def _names_in(value: Any) -> int:
    """Count the members of all objects in a JSON value."""
    names = 0
    left = [value]
    while left:
        item = left.pop()
        if type(item) is dict:
            names += len(item)
            left.extend(item.values())
        elif type(item) is list:
            left.extend(item)
    return names


def _refuse_repeated_names(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_distinct)
    except RecursionError:
        raise ProblemError(400, "MALFORMED_JSON", "The body is nested too deeply.") from None


def _distinct(members: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            raise ProblemError(400, "MALFORMED_JSON", f"The body names the member {name[:64]!r} of one object twice.")
        seen.add(name)


def fill(message: Message, members: dict[str, Any], *, prefix: str = "") -> None:
    """Set a message from the members of a JSON object.

    Raises:
        ProblemError: 400 with one error for each field that is unknown or of the wrong type.
    """
    try:
        json_format.ParseDict(members, message)
    except (json_format.ParseError, AttributeError, OverflowError, RecursionError, TypeError) as error:
        # json_format raises some faults of a request as plain Python errors.
        found = violations_of(members, descriptor_of(message), prefix)
        # A fault that violations_of does not know is answered in the library's words.
        raise invalid(
            "The request does not have the form of a " + message.DESCRIPTOR.name + ".",
            *(found or [FieldViolation(prefix.rstrip("."), str(error)[:_MAX_FAULT])]),
            reason="INVALID_FIELD",
        ) from None


def fill_from_query(message: Message, query: bytes, *, except_for: frozenset[str] = frozenset()) -> None:
    """Set a message from query parameters; nested fields are dotted, repeated ones are repeated.

    Fields in `except_for` may not be named, because the path or the body holds them.

    Raises:
        ProblemError: 400 with one error for each parameter that is unknown or of the wrong type.
    """
    if not query:
        return
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_QUERY_PARAMETERS
        )
    except ValueError:
        raise ProblemError(400, "MALFORMED_QUERY", "The query string is not valid percent-encoded UTF-8.") from None
    members: dict[str, Any] = {}
    faults: list[FieldViolation] = []
    for name, value in pairs:
        if fault := _place(members, descriptor_of(message), name, value, except_for):
            faults.append(FieldViolation(name, fault))
    if faults:
        raise invalid("A query parameter is not understood.", *faults, reason="INVALID_FIELD")
    fill(message, members)


def _place(
    members: dict[str, Any], descriptor: Descriptor, name: str, value: str, except_for: frozenset[str]
) -> str | None:
    """Put one parameter where it belongs; return what is wrong with it, None for nothing."""
    *parents, last = name.split(".")
    for parent in parents:
        field = field_of(descriptor, parent)
        if field is None or field.message_type is None or field.is_repeated or field.name in except_for:
            return "unknown parameter"
        members = members.setdefault(field.name, {})
        descriptor = field.message_type
        except_for = frozenset()
    field = field_of(descriptor, last)
    if field is None or field.name in except_for:
        return "unknown parameter"
    if field.message_type is not None and not field.message_type.full_name.startswith("google.protobuf."):
        return "is an object; name its fields, dotted"
    converted: Any = value
    if field.type == FieldDescriptor.TYPE_BOOL:
        converted = _TRUTH.get(value.lower())
        if converted is None:
            return "must be true or false"
    elif field.message_type is not None and field.message_type.full_name == "google.protobuf.FieldMask":
        # The proto JSON mapping wants lowerCamelCase here; everything else in a query is spelled as in the proto.
        converted = _UNDERSCORED.sub(lambda found: found[1].upper(), value)
    if field.is_repeated:
        members.setdefault(field.name, []).append(converted)
    elif field.name in members:
        return "is given more than once"
    else:
        members[field.name] = converted
    return None


def fill_from_path(message: Message, variables: Mapping[str, str]) -> None:
    """Set the fields that the path names.

    Raises:
        ProblemError: 400, the body names another value for one of them, or the value is of the wrong type.
    """
    for name, value in variables.items():
        target = message
        *parents, last = name.split(".")
        for parent in parents:
            target = getattr(target, parent)
        field = target.DESCRIPTOR.fields_by_name[last]
        if field.type == FieldDescriptor.TYPE_STRING:
            given = getattr(target, last)
            if given and given != value:
                raise invalid(
                    "The body contradicts the path.", FieldViolation(name, "must equal the value in the path")
                )
            setattr(target, last, value)
        else:
            fill(target, {last: value}, prefix=name[: -len(last)])


def field_of(descriptor: Descriptor, name: str) -> FieldDescriptor | None:
    """Return a field by its name in the proto or by its JSON name; None when there is none."""
    return descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
