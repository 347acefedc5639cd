"""Qdrant's formulas as Edge's, expression by expression."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.conversion import json_value
from services.embedded.qdrant_server.errors import not_served, wrong_input
from services.embedded.qdrant_server.filters import condition


def formula(message: pb.Formula) -> edge.Formula:
    """Return a formula that scores points anew."""
    defaults = {name: json_value(value) for name, value in message.defaults.items()}
    return edge.Formula(expression(message.expression), defaults)


def values_wanted(message: pb.QueryPoints | pb.PrefetchQuery) -> list[str] | None:
    """Return the payload fields that the formulas of a query need and give no default for; None without a formula."""
    found: list[str] | None = None
    if message.query.WhichOneof("variant") == "formula":
        asked = message.query.formula
        found = [name for name in _fields(asked.expression) if name not in asked.defaults and name[:1] != "$"]
    for item in message.prefetch:
        if (below := values_wanted(item)) is not None:
            found = [*(found or []), *below]
    return found


def _fields(message: Any) -> Iterator[str]:
    """Yield the names of the values in an expression."""
    for field, value in message.ListFields():
        if field.name in ("variable", "datetime_key") or (field.name == "to" and isinstance(message, pb.GeoDistance)):
            yield value
        elif field.message_type and field.name != "condition":
            for item in value if field.is_repeated else [value]:
                yield from _fields(item)


def expression(message: pb.Expression) -> edge.Expression:
    """Return one expression of a formula."""
    kind = message.WhichOneof("variant")
    if kind is None:
        raise wrong_input("Malformed Expression: no variant is set")
    if kind not in _EXPRESSIONS:
        raise not_served(f"Expression.{kind}")
    return _EXPRESSIONS[kind](getattr(message, kind))


def _all(messages: Any) -> list[edge.Expression]:
    return [expression(item) for item in messages]


def _division(message: pb.DivExpression) -> edge.Expression:
    default = message.by_zero_default if message.HasField("by_zero_default") else None
    return edge.Expression.Div(expression(message.left), expression(message.right), default)


def _decay(kind: edge.DecayKind) -> Callable[[pb.DecayParamsExpression], edge.Expression]:
    def decay(message: pb.DecayParamsExpression) -> edge.Expression:
        return edge.Expression.Decay(
            kind,
            expression(message.x),
            expression(message.target) if message.HasField("target") else None,
            message.midpoint if message.HasField("midpoint") else None,
            message.scale if message.HasField("scale") else None,
        )

    return decay


_EXPRESSIONS: Mapping[str, Callable[[Any], edge.Expression]] = {
    "constant": edge.Expression.Constant,
    "variable": edge.Expression.Variable,
    "condition": lambda given: edge.Expression.Condition(condition(given)),
    "geo_distance": lambda given: edge.Expression.GeoDistance(
        edge.GeoPoint(lon=given.origin.lon, lat=given.origin.lat), given.to
    ),
    "datetime": edge.Expression.Datetime,
    "datetime_key": edge.Expression.DatetimeKey,
    "mult": lambda given: edge.Expression.Mult(_all(given.mult)),
    "sum": lambda given: edge.Expression.Sum(_all(given.sum)),
    "max": lambda given: edge.Expression.Max(_all(given.max)),
    "min": lambda given: edge.Expression.Min(_all(given.min)),
    "div": _division,
    "pow": lambda given: edge.Expression.Pow(expression(given.base), expression(given.exponent)),
    "neg": lambda given: edge.Expression.Neg(expression(given)),
    "abs": lambda given: edge.Expression.Abs(expression(given)),
    "sqrt": lambda given: edge.Expression.Sqrt(expression(given)),
    "exp": lambda given: edge.Expression.Exp(expression(given)),
    "log10": lambda given: edge.Expression.Log10(expression(given)),
    "ln": lambda given: edge.Expression.Ln(expression(given)),
    "acosh": lambda given: edge.Expression.Acosh(expression(given)),
    "exp_decay": _decay(edge.DecayKind.Exp),
    "gauss_decay": _decay(edge.DecayKind.Gauss),
    "lin_decay": _decay(edge.DecayKind.Lin),
}
