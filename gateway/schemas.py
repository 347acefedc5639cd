"""JSON Schemas of messages with the rules that protovalidate enforces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from buf.validate import validate_pb2

Schema = dict[str, Any]

_WELL_KNOWN: Mapping[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "examples": ["1.5s"]},
    "google.protobuf.FieldMask": {"type": "string", "examples": ["display_name,goal"]},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Value": {},
    "google.protobuf.Empty": {"type": "object"},
}
_64_BITS = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
_32_BITS = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32)


class Schemas:
    """Collects the schema of every message that is referred to."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self.components: dict[str, Schema] = {}

    def reference(self, message: Descriptor) -> Schema:
        """Return a reference to the schema of a message; the first reference builds the schema."""
        if message.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message.full_name])
        if message.full_name not in self.components:
            self.components[message.full_name] = {}
            self.components[message.full_name] = self._message(message)
        return {"$ref": f"#/components/schemas/{message.full_name}"}

    def field(self, field: FieldDescriptor) -> Schema:
        """Return the schema of a field."""
        rules = _rules(field)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            schema: Schema = {
                "type": "object",
                "additionalProperties": self.field(field.message_type.fields_by_name["value"]),
            }
        elif field.is_repeated:
            schema = {"type": "array", "items": self._item(field, rules.repeated.items)}
            _bound(schema, rules.repeated, min_items="minItems", max_items="maxItems")
            if rules.repeated.unique:
                schema["uniqueItems"] = True
        else:
            schema = self._item(field, rules)
        if comment := self._comments.get(field.full_name):
            schema["description"] = comment
        return schema

    def _message(self, message: Descriptor) -> Schema:
        schema: Schema = {
            "type": "object",
            "properties": {field.name: self.field(field) for field in message.fields},
            "additionalProperties": False,
        }
        if comment := self._comments.get(message.full_name):
            schema["description"] = comment
        required = [field.name for field in message.fields if _rules(field).required]
        if required:
            schema["required"] = required
        choices = [oneof for oneof in message.oneofs if len(oneof.fields) > 1]
        if choices:
            schema["x-oneof"] = {oneof.name: [field.name for field in oneof.fields] for oneof in choices}
        return schema

    def _item(self, field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Schema:
        if field.message_type is not None:
            return self.reference(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        return _scalar(field, rules)

    def _enum(self, enum: EnumDescriptor) -> Schema:
        name = enum.full_name
        if name not in self.components:
            lines = [
                f"{value.name}: {comment}"
                for value in enum.values
                if (comment := self._comments.get(f"{name}.{value.name}"))
            ]
            self.components[name] = {
                "type": "string",
                "enum": [value.name for value in enum.values],
                "description": "\n".join(filter(None, [self._comments.get(name), *lines])),
            }
        return {"$ref": f"#/components/schemas/{name}"}


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    return field.GetOptions().Extensions[validate_pb2.field]


def _scalar(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Schema:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    if field.type == FieldDescriptor.TYPE_STRING:
        schema: Schema = {"type": "string"}
        _bound(schema, rules.string, min_len="minLength", max_len="maxLength", pattern="pattern")
        if rules.string.uuid:
            schema["format"] = "uuid"
        return schema
    if field.type == FieldDescriptor.TYPE_BOOL:
        return {"type": "boolean"}
    if field.cpp_type in _64_BITS:
        # The proto JSON mapping writes 64-bit numbers as strings, which JavaScript can hold.
        return {"type": ["string", "integer"], "format": "int64"}
    schema = {"type": "integer", "format": "int32"} if field.cpp_type in _32_BITS else {"type": "number"}
    kind = rules.WhichOneof("type")
    if kind is not None:
        _bound(schema, getattr(rules, kind), gte="minimum", lte="maximum", gt="exclusiveMinimum", lt="exclusiveMaximum")
    return schema


def _bound(schema: Schema, rules: Any, **keywords: str) -> None:
    """Copy the rules that are set to their JSON Schema keywords."""
    for rule, keyword in keywords.items():
        if rules.HasField(rule):
            schema[keyword] = getattr(rules, rule)
