"""Qdrant's filter messages as Edge's filters, condition by condition."""

from __future__ import annotations

from typing import Any

import numpy
import qdrant_edge as edge
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.conversion import point_id
from services.embedded.qdrant_server.errors import not_served, serve_only, wrong_input


def optional_filter(owner: Message, field: str = "filter") -> edge.Filter | None:
    """The filter in ``owner.field``, if it is set."""
    return filter_(getattr(owner, field)) if owner.HasField(field) else None


def filter_(message: pb.Filter) -> edge.Filter:
    """A filter with its ``must``, ``should``, ``must_not`` and ``min_should`` clauses."""
    serve_only(message, ("must", "should", "must_not", "min_should"))
    min_should = None
    if message.HasField("min_should"):
        min_should = edge.MinShould(
            [condition(item) for item in message.min_should.conditions], message.min_should.min_count
        )
    return edge.Filter(
        must=[condition(item) for item in message.must] or None,
        should=[condition(item) for item in message.should] or None,
        must_not=[condition(item) for item in message.must_not] or None,
        min_should=min_should,
    )


def excluding(original: edge.Filter | None, ids: set[Any]) -> edge.Filter | None:
    """``original`` without the points named by ``ids``."""
    if not ids:
        return original
    without = edge.Filter(must_not=[edge.HasIdCondition(ids)])
    return without if original is None else edge.Filter(must=[original, without])


def condition(message: pb.Condition) -> edge.ConditionType:
    """One condition of a clause."""
    kind = message.WhichOneof("condition_one_of")
    if kind == "field":
        return field_condition(message.field)
    if kind == "is_empty":
        return edge.IsEmptyCondition(message.is_empty.key)
    if kind == "is_null":
        return edge.IsNullCondition(message.is_null.key)
    if kind == "has_id":
        return edge.HasIdCondition({point_id(item) for item in message.has_id.has_id})
    if kind == "has_vector":
        return edge.HasVectorCondition(message.has_vector.has_vector)
    if kind == "filter":
        return filter_(message.filter)
    if kind == "nested":
        return edge.NestedCondition(message.nested.key, filter_(message.nested.filter))
    if kind is None:
        raise wrong_input("Malformed Condition: no condition is set")
    raise not_served(f"Condition.{kind}")


def field_condition(message: pb.FieldCondition) -> edge.FieldCondition:
    """A condition on a payload field."""
    options: dict[str, Any] = {}
    if message.HasField("match"):
        options["match"] = match(message.match)
    if message.HasField("range"):
        options["range"] = edge.RangeFloat(**_bounds(message.range))
    if message.HasField("datetime_range"):
        if "range" in options:
            raise wrong_input("FieldCondition: range and datetime_range exclude each other")
        bounds = {name: _rfc3339(value) for name, value in _bounds(message.datetime_range).items()}
        options["range"] = edge.RangeDateTime(**bounds)
    if message.HasField("values_count"):
        options["values_count"] = edge.ValuesCount(**_bounds(message.values_count))
    if message.HasField("geo_bounding_box"):
        box = message.geo_bounding_box
        options["geo_bounding_box"] = edge.GeoBoundingBox(_geo(box.top_left), _geo(box.bottom_right))
    if message.HasField("geo_radius"):
        circle = message.geo_radius
        options["geo_radius"] = edge.GeoRadius(_geo(circle.center), circle.radius)
    if message.HasField("geo_polygon"):
        polygon = message.geo_polygon
        options["geo_polygon"] = edge.GeoPolygon(
            [_geo(item) for item in polygon.exterior.points],
            [[_geo(item) for item in line.points] for line in polygon.interiors],
        )
    if message.HasField("is_empty"):
        options["is_empty"] = message.is_empty
    if message.HasField("is_null"):
        options["is_null"] = message.is_null
    if not options:
        raise wrong_input(f"Malformed FieldCondition on {message.key!r}: no condition is set")
    return edge.FieldCondition(key=message.key, **options)


def match(message: pb.Match) -> edge.MatchType:
    """A match of a payload field's value."""
    kind = message.WhichOneof("match_value")
    if kind == "keyword":
        return edge.MatchValue(message.keyword)
    if kind == "integer":
        return edge.MatchValue(message.integer)
    if kind == "boolean":
        # Edge 0.9.0 takes a Python bool for the integer that it also is, and then matches nothing; NumPy's is none.
        value: Any = numpy.bool_(message.boolean)
        return edge.MatchValue(value)
    if kind == "text":
        return edge.MatchText(message.text)
    if kind == "text_any":
        return edge.MatchTextAny(message.text_any)
    if kind == "phrase":
        return edge.MatchPhrase(message.phrase)
    if kind == "prefix":
        return edge.MatchPrefix(message.prefix)
    if kind == "substring":
        return edge.MatchSubstring(message.substring)
    if kind == "keywords":
        return edge.MatchAny(list(message.keywords.strings))
    if kind == "integers":
        return edge.MatchAny(list(message.integers.integers))
    if kind == "except_keywords":
        return edge.MatchExcept(list(message.except_keywords.strings))
    if kind == "except_integers":
        return edge.MatchExcept(list(message.except_integers.integers))
    if kind is None:
        raise wrong_input("Malformed Match: no value is set")
    raise not_served(f"Match.{kind}")


def _bounds(message: Message) -> dict[str, Any]:
    return {field.name: value for field, value in message.ListFields()}


def _geo(message: pb.GeoPoint) -> edge.GeoPoint:
    return edge.GeoPoint(lon=message.lon, lat=message.lat)


def _rfc3339(value: Timestamp) -> str:
    return value.ToJsonString()
