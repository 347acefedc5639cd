"""Which fields of a JSON object do not fit a message, and why; json_format names only the first, in one sentence."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from services.kit.errors import FieldViolation

_MAX_VIOLATIONS = 32
"""Most violations that are reported."""

_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_FLOATS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)


def violations_of(members: Mapping[str, Any], descriptor: Descriptor, prefix: str = "") -> list[FieldViolation]:
    """Return a violation for each field that json_format would refuse, 32 at most."""
    found: list[FieldViolation] = []
    for violation in _of_message(members, descriptor, prefix):
        found.append(violation)
        if len(found) == _MAX_VIOLATIONS:
            break
    return found


def _of_message(value: Any, descriptor: Descriptor, prefix: str) -> Iterator[FieldViolation]:
    if descriptor.full_name.startswith("google.protobuf."):
        yield from _of_well_known(value, descriptor, prefix.rstrip("."))
        return
    if not isinstance(value, dict):
        yield FieldViolation(prefix.rstrip("."), f"must be an object, not {_kind(value)}")
        return
    by_json_name = {field.json_name: field for field in descriptor.fields}
    choices: dict[str, str] = {}
    for name, item in value.items():
        field = by_json_name.get(name) or descriptor.fields_by_name.get(name)
        if field is None:
            yield FieldViolation(prefix + name, "unknown field")
            continue
        if item is None:
            continue
        choice = field.containing_oneof
        if choice is not None:
            if choice.name in choices:
                yield FieldViolation(prefix + name, f"cannot be set together with {choices[choice.name]}")
                continue
            choices[choice.name] = field.name
        yield from _of_field(item, field, prefix + name)


def _of_field(value: Any, field: FieldDescriptor, path: str) -> Iterator[FieldViolation]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        if not isinstance(value, dict):
            yield FieldViolation(path, f"must be an object, not {_kind(value)}")
            return
        for key, item in value.items():
            yield from _of_item(item, field.message_type.fields_by_name["value"], f"{path}[{key}]")
    elif field.is_repeated:
        if not isinstance(value, list):
            yield FieldViolation(path, f"must be a list, not {_kind(value)}")
            return
        for index, item in enumerate(value):
            yield from _of_item(item, field, f"{path}[{index}]")
    else:
        yield from _of_item(value, field, path)


def _of_item(value: Any, field: FieldDescriptor, path: str) -> Iterator[FieldViolation]:
    if field.message_type is not None:
        yield from _of_message(value, field.message_type, path + ".")
    elif (fault := _scalar_fault(value, field)) is not None:
        yield FieldViolation(path, fault)


def _of_well_known(value: Any, descriptor: Descriptor, path: str) -> Iterator[FieldViolation]:
    try:
        json_format.ParseDict(value, message_factory.GetMessageClass(descriptor)())
    except (json_format.ParseError, AttributeError, RecursionError, TypeError, ValueError):
        yield FieldViolation(path, f"is not a valid {descriptor.name}")


def _scalar_fault(value: Any, field: FieldDescriptor) -> str | None:
    """Return what is wrong with a value of a scalar field; None when it fits."""
    if field.enum_type is not None:
        return _enum_fault(value, field.enum_type)
    if field.cpp_type in _INTEGERS:
        return _integer_fault(value, *_INTEGERS[field.cpp_type])
    if field.cpp_type in _FLOATS:
        return _float_fault(value)
    checks: dict[int, Callable[[Any], str | None]] = {
        FieldDescriptor.TYPE_BOOL: _bool_fault,
        FieldDescriptor.TYPE_BYTES: _bytes_fault,
        FieldDescriptor.TYPE_STRING: _string_fault,
    }
    return checks[field.type](value)


def _enum_fault(value: Any, kind: EnumDescriptor) -> str | None:
    # As in json_format, any number is accepted: an enum may have values that this version does not know.
    if value in kind.values_by_name if isinstance(value, str) else isinstance(value, int | float):
        return None
    if isinstance(value, str) and _integer_fault(value, -(2**31), 2**31 - 1) is None:
        return None
    return "must be one of " + ", ".join(kind.values_by_name)


def _integer_fault(value: Any, lowest: int, highest: int) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return f"must be a whole number, not {_kind(value)}"
    try:
        number = int(value) if not isinstance(value, float) else value
    except ValueError:
        return "must be a whole number"
    if number != int(number):
        return "must be a whole number"
    return None if lowest <= number <= highest else f"must be from {lowest} to {highest}"


def _float_fault(value: Any) -> str | None:
    # json_format takes a boolean for a number here, so a boolean is not refused.
    if not isinstance(value, int | float | str):
        return f"must be a number, not {_kind(value)}"
    try:
        number = float(value)
    except ValueError:
        return "must be a number"
    return "must be a number" if isinstance(value, str) and math.isnan(number) and value != "NaN" else None


def _bool_fault(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {_kind(value)}"


def _bytes_fault(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be a string of base64, not {_kind(value)}"
    try:
        encoded = value.encode()
        base64.urlsafe_b64decode(encoded + b"=" * (4 - len(encoded) % 4))
    except (binascii.Error, ValueError):
        return "must be base64"
    return None


def _string_fault(value: Any) -> str | None:
    return None if isinstance(value, str) else f"must be a string, not {_kind(value)}"


def _kind(value: Any) -> str:
    """Return the type of a JSON value in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"
