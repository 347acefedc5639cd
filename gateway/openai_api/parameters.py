"""The parameters of a request, read one by one; a refusal names the parameter and the rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gateway.binding import require_json
from gateway.exchange import Exchange
from gateway.openai_api.errors import refused, unsupported
from gateway.transcoding import parse_object

HARMLESS = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
)
"""Parameters about billing and bookkeeping at OpenAI; they change no answer and are ignored."""


async def read_parameters(exchange: Exchange, limit: int) -> dict[str, Any]:
    """Return the members of the body; a null counts as absent.

    Raises:
        ProblemError: it is too large, not JSON, or not an object.
    """
    body = await exchange.read_body(limit)
    require_json(exchange)
    return {name: value for name, value in parse_object(body).items() if value is not None}


def check_known(parameters: Mapping[str, Any], known: Collection[str], neutral: Mapping[str, Any]) -> None:
    """Refuse parameters that are not served, unless their value in `neutral` asks for nothing.

    Raises:
        ProblemError: 400 that names the parameter.
    """
    for name, value in parameters.items():
        if name in known or name in HARMLESS:
            continue
        if name not in neutral:
            raise refused(name, "is not a known parameter", code="unknown_parameter")
        if value != neutral[name]:
            raise unsupported(name)


def text(parameters: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a string; without a default it is required."""
    value = parameters.get(name, default)
    if value is None:
        raise refused(name, "is required", code="missing_required_parameter")
    if not isinstance(value, str):
        raise refused(name, "must be a string", code="invalid_type")
    return value


def number(parameters: Mapping[str, Any], name: str) -> float | None:
    """Return a number, or None where it is absent."""
    value = parameters.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise refused(name, "must be a number", code="invalid_type")
    return value


def whole_number(parameters: Mapping[str, Any], name: str, lowest: int, highest: int) -> int | None:
    """Return a whole number from `lowest` to `highest`, or None where it is absent."""
    value = parameters.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused(name, "must be a whole number", code="invalid_type")
    if not lowest <= value <= highest:
        raise refused(name, f"must be from {lowest} to {highest}")
    return value


def truth(parameters: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a boolean."""
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise refused(name, "must be true or false", code="invalid_type")
    return value


def texts(parameters: Mapping[str, Any], name: str, *, single: bool) -> list[str]:
    """Return a list of strings; where `single` allows it, one string stands for a list of one."""
    value = parameters.get(name)
    if value is None:
        raise refused(name, "is required", code="missing_required_parameter")
    if single and isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise refused(name, "must be a string or a list of strings" if single else "must be a list")
    if not value:
        raise refused(name, "must not be empty")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise refused(f"{name}[{index}]", "must be a string", code="invalid_type")
    return value
