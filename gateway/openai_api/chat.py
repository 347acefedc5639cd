"""`POST /v1/chat/completions`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from google.protobuf.message import DecodeError

from gateway.exchange import Exchange
from gateway.openai_api import parameters as p
from gateway.openai_api.chat_messages import messages_of
from gateway.openai_api.chat_options import options_of
from gateway.openai_api.errors import error_body, refused
from gateway.openai_api.functions import in_old_form, with_tools
from gateway.problems import ProblemError
from gateway.settings import GatewaySettings
from gateway.sse import relay
from gateway.upstream import Upstream
from services.kit.ids import new_id
from services.kit.structs import members_of
from tiku.common.v1 import source_pb2
from tiku.llm.v1 import llm_pb2

Request = TypeVar("Request", llm_pb2.ChatRequest, llm_pb2.StreamChatRequest)

_FINISH_REASONS = {
    llm_pb2.FINISH_REASON_LENGTH: "length",
    llm_pb2.FINISH_REASON_CONTENT_FILTER: "content_filter",
    llm_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
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
        # A whole answer takes a model as long as one that is streamed.
        exchange.set_deadline(self._settings.stream_timeout_seconds)
        parameters, old_form = with_tools(await p.read_parameters(exchange, self._settings.max_json_bytes))
        fields: dict[str, Any] = {
            "model": p.text(parameters, "model", ""),
            "messages": messages_of(parameters),
            "options": options_of(parameters),
        }
        usage_wanted = _usage_wanted(parameters)
        if p.truth(parameters, "stream"):
            request = request_of(llm_pb2.StreamChatRequest, fields)
            await self._stream(exchange, request, _Chunks(request.model, usage_wanted, old_form=old_form))
        else:
            await self._whole(exchange, request_of(llm_pb2.ChatRequest, fields), old_form=old_form)

    async def _whole(self, exchange: Exchange, request: llm_pb2.ChatRequest, *, old_form: bool) -> None:
        call = self._chat(
            request.SerializeToString(),
            timeout=exchange.time_left(),
        )
        response = llm_pb2.ChatResponse.FromString(await exchange.result_of(call))
        first = llm_pb2.ChatChoice(
            message=response.message,
            finish_reason=response.finish_reason,
            logprobs=response.logprobs if response.HasField("logprobs") else None,
        )
        choices = [_whole_choice(choice) for choice in (first, *response.more_choices)]
        body = {
            "id": f"chatcmpl-{new_id()}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": response.model,
            "choices": [in_old_form(choice) for choice in choices] if old_form else choices,
            "usage": usage(response.usage),
        }
        await exchange.respond(200, orjson.dumps(body))

    async def _stream(self, exchange: Exchange, request: llm_pb2.StreamChatRequest, chunks: _Chunks) -> None:
        call = self._stream_chat(
            request.SerializeToString(),
            timeout=exchange.time_left(),
        )
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

    def __init__(self, model: str, usage_wanted: bool, *, old_form: bool) -> None:
        self._envelope = {
            "id": f"chatcmpl-{new_id()}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        self._usage_wanted = usage_wanted
        self._old_form = old_form
        """Whether calls are told as those of functions."""
        self._begun: set[int] = set()

    def encode(self, raw: bytes) -> bytes:
        """Return one event as one chunk; the finish as one or more."""
        event = llm_pb2.StreamChatResponse.FromString(raw)
        if event.WhichOneof("event") != "finish":
            piece = event.delta
            delta = self._begin(piece.index)
            if len(piece.ListFields()) == bool(piece.text):
                delta["content"] = piece.text
                return self._chunk([_choice(piece.index, delta, None)])
            delta |= _delta(piece)
            return self._chunk([_choice(piece.index, delta, None, logprobs_of(piece))])
        check = event.finish.schema_check
        if check.broken_rules:
            return b"data: " + orjson.dumps(error_body(broken(check))) + b"\n\n"
        if event.finish.model:
            self._envelope["model"] = event.finish.model
        reasons = (event.finish.finish_reason, *event.finish.more_finish_reasons)
        closing = b"".join(
            self._chunk([_choice(index, self._begin(index), _FINISH_REASONS.get(reason, "stop"))])
            for index, reason in enumerate(reasons)
        )
        return closing + self._chunk([], usage(event.finish.usage)) if self._usage_wanted else closing

    def _begin(self, index: int) -> dict[str, Any]:
        """Return what a delta begins with: the first of each answer says who speaks."""
        if index in self._begun:
            return {}
        self._begun.add(index)
        return {"role": "assistant", "content": ""}

    def _chunk(self, choices: list[dict[str, Any]], counted: dict[str, Any] | None = None) -> bytes:
        if self._old_form:
            choices = [in_old_form(choice) for choice in choices]
        chunk: dict[str, Any] = {**self._envelope, "choices": choices}
        if self._usage_wanted:
            chunk["usage"] = counted
        return b"data: " + orjson.dumps(chunk) + b"\n\n"


def usage(counted: source_pb2.TokenUsage) -> dict[str, Any]:
    """Return token counts by OpenAI's names; details are there where the provider told them, zeros too."""
    counts: dict[str, Any] = {
        "prompt_tokens": counted.prompt_tokens,
        "completion_tokens": counted.completion_tokens,
        "total_tokens": counted.total_tokens,
    }
    if counted.HasField("cached_prompt_tokens"):
        counts["prompt_tokens_details"] = {"cached_tokens": counted.cached_prompt_tokens}
    if counted.HasField("reasoning_tokens"):
        counts["completion_tokens_details"] = {"reasoning_tokens": counted.reasoning_tokens}
    return counts


def _choice(
    index: int, delta: dict[str, Any], finish_reason: str | None, logprobs: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}


def _delta(piece: llm_pb2.ChatDelta) -> dict[str, Any]:
    """Return a piece that is more than text."""
    delta: dict[str, Any] = members_of(piece.extra) if piece.HasField("extra") else {}
    texts = {"content": piece.text, "reasoning_content": piece.reasoning, "refusal": piece.refusal}
    delta |= {name: text for name, text in texts.items() if text}
    if piece.HasField("tool_calls"):
        delta["tool_calls"] = [_call_delta(call) for call in piece.tool_calls.pieces]
    return delta


def _call_delta(call: llm_pb2.ToolCallDelta) -> dict[str, Any]:
    kind, argument = ("custom", "input") if call.custom else ("function", "arguments")
    begun = {"id": call.id, "type": kind} if call.id else {}
    named = {"name": call.name} if call.name else {}
    extra = members_of(call.extra) if call.HasField("extra") else {}
    return {"index": call.index, **begun, kind: {**named, argument: call.arguments}, **extra}


def _whole_choice(choice: llm_pb2.ChatChoice) -> dict[str, Any]:
    return {
        "index": choice.index,
        "message": _message(choice.message),
        "logprobs": logprobs_of(choice),
        "finish_reason": _FINISH_REASONS.get(choice.finish_reason, "stop"),
    }


def _message(answer: llm_pb2.ChatMessage) -> dict[str, Any]:
    message: dict[str, Any] = members_of(answer.extra) if answer.HasField("extra") else {}
    silent = not answer.content and (answer.tool_calls or answer.refusal)
    message |= {"role": "assistant", "content": None if silent else answer.content, "refusal": answer.refusal or None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        message["tool_calls"] = [_call(call) for call in answer.tool_calls]
    return message


def _call(call: llm_pb2.ToolCall) -> dict[str, Any]:
    kind, argument = ("custom", "input") if call.custom else ("function", "arguments")
    extra = members_of(call.extra) if call.HasField("extra") else {}
    return {"id": call.id, "type": kind, kind: {"name": call.name, argument: call.arguments}, **extra}


def logprobs_of(answer: llm_pb2.ChatChoice | llm_pb2.ChatDelta | llm_pb2.ChatResponse) -> dict[str, Any] | None:
    """Return how likely tokens were; None where the provider does not say it."""
    if not answer.HasField("logprobs"):
        return None
    lists = {"content": answer.logprobs.content, "refusal": answer.logprobs.refusal}
    return {
        name: [_likelihood(token) | {"top_logprobs": [_likelihood(other) for other in token.top]} for token in tokens]
        if tokens
        else None
        for name, tokens in lists.items()
    }


def _likelihood(token: llm_pb2.TokenLogprob | llm_pb2.TokenAlternative) -> dict[str, Any]:
    return {
        "token": token.token,
        "logprob": token.logprob,
        "bytes": list(token.utf8) if token.HasField("utf8") else None,
    }


def _error_event(exchange: Exchange, problem: ProblemError) -> bytes:
    return b"data: " + orjson.dumps(error_body(problem)) + b"\n\n" + _END


def broken(check: llm_pb2.SchemaCheck) -> ProblemError:
    """Return the failure of a stream whose text does not match the schema."""
    rule = check.broken_rules[0]
    detail = f"The model's answer does not match the schema: {rule}."
    return ProblemError(400, "SCHEMA_NOT_MATCHED", detail, metadata={"rule": rule})


def request_of(kind: type[Request], fields: dict[str, Any]) -> Request:
    """Build a request; its parts are copied as bytes, of which protobuf reads 100 levels."""
    try:
        return kind(**fields)
    except DecodeError:
        raise refused("response_format.json_schema.schema", "is nested too deeply") from None


def _usage_wanted(parameters: Mapping[str, Any]) -> bool:
    wanted = parameters.get("stream_options")
    if wanted is None:
        return False
    if not p.truth(parameters, "stream"):
        raise refused("stream_options", "is only allowed together with stream")
    if not isinstance(wanted, dict):
        raise refused("stream_options", "must be an object", code="invalid_type")
    return p.truth(wanted, "include_usage")
