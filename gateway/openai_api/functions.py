"""`functions` and `function_call`, which came before tools: sent on as tools, and answered as they were asked for.

The old form has no ids of calls, and one call in an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.openai_api.errors import refused

_OLD = ("functions", "function_call")


def with_tools(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return a request with tools in place of functions, and whether its answer is to have the old form.

    Raises:
        ProblemError: a parameter breaks a rule.
    """
    given = dict(parameters)
    functions, choice = given.pop("functions", None), given.pop("function_call", None)
    if isinstance(given.get("messages"), list):
        given["messages"] = _with_calls(given["messages"])
    if not functions:
        if choice not in (None, "none", "auto"):
            raise refused("function_call", "is only allowed together with functions")
        return given, False
    if given.get("tools"):
        raise refused("functions", "must not stand beside tools, which took their place")
    if not isinstance(functions, list) or not all(isinstance(one, dict) for one in functions):
        raise refused("functions", "must be a list of objects", code="invalid_type")
    given["tools"] = [{"type": "function", "function": one} for one in functions]
    given["parallel_tool_calls"] = False
    if isinstance(choice, dict):
        if not isinstance(choice.get("name"), str):
            raise refused("function_call.name", "must be a string", code="invalid_type")
        given["tool_choice"] = {"type": "function", "function": choice}
    elif isinstance(choice, str):
        given["tool_choice"] = choice
    elif choice is not None:
        raise refused("function_call", "must be a string or an object", code="invalid_type")
    return given, True


def in_old_form(choice: dict[str, Any]) -> dict[str, Any]:
    """Return one of the answers, or a piece of one, with a call of a function in place of calls of tools."""
    answer = choice.get("message") or choice["delta"]
    for call in answer.pop("tool_calls", ()):
        if not call.get("index"):
            answer["function_call"] = call.get("function") or _as_function(call["custom"])
            break
    if choice["finish_reason"] == "tool_calls":
        choice["finish_reason"] = "function_call"
    return choice


def _as_function(custom: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call of a tool that takes any text, which some models make unasked; a piece of one may lack members."""
    return {{"input": "arguments"}.get(name, name): value for name, value in custom.items()}


def _with_calls(messages: list[Any]) -> list[Any]:
    """Return messages with calls of tools, to which results belong by an id, in place of calls of functions."""
    ids: dict[str, str] = {}
    return [_with_call(one, f"call_{index}", ids, f"messages[{index}]") for index, one in enumerate(messages)]


def _with_call(message: Any, new_id: str, ids: dict[str, str], path: str) -> Any:
    """Return a message in the new form; `ids` are those of the latest calls, by the name of their function."""
    if not isinstance(message, dict):
        return message
    called = message.get("function_call")
    if called and not message.get("tool_calls"):  # Some say a call both ways; results name the id of the new one.
        if not isinstance(called, dict):
            raise refused(f"{path}.function_call", "must be an object", code="invalid_type")
        if not isinstance(called.get("name"), str):
            raise refused(f"{path}.function_call.name", "must be a string", code="invalid_type")
        ids[called["name"]] = new_id
        rest = {name: value for name, value in message.items() if name != "function_call"}
        return {**rest, "tool_calls": [{"id": new_id, "type": "function", "function": called}]}
    if message.get("role") == "function":
        name = str(message.get("name"))
        if name not in ids:
            raise refused(f"{path}.name", "must be that of a function which a message before it calls")
        content = message.get("content")
        # A function may have nothing to say; a tool has to say something.
        return {"role": "tool", "content": "" if content is None else content, "tool_call_id": ids[name]}
    return message
