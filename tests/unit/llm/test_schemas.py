"""What a Struct takes from a JSON Schema and how it is put back."""

from __future__ import annotations

import math
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct

from services.kit.errors import InvalidArgument
from services.kit.structs import members_of
from services.llm.messages import chat_request, ordered
from tiku.llm.v1 import llm_pb2 as pb


def _through_struct(schema: dict[str, Any]) -> dict[str, object]:
    struct = Struct()
    struct.update(schema)
    return ordered(members_of(struct))


def test_whole_numbers_are_whole_again() -> None:
    schema: dict[str, object] = {"type": "array", "minItems": 3, "items": {"type": "number", "multipleOf": 0.5}}
    schema_again = _through_struct(schema)
    assert schema_again == schema
    assert isinstance(schema_again["minItems"], int)


def test_properties_follow_required_at_every_depth() -> None:
    inner = {
        "type": "object",
        "properties": {"answer": {"type": "boolean"}, "evidence": {"type": "string"}},
        "required": ["evidence", "answer"],
    }
    schema: dict[str, object] = {
        "type": "object",
        "properties": dict.fromkeys(("b", "z", "a", "c"), inner),
        "required": ["z", "missing", "a"],
    }
    properties = _through_struct(schema)["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == ["z", "a", "b", "c"]
    assert all(list(part["properties"]) == ["evidence", "answer"] for part in properties.values())


def test_truth_values_stay_what_they_are() -> None:
    assert _through_struct({"additionalProperties": False}) == {"additionalProperties": False}


def test_a_property_named_like_a_keyword_is_left_alone() -> None:
    schema: dict[str, object] = {"properties": {"properties": {"type": "string"}, "required": {"type": "array"}}}
    assert _through_struct(schema) == schema


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_is_refused_by_its_field(number: float) -> None:
    request = pb.ChatRequest()
    request.options.structured_output.json_schema.update({"properties": {"n": {"maximum": number}}})
    with pytest.raises(InvalidArgument) as caught:
        chat_request(request)
    assert [violation.field for violation in caught.value.violations] == ["options.structured_output.json_schema"]
