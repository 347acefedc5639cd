"""The options of a chat request, from OpenAI's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.openai_api import parameters as p
from gateway.openai_api.errors import refused
from gateway.openai_api.structs import struct_of
from tiku.llm.v1 import llm_pb2

_MODES = {
    "none": llm_pb2.TOOL_CHOICE_MODE_NONE,
    "auto": llm_pb2.TOOL_CHOICE_MODE_AUTO,
    "required": llm_pb2.TOOL_CHOICE_MODE_REQUIRED,
}
_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_WHOLE_NUMBERS = {"seed": (-(2**63), 2**63 - 1), "n": (1, 128), "top_logprobs": (0, 2**31 - 1)}
_MOST_BIAS = 2**53
"""Doubles hold all whole numbers up to it; what is used is between -100 and 100."""
_TRUTHS = ("logprobs", "parallel_tool_calls")
_READ = {
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "response_format",
    "tools",
    "tool_choice",
    "logit_bias",
    "reasoning_effort",
    *_NUMBERS,
    *_WHOLE_NUMBERS,
    *_TRUTHS,
}


def options_of(parameters: Mapping[str, Any]) -> llm_pb2.ChatOptions:
    """Return the options of a request; parameters that have no field are passed on as they are.

    Raises:
        ProblemError: one breaks a rule.
    """
    options = llm_pb2.ChatOptions()
    extra = {name: value for name, value in parameters.items() if name not in _READ}
    _set_plain(options, parameters)
    _set_tools(options, parameters, extra)
    _set_output(options, parameters, extra)
    if extra:
        options.extra.CopyFrom(struct_of(extra, next(iter(extra))))
    return options


def _set_plain(options: llm_pb2.ChatOptions, parameters: Mapping[str, Any]) -> None:
    for name in _NUMBERS:
        if (number := p.number(parameters, name)) is not None:
            setattr(options, name, number)
    for name, (lowest, highest) in _WHOLE_NUMBERS.items():
        if (whole := p.whole_number(parameters, name, lowest, highest)) is not None:
            setattr(options, name, whole)
    for name in _TRUTHS:
        if name in parameters:
            setattr(options, name, p.truth(parameters, name))
    tokens = p.whole_number(parameters, "max_completion_tokens", 1, 2**31 - 1)
    tokens = tokens or p.whole_number(parameters, "max_tokens", 1, 2**31 - 1)
    if tokens is not None:
        options.max_tokens = tokens
    if parameters.get("stop"):
        options.stop.extend(text for text in p.texts(parameters, "stop", single=True) if text)
    options.reasoning_effort = p.text(parameters, "reasoning_effort", "")
    if "logit_bias" in parameters:
        options.logit_bias.extend(_logit_bias(parameters["logit_bias"]))


def _logit_bias(given: Any) -> list[llm_pb2.TokenBias]:
    if not isinstance(given, dict):
        raise refused("logit_bias", "must be an object", code="invalid_type")
    if any(isinstance(bias, bool) or not isinstance(bias, int | float) for bias in given.values()):
        raise refused("logit_bias", "must hold numbers", code="invalid_type")
    if not all(abs(bias) <= _MOST_BIAS for bias in given.values()):
        raise refused("logit_bias", f"must hold numbers from {-_MOST_BIAS} to {_MOST_BIAS}")
    return [llm_pb2.TokenBias(token=token, bias=bias) for token, bias in given.items()]


def _set_tools(options: llm_pb2.ChatOptions, parameters: Mapping[str, Any], extra: dict[str, Any]) -> None:
    tools = parameters.get("tools", [])
    if not isinstance(tools, list):
        raise refused("tools", "must be a list", code="invalid_type")
    options.tools.extend(_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools))
    choice = parameters.get("tool_choice")
    if choice is None:
        return
    if isinstance(choice, dict):
        function = choice.get("function")
        if choice.get("type") == "function" and isinstance(function, dict) and isinstance(function.get("name"), str):
            options.tool_choice.function = function["name"]
        else:
            options.tool_choice.other.CopyFrom(struct_of(choice, "tool_choice"))
    elif not isinstance(choice, str):
        raise refused("tool_choice", "must be a string or an object", code="invalid_type")
    elif choice in _MODES:
        options.tool_choice.mode = _MODES[choice]
    else:  # A word of the provider's own.
        extra["tool_choice"] = choice


def _tool(tool: Any, path: str) -> llm_pb2.ToolDefinition:
    if not isinstance(tool, dict):
        raise refused(path, "must be an object", code="invalid_type")
    if tool.get("type", "function") != "function" or not tool.keys() <= {"type", "function"}:
        return llm_pb2.ToolDefinition(other=struct_of(tool, path))
    described = tool.get("function")
    if not isinstance(described, dict):
        raise refused(f"{path}.function", "must be an object", code="invalid_type")
    name, parameters, strict = (described.get(member) for member in ("name", "parameters", "strict"))
    if not isinstance(name, str) or not name:
        raise refused(f"{path}.function.name", "must be a string")
    if parameters is not None and not isinstance(parameters, dict):
        raise refused(f"{path}.function.parameters", "must be an object", code="invalid_type")
    if strict is not None and not isinstance(strict, bool):
        raise refused(f"{path}.function.strict", "must be true or false", code="invalid_type")
    more = {key: described[key] for key in described if key not in ("name", "description", "parameters", "strict")}
    function = llm_pb2.FunctionDefinition(
        name=name,
        description=p.text({"description": described.get("description") or ""}, "description"),
        parameters=None if parameters is None else struct_of(parameters, f"{path}.function.parameters"),
        strict=strict,
        extra=struct_of(more, f"{path}.function") if more else None,
    )
    return llm_pb2.ToolDefinition(function=function)


def _set_output(options: llm_pb2.ChatOptions, parameters: Mapping[str, Any], extra: dict[str, Any]) -> None:
    """Set the form of the answer."""
    wanted = parameters.get("response_format")
    if wanted is None or wanted == {"type": "text"}:
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if not isinstance(kind, str):
        raise refused("response_format.type", "must be text, json_object or json_schema")
    if wanted == {"type": "json_object"}:
        options.json_object = True
    elif kind != "json_schema":  # A form of the provider's own, such as a grammar.
        extra["response_format"] = wanted
    else:
        _set_schema(options.structured_output, wanted.get("json_schema"))


def _set_schema(output: llm_pb2.StructuredOutput, described: Any) -> None:
    schema = described.get("schema") if isinstance(described, dict) else None
    if not isinstance(described, dict) or not isinstance(schema, dict):
        raise refused("response_format.json_schema", "must hold a name and a schema")
    if not isinstance(described.get("name"), str):
        raise refused("response_format.json_schema.name", "must be a string")
    output.name = described["name"]
    output.strict = described.get("strict") is True
    if isinstance(description := described.get("description"), str):
        output.description = description
    output.json_schema.CopyFrom(struct_of(schema, "response_format.json_schema.schema"))
