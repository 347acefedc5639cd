"""Compiled conversions between messages and JSON objects, for the hot path.

json_format walks the descriptors for every message, which was a third of the gateway's time for a small call. Here each
message type is walked once and compiled into closures. They write what json_format writes. They read the plain case
only: fields by their proto names, values of the obvious types. Anything else raises `UnusualError`, and json_format
reads the object by its own rules. Well-known types always go through json_format.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.contract import message_of

Write = Callable[[Any], Any]
Read = Callable[[Any, Any], None]

_LARGEST_FLOAT = 3.4028234663852886e38
_64_BITS = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
_INTEGERS = (*_64_BITS, FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32)


class UnusualError(Exception):
    """A JSON value is not the plain case."""


class Writer:
    """Turns messages of one type into the objects of their JSON."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._known: dict[str, Write] = {}
        self._write = self._message(descriptor)

    def __call__(self, message: Message) -> Any:
        """Return the object: every field without presence, and those with presence that are set."""
        return self._write(message)

    def _message(self, descriptor: Descriptor) -> Write:
        name = descriptor.full_name
        if name.startswith("google.protobuf."):
            return json_format.MessageToDict
        if name not in self._known:
            # A message may hold its own type, so a reference to it is looked up when it is used.
            self._known[name] = lambda message: self._known[name](message)
            self._known[name] = self._compiled(descriptor)
        return self._known[name]

    def _compiled(self, descriptor: Descriptor) -> Write:
        always: list[tuple[str, Write | None]] = []
        optional: list[tuple[str, Write | None]] = []
        for field in descriptor.fields:
            (optional if field.has_presence else always).append((field.name, self._field(field)))

        def write(message: Any) -> dict[str, Any]:
            members = {}
            for name, convert in always:
                value = getattr(message, name)
                members[name] = value if convert is None else convert(value)
            for name, convert in optional:
                if message.HasField(name):
                    value = getattr(message, name)
                    members[name] = value if convert is None else convert(value)
            return members

        return write

    def _field(self, field: FieldDescriptor) -> Write | None:
        """Return what converts a field's value; None where it stays as it is."""
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            raise TypeError(f"{field.full_name}: maps are not part of the contract")
        item = self._message(message_of(field)) if field.message_type is not None else _scalar(field)
        if not field.is_repeated:
            return item
        if item is None:
            return list
        return lambda values: [item(value) for value in values]


class Reader:
    """Sets messages of one type from JSON objects."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._known: dict[str, Read] = {}
        self._read = self._message(descriptor)

    def __call__(self, message: Message, members: Any) -> None:
        """Set an empty message.

        Raises:
            UnusualError: the object is not the plain case; the message is then set in part.
        """
        try:
            self._read(message, members)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise UnusualError from error

    def _message(self, descriptor: Descriptor) -> Read:
        name = descriptor.full_name
        if name.startswith("google.protobuf."):
            return _read_well_known
        if name not in self._known:
            self._known[name] = lambda message, members: self._known[name](message, members)
            self._known[name] = self._compiled(descriptor)
        return self._known[name]

    def _compiled(self, descriptor: Descriptor) -> Read:
        fields = {field.name: self._field(field) for field in descriptor.fields}
        choices = {field.name: oneof.name for oneof in descriptor.oneofs for field in oneof.fields}

        def read(message: Any, members: Any) -> None:
            if type(members) is not dict:
                raise UnusualError
            for name, value in members.items():
                setter = fields.get(name)
                if setter is None:
                    raise UnusualError
                if name in choices and message.WhichOneof(choices[name]) is not None:
                    raise UnusualError
                setter(message, value)

        return read

    def _field(self, field: FieldDescriptor) -> Read:
        name = field.name
        if field.message_type is not None:
            return self._message_field(field, name)
        check = _check_of(field)
        if field.is_repeated:

            def extend(message: Any, values: Any) -> None:
                if type(values) is not list:
                    raise UnusualError
                getattr(message, name).extend([check(value) for value in values])

            return extend
        return lambda message, value: setattr(message, name, check(value))

    def _message_field(self, field: FieldDescriptor, name: str) -> Read:
        read = self._message(message_of(field))
        if not field.is_repeated:

            def fill(message: Any, value: Any) -> None:
                part = getattr(message, name)
                part.SetInParent()
                read(part, value)

            return fill

        def add(message: Any, values: Any) -> None:
            if type(values) is not list:
                raise UnusualError
            parts = getattr(message, name)
            for value in values:
                read(parts.add(), value)

        return add


def _read_well_known(message: Message, value: Any) -> None:
    if value is None:
        raise UnusualError
    try:
        json_format.ParseDict(value, message)
    except (json_format.ParseError, AttributeError) as error:
        raise UnusualError from error


def _scalar(field: FieldDescriptor) -> Write | None:
    """Return what converts a scalar; None where it stays as it is."""
    if field.enum_type is not None:
        return _enum_writer(field.enum_type)
    if field.cpp_type in _64_BITS:
        return str
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return _finite
    if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
        return _shortest
    return _base64 if field.type == FieldDescriptor.TYPE_BYTES else None


def _enum_writer(enum: EnumDescriptor) -> Write:
    names = {number: value.name for number, value in enum.values_by_number.items()}
    return lambda number: names.get(number, number)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _finite(value: float) -> float | str:
    """Return a double; proto JSON has words for the three values that are no JSON numbers."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _shortest(value: float) -> float | str:
    """Return the shortest decimal that reads back as the same 32-bit float."""
    if not math.isfinite(value):
        return _finite(value)
    for precision in (6, 7, 8):
        candidate = float(f"{value:.{precision}g}")
        try:
            if struct.unpack("<f", struct.pack("<f", candidate))[0] == value:
                return candidate
        except OverflowError:
            continue  # Rounded up beyond the largest float.
    return float(f"{value:.9g}")


def _check_of(field: FieldDescriptor) -> Callable[[Any], Any]:
    """Return a check that gives back a plain value of a scalar field, and raises `UnusualError` for another."""
    if field.enum_type is not None:
        return _enum_check(field.enum_type)
    if field.cpp_type in _INTEGERS:
        return _whole
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return _number
    if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
        return _small_number
    checks: dict[int, Callable[[Any], Any]] = {
        FieldDescriptor.TYPE_BOOL: _truth,
        FieldDescriptor.TYPE_STRING: _text,
    }
    return checks.get(field.type, _refuse)


def _enum_check(enum: EnumDescriptor) -> Callable[[Any], int]:
    numbers = {name: value.number for name, value in enum.values_by_name.items()}

    def check(value: Any) -> int:
        if type(value) is not str or value not in numbers:
            raise UnusualError
        return numbers[value]

    return check


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise UnusualError
    return value


def _number(value: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise UnusualError
    return value


def _small_number(value: Any) -> float:
    if not -_LARGEST_FLOAT <= _number(value) <= _LARGEST_FLOAT:
        raise UnusualError
    return float(value)


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise UnusualError
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise UnusualError
    return value


def _refuse(value: Any) -> Any:
    raise UnusualError
