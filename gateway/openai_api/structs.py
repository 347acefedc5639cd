"""JSON of a request that the contract carries as it is, in a `google.protobuf.Struct`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from gateway.openai_api.errors import refused
from services.kit import structs


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
    return structs.struct_of(orjson.loads(json))
