"""Failures in the shape that OpenAI's clients read."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.exchange import Exchange
from gateway.problems import ProblemError
from services.kit.errors import FieldViolation

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}

_CODES = {
    "CONTEXT_TOO_LONG": "context_length_exceeded",
    "CONTENT_FILTERED": "content_filter",
    "PROVIDER_RATE_LIMITED": "rate_limit_exceeded",
}
"""OpenAI's own codes, by which clients know what to do; all others are our reasons in small letters."""


def refused(param: str, rule: str, *, code: str = "invalid_value") -> ProblemError:
    """Return the failure of a request whose parameter breaks a rule."""
    return ProblemError(400, code, f"'{param}' {rule}.", errors=[FieldViolation(param, rule)])


def unsupported(param: str, rule: str = "is not supported here") -> ProblemError:
    """Return the failure of a request with a parameter, or a value of one, that Tiku does not serve."""
    return refused(param, rule, code="unsupported_parameter")


def error_body(problem: ProblemError) -> dict[str, Any]:
    """Return a failure as the members of OpenAI's error object."""
    kind = _TYPES.get(problem.status, "invalid_request_error" if problem.status < 500 else "server_error")
    message = problem.detail
    if problem.errors:
        first = problem.errors[0]
        message = message.replace(first.field, _parameter(first.field))
        if first.description not in message:
            message = f"{message} {_parameter(first.field)}: {first.description}"
    return {
        "error": {
            "message": message,
            "type": kind,
            "param": _parameter(problem.errors[0].field) if problem.errors else None,
            "code": _CODES.get(problem.reason, problem.reason.lower()),
            **({"metadata": problem.metadata} if problem.metadata else {}),
        }
    }


async def respond_error(exchange: Exchange, problem: ProblemError) -> None:
    """Send a failure."""
    await exchange.respond(problem.status, orjson.dumps(error_body(problem)), headers=problem.response_headers())


def _parameter(field: str) -> str:
    """Return the name of the parameter that a field of ours came from."""
    name = field.removeprefix("options.")
    if name.startswith("structured_output"):
        return "response_format"
    for ours in ("texts", "tokens"):
        if name.startswith(ours):
            return "input" + name.removeprefix(ours)
    return name.removeprefix("extra.").replace(".parts[", ".content[")
