"""Qdrant's filters as Edge's, condition by condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qdrant_edge as edge
from google.protobuf.message import Message
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.conversion import point_id
from services.embedded.qdrant_server.errors import not_served, serve_only, wrong_input


def optional_filter(owner: Message, field: str = "filter") -> edge.Filter | None:
    """Return the filter in `owner.field`; None if it is not set."""
    return filter_(getattr(owner, field)) if owner.HasField(field) else None


def filter_(message: pb.Filter) -> edge.Filter:
    """Return a filter with its `must`, `should`, `must_not` and `min_should` clauses."""
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
    """Return a filter that lets through what `original` does, except the points `ids`."""
    if not ids:
        return original
    without = edge.Filter(must_not=[edge.HasIdCondition(ids)])
    return without if original is None else edge.Filter(must=[original, without])


def condition(message: pb.Condition) -> edge.ConditionType:
    """Return one condition of a clause."""
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
    """Return a condition on a payload field."""
    if message.HasField("range") and message.HasField("datetime_range"):
        raise wrong_input("FieldCondition: range and datetime_range exclude each other")
    options: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.name in _FIELD_OPTIONS:
            option, convert = _FIELD_OPTIONS[field.name]
            options[option] = convert(value)
    if not options:
        raise wrong_input(f"Malformed FieldCondition on {message.key!r}: no condition is set")
    return edge.FieldCondition(key=message.key, **options)


def match(message: pb.Match) -> edge.MatchType:
    """Return a match of a payload field's value."""
    kind = message.WhichOneof("match_value")
    if kind is None:
        raise wrong_input("Malformed Match: no value is set")
    if kind not in _MATCHES:
        raise not_served(f"Match.{kind}")
    return _MATCHES[kind](getattr(message, kind))


def _match_boolean(value: bool) -> edge.MatchValue:
    # Not at the top: a start would take a third longer, and few filters hold a truth value.
    from numpy import bool_

    # Edge 0.9.0 takes a Python bool for an integer and then matches nothing; NumPy's bool is no integer.
    boolean: Any = bool_(value)
    return edge.MatchValue(boolean)


_MATCHES: Mapping[str, Callable[[Any], edge.MatchType]] = {
    "keyword": edge.MatchValue,
    "integer": edge.MatchValue,
    "boolean": _match_boolean,
    "text": edge.MatchText,
    "text_any": edge.MatchTextAny,
    "phrase": edge.MatchPhrase,
    "prefix": edge.MatchPrefix,
    "substring": edge.MatchSubstring,
    "keywords": lambda given: edge.MatchAny(list(given.strings)),
    "integers": lambda given: edge.MatchAny(list(given.integers)),
    "except_keywords": lambda given: edge.MatchExcept(list(given.strings)),
    "except_integers": lambda given: edge.MatchExcept(list(given.integers)),
}


def _date_range(message: pb.DatetimeRange) -> edge.RangeDateTime:
    return edge.RangeDateTime(**{name: value.ToJsonString() for name, value in _bounds(message).items()})


def _polygon(message: pb.GeoPolygon) -> edge.GeoPolygon:
    return edge.GeoPolygon(
        [_geo(item) for item in message.exterior.points],
        [[_geo(item) for item in line.points] for line in message.interiors],
    )


def _bounds(message: Message) -> dict[str, Any]:
    return {field.name: value for field, value in message.ListFields()}


def _geo(message: pb.GeoPoint) -> edge.GeoPoint:
    return edge.GeoPoint(lon=message.lon, lat=message.lat)


_FIELD_OPTIONS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "match": ("match", match),
    "range": ("range", lambda given: edge.RangeFloat(**_bounds(given))),
    "datetime_range": ("range", _date_range),
    "values_count": ("values_count", lambda given: edge.ValuesCount(**_bounds(given))),
    "geo_bounding_box": (
        "geo_bounding_box",
        lambda box: edge.GeoBoundingBox(_geo(box.top_left), _geo(box.bottom_right)),
    ),
    "geo_radius": ("geo_radius", lambda circle: edge.GeoRadius(_geo(circle.center), circle.radius)),
    "geo_polygon": ("geo_polygon", _polygon),
    "is_empty": ("is_empty", bool),
    "is_null": ("is_null", bool),
}
"""The fields of a condition: the option of Edge that each becomes, and how its value is converted."""
