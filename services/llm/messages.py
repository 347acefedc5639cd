"""Protos of the contract from values of the domain, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from google.protobuf.json_format import ParseError
from google.protobuf.struct_pb2 import Struct

from services.common.messages import message_of, usage_message
from services.common.values import TokenUsage
from services.kit.errors import FieldViolation, InvalidArgument
from services.kit.structs import members_of, struct_of
from services.llm.domain.targets import Served
from services.llm.domain.usage import Dimension, Group
from services.llm.values.chat import (
    ChatDelta,
    ChatFinish,
    ChatMessage,
    ChatRequest,
    Completion,
    FinishReason,
    OutputSchema,
    Role,
    SchemaCheck,
    TextDelta,
    ToolCall,
)
from services.llm.values.files import FileQuestion
from services.llm.values.relevance import Ranking, Vectors
from services.llm.values.spending import Spending
from tiku.llm.v1 import llm_pb2 as pb

_ROLES = {
    pb.ROLE_SYSTEM: Role.SYSTEM,
    pb.ROLE_USER: Role.USER,
    pb.ROLE_ASSISTANT: Role.ASSISTANT,
    pb.ROLE_TOOL: Role.TOOL,
    pb.ROLE_DEVELOPER: Role.DEVELOPER,
}
_REASONS = {
    FinishReason.UNKNOWN: pb.FINISH_REASON_UNSPECIFIED,
    FinishReason.STOP: pb.FINISH_REASON_STOP,
    FinishReason.LENGTH: pb.FINISH_REASON_LENGTH,
    FinishReason.CONTENT_FILTER: pb.FINISH_REASON_CONTENT_FILTER,
    FinishReason.TOOL_CALLS: pb.FINISH_REASON_TOOL_CALLS,
}
_DIMENSIONS = {
    pb.USAGE_DIMENSION_DAY: Dimension.DAY,
    pb.USAGE_DIMENSION_USER: Dimension.USER,
    pb.USAGE_DIMENSION_KEY: Dimension.KEY,
    pb.USAGE_DIMENSION_ORGANIZATION: Dimension.ORGANIZATION,
}
_OWN_OPTIONS = ("temperature", "top_p", "max_tokens", "seed", "n", "json_object")
"""Options that a request to a model has by the same name."""
_PASSED_OPTIONS = (
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "parallel_tool_calls",
    "reasoning_effort",
)
"""Options that are passed on by the same name."""
_MODES = {pb.TOOL_CHOICE_MODE_NONE: "none", pb.TOOL_CHOICE_MODE_AUTO: "auto", pb.TOOL_CHOICE_MODE_REQUIRED: "required"}
_LEAST_LOGPROB = -9999.0
"""What OpenAI's API says of a token that cannot be."""


def chat_request(request: pb.ChatRequest | pb.StreamChatRequest) -> ChatRequest:
    """Return what a request asks of a chat model; an option that is not set is the provider's default."""
    options = request.options
    output = None
    if options.HasField("structured_output"):
        wanted = options.structured_output
        strict = wanted.strict if wanted.HasField("strict") else True
        schema = _dict(wanted.json_schema, "options.structured_output.json_schema")
        output = OutputSchema(wanted.name, schema, strict, wanted.description)
    given = {field.name: value for field, value in options.ListFields()}
    return ChatRequest(
        model=request.model,
        messages=[_message(message, index) for index, message in enumerate(request.messages)],
        stop=list(options.stop),
        output=output,
        tools=[_tool(tool, index) for index, tool in enumerate(options.tools)],
        more=_more(options, given),
        **{name: given[name] for name in _OWN_OPTIONS if name in given},
    )


def _more(options: pb.ChatOptions, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options that are passed on in OpenAI's form."""
    more = {name: given[name] for name in _PASSED_OPTIONS if name in given}
    if options.logit_bias:
        more["logit_bias"] = {
            item.token: int(item.bias) if item.bias.is_integer() else item.bias for item in options.logit_bias
        }
    if options.HasField("tool_choice"):
        more["tool_choice"] = _tool_choice(options.tool_choice)
    if options.HasField("extra"):
        more.update(_dict(options.extra, "options.extra"))
    return more


def _tool_choice(choice: pb.ToolChoice) -> object:
    match choice.WhichOneof("choice"):
        case "function":
            return {"type": "function", "function": {"name": choice.function}}
        case "other":
            return _dict(choice.other, "options.tool_choice.other")
    return _MODES.get(choice.mode, "auto")


def _tool(tool: pb.ToolDefinition, index: int) -> Mapping[str, Any]:
    path = f"options.tools[{index}]"
    if tool.WhichOneof("tool") == "other":
        return _dict(tool.other, f"{path}.other")
    function = tool.function
    described: dict[str, Any] = {"name": function.name}
    if function.description:
        described["description"] = function.description
    if function.HasField("parameters"):
        described["parameters"] = _dict(function.parameters, f"{path}.function.parameters")
    if function.HasField("strict"):
        described["strict"] = function.strict
    if function.HasField("extra"):
        described |= _dict(function.extra, f"{path}.function.extra")
    return {"type": "function", "function": described}


def _message(message: pb.ChatMessage, index: int) -> ChatMessage:
    role, content = _ROLES[message.role], message.content
    if len(message.ListFields()) == 1 + bool(content):
        return ChatMessage(role, content)
    path = f"messages[{index}]"
    return ChatMessage(
        role,
        content,
        parts=[_part(part, f"{path}.parts[{place}]") for place, part in enumerate(message.parts)],
        tool_calls=[
            ToolCall(
                call.id, call.name, call.arguments, call.custom, place, _extra(call, f"{path}.tool_calls[{place}]")
            )
            for place, call in enumerate(message.tool_calls)
        ],
        tool_call_id=message.tool_call_id,
        name=message.name,
        refusal=message.refusal,
        reasoning=message.reasoning if message.HasField("reasoning") else None,
        extra=_extra(message, path) or {},
    )


def _part(part: pb.ContentPart, path: str) -> Mapping[str, Any]:
    """Return a part in OpenAI's form."""
    extra = _extra(part, path) or {}
    match part.WhichOneof("part"):
        case "text":
            return {"type": "text", "text": part.text, **extra}
        case "image":
            return {"type": "image_url", "image_url": _members(part.image), **extra}
        case "audio":
            return {"type": "input_audio", "input_audio": _members(part.audio), **extra}
        case "file":
            return {"type": "file", "file": _members(part.file), **extra}
    return {**_dict(part.other, f"{path}.other"), **extra}


def _members(message: Any) -> dict[str, Any]:
    return {field.name: value for field, value in message.ListFields()}


def _extra(message: Any, path: str) -> Mapping[str, Any] | None:
    return _dict(message.extra, f"{path}.extra") if message.HasField("extra") else None


def _dict(struct: Struct, path: str) -> dict[str, Any]:
    """Return what a Struct holds, whose place in the request is `path`.

    Raises:
        InvalidArgument: it holds a number that JSON has no word for.
    """
    try:
        return dict(_schema(struct.SerializeToString(deterministic=True)))
    except ValueError as error:  # JSON has no NaN and no infinity; a Struct has.
        rule = "must hold finite numbers only"
        raise InvalidArgument(f"{path} {rule}.", violations=[FieldViolation(path, rule)]) from error


@lru_cache(maxsize=256)
def _schema(struct: bytes) -> Mapping[str, Any]:
    """Return what a serialized Struct holds, read-only: callers send the same few schemas again and again."""
    return MappingProxyType(ordered(members_of(Struct.FromString(struct))))


def ordered(schema: Mapping[str, object]) -> dict[str, object]:
    """Return the schema with an order of properties, which a Struct takes away.

    Constrained decoding writes properties in the order of the schema, so those that `required` lists, which keeps
    its order, come first and in that order, the others after them by name.
    """
    result = {key: _ordered_value(schema[key]) for key in sorted(schema)}
    properties, required = result.get("properties"), result.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        order = [name for name in dict.fromkeys(required) if name in properties]
        result["properties"] = {name: properties[name] for name in dict.fromkeys((*order, *properties))}
    return result


def _ordered_value(value: object) -> object:
    if isinstance(value, Mapping):
        return ordered(value)
    return [_ordered_value(item) for item in value] if isinstance(value, list) else value


def chat_response(completion: Completion, served: Served) -> pb.ChatResponse:
    """Return a whole answer and who gave it."""
    return pb.ChatResponse(
        message=_answer(completion),
        logprobs=_logprobs(completion.logprobs),
        more_choices=[
            pb.ChatChoice(
                index=index,
                message=_answer(other),
                finish_reason=_REASONS[other.reason],
                logprobs=_logprobs(other.logprobs),
            )
            for index, other in enumerate(completion.others, 1)
        ],
        **_end(completion, served),
    )


def _answer(completion: Completion) -> pb.ChatMessage:
    return pb.ChatMessage(
        role=pb.ROLE_ASSISTANT,
        content=completion.text,
        reasoning=completion.reasoning or None,
        refusal=completion.refusal,
        tool_calls=[
            pb.ToolCall(
                id=call.id, name=call.name, arguments=call.arguments, custom=call.custom, extra=_struct(call.extra)
            )
            for call in completion.tool_calls
        ],
        extra=_struct(completion.extra),
    )


def delta_response(delta: TextDelta) -> pb.StreamChatResponse:
    """Return a piece of an answer."""
    if not isinstance(delta, ChatDelta):
        return pb.StreamChatResponse(delta=pb.ChatDelta(text=delta.text))
    pieces = [
        pb.ToolCallDelta(
            index=call.index,
            id=call.id,
            name=call.name,
            arguments=call.arguments,
            custom=call.custom,
            extra=_struct(call.extra),
        )
        for call in delta.tool_calls
    ]
    return pb.StreamChatResponse(
        delta=pb.ChatDelta(
            text=delta.text,
            index=delta.index or None,
            reasoning=delta.reasoning or None,
            refusal=delta.refusal or None,
            tool_calls=pb.ToolCallDeltas(pieces=pieces) if pieces else None,
            logprobs=_logprobs(delta.logprobs),
            extra=_struct(delta.extra),
        )
    )


def finish_response(finish: ChatFinish, served: Served) -> pb.StreamChatResponse:
    """Return the end of a stream and who gave it."""
    more = [_REASONS[reason] for reason in finish.more_reasons]
    return pb.StreamChatResponse(finish=pb.ChatFinish(more_finish_reasons=more, **_end(finish, served)))


def _struct(members: Mapping[str, Any] | None) -> Struct | None:
    """Return what a provider sent beside the answer; None for nothing, or where a Struct cannot hold it."""
    if not members:
        return None
    try:
        return struct_of(members)
    except ParseError:
        return None


def _logprobs(given: Mapping[str, Any] | None) -> pb.Logprobs | None:
    if given is None:
        return None
    return pb.Logprobs(**{name: [_token(token) for token in _objects(tokens)] for name, tokens in given.items()})


def _token(given: Mapping[str, Any]) -> pb.TokenLogprob:
    top = [pb.TokenAlternative(**_likelihood(other)) for other in _objects(given.get("top_logprobs"))]
    return pb.TokenLogprob(top=top, **_likelihood(given))


def _likelihood(given: Mapping[str, Any]) -> dict[str, Any]:
    logprob, utf8 = given.get("logprob"), given.get("bytes")
    known = isinstance(logprob, int | float) and logprob > _LEAST_LOGPROB
    whole = isinstance(utf8, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in utf8)
    return {
        "token": str(given.get("token") or ""),
        "logprob": logprob if known else _LEAST_LOGPROB,
        "utf8": bytes(utf8) if isinstance(utf8, list) and whole else None,
    }


def _objects(given: Any) -> list[Mapping[str, Any]]:
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


def _end(answer: Completion | ChatFinish, served: Served) -> dict[str, Any]:
    """Return the fields that say how an answer ended, what it cost and who gave it."""
    return {
        "finish_reason": _REASONS[answer.reason],
        "usage": usage_message(answer.usage or TokenUsage()),
        "model": served.model,
        "provider": served.provider,
        "schema_check": _check(answer.check),
    }


def _check(check: SchemaCheck | None) -> pb.SchemaCheck | None:
    if check is None:
        return None
    rules = check.broken_rules
    return pb.SchemaCheck(matches=not rules, broken_rules=rules, repaired=check.repaired)


def file_question(description: pb.ReadFileDescription) -> FileQuestion:
    """Return what is asked about a file."""
    chat = chat_request(pb.ChatRequest(model=description.model, options=description.options))
    return FileQuestion(description.name, description.question, description.size_bytes, chat)


def file_response(completion: Completion, served: Served) -> pb.ReadFileResponse:
    """Return the answer about a file, and who read it."""
    return pb.ReadFileResponse(text=completion.text, **_end(completion, served))


def embed_response(vectors: Vectors, model: str) -> pb.EmbedResponse:
    """Return one embedding a text, in order."""
    return pb.EmbedResponse(
        embeddings=[embedding(vectors.row(index)) for index in range(vectors.count)],
        dimension=vectors.dimension,
        model=model,
        usage=usage_message(vectors.usage),
    )


def embedding(row: bytes) -> pb.Embedding:
    """Return an Embedding from little-endian float32 bytes, which are its packed field's own encoding.

    Parsing them costs a copy; assigning 2,048 vectors number by number would stall the loop for tens of milliseconds.
    """
    return pb.Embedding.FromString(_embedding_head(len(row)) + row)


@lru_cache(maxsize=8)
def _embedding_head(size: int) -> bytes:
    """Return what precedes the numbers in an Embedding of so many bytes of them: the field and its length."""
    return pb.Embedding(values=[0.0] * (size // 4)).SerializeToString().removesuffix(bytes(size))


def rerank_response(ranking: Ranking, model: str) -> pb.RerankResponse:
    """Return the ranked documents, best first."""
    return pb.RerankResponse(
        results=[pb.RankedDocument(index=item.index, score=item.score) for item in ranking.results],
        model=model,
        usage=usage_message(ranking.usage),
    )


def models_response(
    chat: Sequence[Served],
    embedding: Sequence[Served],
    rerank: Sequence[Served],
    reading_speed: Callable[[Served], float | None],
) -> pb.ListModelsResponse:
    """Return every configured model, the default of each purpose first."""
    purposes = (pb.MODEL_PURPOSE_CHAT, pb.MODEL_PURPOSE_EMBEDDING, pb.MODEL_PURPOSE_RERANK)
    models = [
        pb.Model(
            name=served.model,
            provider=served.provider,
            purpose=purpose,
            default=not place,
            reads_files=served.reads_files,
            input_tokens_per_second=reading_speed(served) if purpose == pb.MODEL_PURPOSE_CHAT else None,
        )
        for purpose, serving in zip(purposes, (chat, embedding, rerank), strict=True)
        for place, served in enumerate(serving)
    ]
    return pb.ListModelsResponse(models=sorted(models, key=lambda model: not model.default))


def usage_request(request: pb.GetUsageRequest, today: date) -> tuple[date, date, list[Dimension]]:
    """Return the first day, the last day, and what to tell apart.

    Raises:
        InvalidArgument: a day is none.
    """
    first = _day("first_day", request.first_day) or date.min
    last = _day("last_day", request.last_day) or today
    return first, last, [_DIMENSIONS[dimension] for dimension in request.group_by]


def _day(field: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        rule = "must be a day such as 2026-11-29"
        raise InvalidArgument(f"{field} {rule}.", violations=[FieldViolation(field, rule)]) from error


def usage_response(groups: Iterable[tuple[Group, Spending]], since: datetime, currency: str) -> pb.GetUsageResponse:
    """Return what was spent since an instant."""
    response = pb.GetUsageResponse(
        usage=[
            message_of(
                pb.ModelUsage,
                spent,
                **{field: getattr(group, field) for field in ("provider", "model", "user", "key", "organization")},
                day=group.day.isoformat() if group.day else "",
                failed_calls=spent.failed,
                cancelled_calls=spent.cancelled,
                estimated_calls=spent.estimated,
                tokens=usage_message(spent.tokens),
            )
            for group, spent in groups
        ],
        currency=currency,
    )
    response.since.FromDatetime(since)
    return response
