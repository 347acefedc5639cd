"""What a Struct takes from a JSON Schema and how it is put back."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from services.llm.messages import restored


def _through_struct(schema: dict[str, Any]) -> dict[str, object]:
    struct = Struct()
    struct.update(schema)
    return restored(MessageToDict(struct))


def test_whole_numbers_are_whole_again() -> None:
    schema: dict[str, object] = {"type": "array", "minItems": 3, "items": {"type": "number", "multipleOf": 0.5}}
    restored_schema = _through_struct(schema)
    assert restored_schema == schema
    assert isinstance(restored_schema["minItems"], int)


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
