"""A request for a response, as that for a chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.openai_api import parameters as p
from gateway.openai_api.chat_messages import message_of
from gateway.openai_api.chat_options import options_of
from gateway.openai_api.errors import refused, unsupported
from gateway.openai_api.responses.items import messages_of
from gateway.problems import ProblemError
from services.kit.errors import FieldViolation

_KEPT = ("previous_response_id", "conversation", "prompt")
"""What refers to something that OpenAI keeps."""
_READ = {
    *_KEPT,
    *("input", "instructions", "stream", "stream_options", "background", "store", "include", "truncation"),
    *("max_tool_calls", "max_output_tokens", "text", "reasoning", "tools", "tool_choice", "context_management"),
}
_NAMES = {
    "response_format.json_schema": "text.format",
    "response_format": "text.format",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
}
"""Parameters of a chat, and what stands for them here."""


def chat_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a chat that a request asks for.

    Raises:
        ProblemError: a parameter breaks a rule, or asks for what is not served.
    """
    _check(parameters)
    told = messages_of(parameters.get("input"), p.text(parameters, "instructions", ""))
    try:
        options = options_of(_options(parameters))
    except ProblemError as problem:
        raise _by_our_names(problem) from None
    return {
        "model": p.text(parameters, "model", ""),
        "messages": [message_of(message, path) for message, path in told],
        "options": options,
    }


def _check(parameters: Mapping[str, Any]) -> None:
    for name in _KEPT:
        if parameters.get(name):
            raise unsupported(name, "is not supported: nothing is kept here; send all items in input")
    if p.truth(parameters, "background"):
        raise unsupported("background", "is not supported: nothing is kept here to be asked for later")


def _options(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a chat; those that both have, and those of a provider's own, as they are."""
    chat = {name: value for name, value in parameters.items() if name not in _READ}
    text, reasoning = _object(parameters, "text"), _object(parameters, "reasoning")
    more = {
        "max_completion_tokens": parameters.get("max_output_tokens"),
        "reasoning_effort": reasoning.get("effort"),
        "verbosity": text.get("verbosity"),
        "response_format": _format(text.get("format")),
        "tools": _tools(parameters.get("tools")),
        "tool_choice": _choice(parameters.get("tool_choice")) if parameters.get("tools") else None,
    }
    if chat.get("top_logprobs") or "message.output_text.logprobs" in (parameters.get("include") or ()):
        more["logprobs"] = True
    return chat | {name: value for name, value in more.items() if value is not None}


def _object(parameters: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parameters.get(name, {})
    if not isinstance(value, dict):
        raise refused(name, "must be an object", code="invalid_type")
    return value


def _format(given: Any) -> Any:
    """Return the form of the answer; a schema stands in an object of its own in a chat."""
    if not isinstance(given, dict) or given.get("type") != "json_schema":
        return given
    schema = {name: value for name, value in given.items() if name != "type" and value is not None}
    return {"type": "json_schema", "json_schema": schema}


def _tools(given: Any) -> Any:
    if not isinstance(given, list):
        return given
    return [_tool(tool, f"tools[{index}]") for index, tool in enumerate(given)] or None


def _tool(tool: Any, path: str) -> dict[str, Any]:
    if not isinstance(tool, dict):
        raise refused(path, "must be an object", code="invalid_type")
    kind = tool.get("type")
    if kind not in ("function", "custom"):
        raise unsupported(f"{path}.type", "must be function or custom: OpenAI's own tools are not here")
    described = {name: value for name, value in tool.items() if name != "type" and value is not None}
    return {"type": kind, kind: described}


def _choice(given: Any) -> Any:
    """Return which tools are called; a name stands in an object of its own in a chat."""
    if not isinstance(given, dict):
        return given
    kind = given.get("type")
    if kind in ("function", "custom"):
        return {"type": kind, kind: {"name": given.get("name")}}
    if kind == "allowed_tools" and isinstance(given.get("tools"), list):
        tools = [_choice(tool) for tool in given["tools"]]
        return {"type": kind, kind: {"mode": given.get("mode", "auto"), "tools": tools}}
    raise unsupported("tool_choice", "must name functions or custom tools: OpenAI's own tools are not here")


def _by_our_names(problem: ProblemError) -> ProblemError:
    """Return a failure with the names of parameters that the caller knows."""
    detail, errors = problem.detail, []
    for error in problem.errors:
        named = next((name for name in _NAMES if error.field.startswith(name)), "")
        field = _NAMES.get(named, "") + error.field.removeprefix(named)
        detail = detail.replace(error.field, field)
        errors.append(FieldViolation(field, error.description))
    return ProblemError(problem.status, problem.reason, detail, errors=errors)
