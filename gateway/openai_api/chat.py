"""`POST /v1/chat/completions`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypeVar

import grpc
import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from gateway.exchange import Exchange
from gateway.openai_api import parameters as p
from gateway.openai_api.errors import error_body, refused, unsupported
from gateway.problems import ProblemError, from_error
from gateway.settings import GatewaySettings
from gateway.sse import relay
from gateway.upstream import Upstream
from services.kit.ids import new_id
from services.kit.rpc_errors import from_rpc_error
from tiku.common.v1 import source_pb2
from tiku.llm.v1 import llm_pb2

Request = TypeVar("Request", llm_pb2.ChatRequest, llm_pb2.StreamChatRequest)

_KNOWN = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "seed",
        "response_format",
    }
)
_NEUTRAL: Mapping[str, Any] = {
    "n": 1,
    "tools": [],
    "tool_choice": "none",
    "parallel_tool_calls": True,
    "functions": [],
    "function_call": "none",
    "logprobs": False,
    "top_logprobs": 0,
    "logit_bias": {},
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "modalities": ["text"],
    "audio": None,
    "prediction": None,
    "reasoning_effort": "none",
    "verbosity": "medium",
    "web_search_options": None,
}
"""Parameters that are not served, with the value that asks for nothing."""

_ROLES = {
    "system": llm_pb2.ROLE_SYSTEM,
    "developer": llm_pb2.ROLE_SYSTEM,
    "user": llm_pb2.ROLE_USER,
    "assistant": llm_pb2.ROLE_ASSISTANT,
}
_FINISH_REASONS = {
    llm_pb2.FINISH_REASON_LENGTH: "length",
    llm_pb2.FINISH_REASON_CONTENT_FILTER: "content_filter",
}
_END = b"data: [DONE]\n\n"


class ChatCompletions:
    """Serves chat completions, whole and streamed."""

    def __init__(self, upstream: Upstream, settings: GatewaySettings) -> None:
        self._chat = upstream.unary("llm", "/tiku.llm.v1.LlmService/Chat")
        self._stream_chat = upstream.server_stream("llm", "/tiku.llm.v1.LlmService/StreamChat")
        self._settings = settings

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Answer one request."""
        exchange.set_deadline(self._settings.unary_timeout_seconds)
        parameters = await p.read_parameters(exchange, self._settings.max_json_bytes)
        p.check_known(parameters, _KNOWN, _NEUTRAL)
        fields: dict[str, Any] = {
            "model": p.text(parameters, "model", ""),
            "messages": _messages(parameters),
            "options": _options(parameters),
        }
        usage_wanted = _usage_wanted(parameters)
        if p.truth(parameters, "stream"):
            await self._stream(exchange, _request(llm_pb2.StreamChatRequest, fields), usage_wanted)
        else:
            await self._whole(exchange, _request(llm_pb2.ChatRequest, fields))

    async def _whole(self, exchange: Exchange, request: llm_pb2.ChatRequest) -> None:
        call = self._chat(
            request.SerializeToString(),
            timeout=exchange.time_left(),
        )
        response = llm_pb2.ChatResponse.FromString(await exchange.result_of(call))
        message = {"role": "assistant", "content": response.message.content, "refusal": None}
        finish_reason = _FINISH_REASONS.get(response.finish_reason, "stop")
        body = {
            "id": f"chatcmpl-{new_id()}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": response.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
            "usage": usage(response.usage),
        }
        await exchange.respond(200, orjson.dumps(body))

    async def _stream(self, exchange: Exchange, request: llm_pb2.StreamChatRequest, usage_wanted: bool) -> None:
        exchange.set_deadline(self._settings.stream_timeout_seconds)
        call = self._stream_chat(
            request.SerializeToString(),
            timeout=exchange.time_left(),
        )
        chunks = _Chunks(request.model, usage_wanted)
        await relay(
            exchange,
            call,
            chunks.encode,
            heartbeat=self._settings.heartbeat_seconds,
            last=_END,
            on_error=_error_event,
        )


class _Chunks:
    """Turns the events of one streamed answer into completion chunks."""

    def __init__(self, model: str, usage_wanted: bool) -> None:
        self._envelope = {
            "id": f"chatcmpl-{new_id()}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        self._usage_wanted = usage_wanted
        self._first = True

    def encode(self, raw: bytes) -> bytes:
        """Return one event as one chunk; the finish as one or two."""
        event = llm_pb2.StreamChatResponse.FromString(raw)
        delta: dict[str, str] = {}
        if self._first:
            delta["role"], delta["content"] = "assistant", ""
            self._first = False
        if event.WhichOneof("event") != "finish":
            delta["content"] = event.delta.text
            return self._chunk([_choice(delta, None)])
        if event.finish.model:
            self._envelope["model"] = event.finish.model
        closing = self._chunk([_choice(delta, _FINISH_REASONS.get(event.finish.finish_reason, "stop"))])
        return closing + self._chunk([], usage(event.finish.usage)) if self._usage_wanted else closing

    def _chunk(self, choices: list[dict[str, Any]], counted: dict[str, Any] | None = None) -> bytes:
        chunk: dict[str, Any] = {**self._envelope, "choices": choices}
        if self._usage_wanted:
            chunk["usage"] = counted
        return b"data: " + orjson.dumps(chunk) + b"\n\n"


def usage(counted: source_pb2.TokenUsage) -> dict[str, Any]:
    """Return token counts by OpenAI's names."""
    return {
        "prompt_tokens": counted.prompt_tokens,
        "completion_tokens": counted.completion_tokens,
        "total_tokens": counted.total_tokens,
    }


def _choice(delta: dict[str, str], finish_reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _error_event(exchange: Exchange, error: grpc.RpcError) -> bytes:
    return b"data: " + orjson.dumps(error_body(from_error(from_rpc_error(error)))) + b"\n\n" + _END


def _messages(parameters: Mapping[str, Any]) -> list[llm_pb2.ChatMessage]:
    given = parameters.get("messages")
    if given is None:
        raise refused("messages", "is required", code="missing_required_parameter")
    if not isinstance(given, list) or not given:
        raise refused("messages", "must be a list of at least one message")
    return [_message(item, f"messages[{index}]") for index, item in enumerate(given)]


def _message(item: Any, path: str) -> llm_pb2.ChatMessage:
    if not isinstance(item, dict):
        raise refused(path, "must be an object", code="invalid_type")
    for name in ("tool_calls", "function_call", "audio", "tool_call_id"):
        if item.get(name):
            raise unsupported(f"{path}.{name}")
    role = item.get("role")
    if role not in _ROLES:
        raise refused(f"{path}.role", "must be system, developer, user or assistant")
    content = item.get("content")
    if content is None and role == "assistant":
        content = ""
    return llm_pb2.ChatMessage(role=_ROLES[role], content=_content(content, f"{path}.content"))


def _content(content: Any, path: str) -> str:
    """Return the text of a message; text parts are joined by line feeds."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        raise refused(path, "must be a string or a list of text parts", code="invalid_type")
    pieces = []
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text":
            raise unsupported(f"{path}[{index}].type", "must be text; images, audio and files are not supported here")
        if not isinstance(part.get("text"), str):
            raise refused(f"{path}[{index}].text", "must be a string", code="invalid_type")
        pieces.append(part["text"])
    return "\n".join(pieces)


def _options(parameters: Mapping[str, Any]) -> llm_pb2.ChatOptions:
    options = llm_pb2.ChatOptions()
    if (temperature := p.number(parameters, "temperature")) is not None:
        options.temperature = temperature
    if (top_p := p.number(parameters, "top_p")) is not None:
        options.top_p = top_p
    tokens = p.whole_number(parameters, "max_completion_tokens", 1, 131_072)
    tokens = tokens or p.whole_number(parameters, "max_tokens", 1, 131_072)
    if tokens is not None:
        options.max_tokens = tokens
    if (seed := p.whole_number(parameters, "seed", -(2**63), 2**63 - 1)) is not None:
        options.seed = seed
    if "stop" in parameters:
        options.stop.extend(p.texts(parameters, "stop", single=True))
    _structure(options, parameters.get("response_format"))
    return options


def _structure(options: llm_pb2.ChatOptions, wanted: Any) -> None:
    if wanted is None:
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "text":
        return
    if kind == "json_object":
        options.structured_output.name = "object"
        options.structured_output.json_schema["type"] = "object"
        return
    if kind != "json_schema":
        raise refused("response_format.type", "must be text, json_object or json_schema")
    described = wanted.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    if not isinstance(described, dict) or not isinstance(schema, dict):
        raise refused("response_format.json_schema", "must hold a name and a schema")
    if not isinstance(described.get("name"), str):
        raise refused("response_format.json_schema.name", "must be a string")
    options.structured_output.name = described["name"]
    try:
        json_format.ParseDict(schema, options.structured_output.json_schema)
    except json_format.ParseError:
        raise _too_deep() from None


def _request(kind: type[Request], fields: dict[str, Any]) -> Request:
    """Build a request; its parts are copied as bytes, of which protobuf reads 100 levels."""
    try:
        return kind(**fields)
    except DecodeError:
        raise _too_deep() from None


def _too_deep() -> ProblemError:
    return refused("response_format.json_schema.schema", "is nested too deeply")


def _usage_wanted(parameters: Mapping[str, Any]) -> bool:
    wanted = parameters.get("stream_options")
    if wanted is None:
        return False
    if not p.truth(parameters, "stream"):
        raise refused("stream_options", "is only allowed together with stream")
    if not isinstance(wanted, dict):
        raise refused("stream_options", "must be an object", code="invalid_type")
    return p.truth(wanted, "include_usage")
