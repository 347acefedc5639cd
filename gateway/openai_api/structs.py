"""JSON that the contract carries as it is, in and out of `google.protobuf.Struct`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from gateway.openai_api.errors import refused


def struct_of(members: Mapping[str, Any], param: str) -> Struct:
    """Return an object of a request, which stands at `param`.

    Raises:
        ProblemError: it is nested too deeply.
    """
    try:
        return _struct(orjson.dumps(members))
    except (json_format.ParseError, orjson.JSONEncodeError):
        raise refused(param, "is nested too deeply") from None


@lru_cache(maxsize=256)
def _struct(json: bytes) -> Struct:
    """Return a Struct, which nobody changes: callers send the same few schemas again and again."""
    return json_format.ParseDict(orjson.loads(json), Struct())


def members_of(struct: Struct) -> dict[str, Any]:
    """Return an object of an answer, with whole numbers as such: a Struct holds every number as a double."""
    return {name: _restored(value) for name, value in json_format.MessageToDict(struct).items()}


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _restored(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
