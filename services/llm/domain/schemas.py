"""JSON Schemas on their way from a protobuf Struct to a provider."""

from __future__ import annotations

from collections.abc import Mapping


def restored(schema: Mapping[str, object]) -> dict[str, object]:
    """Return the schema with what a Struct takes away put back: whole numbers and an order of properties.

    A Struct holds every number as a double and its fields in no order. Providers want `"minItems": 3`, not 3.0; and
    constrained decoding writes properties in the order of the schema, so those that `required` lists, which keeps
    its order, come first and in that order, the others after them by name.
    """
    result = {key: _value(schema[key]) for key in sorted(schema)}
    properties, required = result.get("properties"), result.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        order = [name for name in dict.fromkeys(required) if name in properties]
        result["properties"] = {name: properties[name] for name in dict.fromkeys((*order, *properties))}
    return result


def _value(value: object) -> object:
    if isinstance(value, Mapping):
        return restored(value)
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
