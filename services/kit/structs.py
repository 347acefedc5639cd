"""JSON in a `google.protobuf.Struct`, whose numbers are doubles, with all digits of its whole numbers.

A whole number that no double is, such as 2^53 + 1, stands in a Struct as an object of one member, which has its digits:
`{"@integer": "9007199254740993"}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

_INTEGER = "@integer"
_DIGITS = re.compile(r"-?[0-9]{1,1000}")
_EXACT = 2**53


def struct_of(members: Mapping[str, Any]) -> Struct:
    """Return a Struct that holds an object of JSON.

    Raises:
        google.protobuf.json_format.ParseError: it is nested too deeply, or no JSON.
    """
    return json_format.ParseDict({name: _held(value) for name, value in members.items()}, Struct())


def members_of(struct: Struct) -> dict[str, Any]:
    """Return the object of JSON that a Struct holds; doubles that are whole are whole numbers.

    Raises:
        ValueError: it holds a number that JSON has no word for.
    """
    return {name: _restored(value) for name, value in json_format.MessageToDict(struct).items()}


def _held(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _held(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_held(item) for item in value]
    if isinstance(value, int) and not -_EXACT <= value <= _EXACT and not _is_double(value):
        return {_INTEGER: str(value)}
    return value


def _is_double(number: int) -> bool:
    try:
        return int(float(number)) == number
    except OverflowError:
        return False


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        digits = value.get(_INTEGER) if len(value) == 1 else None
        if isinstance(digits, str) and _DIGITS.fullmatch(digits):
            return int(digits)
        return {name: _restored(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
