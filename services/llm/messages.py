"""Protos of the contract from values of the domain, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from services.common.messages import message_of, usage_message
from services.common.values import TokenUsage
from services.kit.errors import FieldViolation, InvalidArgument
from services.llm.domain.targets import Served
from services.llm.domain.usage import Dimension, Group
from services.llm.values.chat import ChatFinish, ChatMessage, ChatRequest, Completion, FinishReason, OutputSchema, Role
from services.llm.values.relevance import Ranking, Vectors
from services.llm.values.spending import Spending
from tiku.llm.v1 import llm_pb2 as pb

_ROLES = {pb.ROLE_SYSTEM: Role.SYSTEM, pb.ROLE_USER: Role.USER, pb.ROLE_ASSISTANT: Role.ASSISTANT}
_REASONS = {
    FinishReason.UNKNOWN: pb.FINISH_REASON_UNSPECIFIED,
    FinishReason.STOP: pb.FINISH_REASON_STOP,
    FinishReason.LENGTH: pb.FINISH_REASON_LENGTH,
    FinishReason.CONTENT_FILTER: pb.FINISH_REASON_CONTENT_FILTER,
}
_DIMENSIONS = {
    pb.USAGE_DIMENSION_DAY: Dimension.DAY,
    pb.USAGE_DIMENSION_USER: Dimension.USER,
    pb.USAGE_DIMENSION_KEY: Dimension.KEY,
    pb.USAGE_DIMENSION_ORGANIZATION: Dimension.ORGANIZATION,
}
_SCALAR_OPTIONS = ("temperature", "top_p", "max_tokens", "seed")


def chat_request(request: pb.ChatRequest | pb.StreamChatRequest) -> ChatRequest:
    """Return what a request asks of a chat model; an option that is not set is the provider's default."""
    options = request.options
    output = None
    if options.HasField("structured_output"):
        wanted = options.structured_output
        output = OutputSchema(wanted.name, _schema(wanted.json_schema.SerializeToString(deterministic=True)))
    return ChatRequest(
        model=request.model,
        messages=[ChatMessage(_ROLES[message.role], message.content) for message in request.messages],
        stop=list(options.stop),
        output=output,
        **{field.name: value for field, value in options.ListFields() if field.name in _SCALAR_OPTIONS},
    )


@lru_cache(maxsize=64)
def _schema(struct: bytes) -> Mapping[str, object]:
    """Return the schema in a serialized Struct, read-only: callers ask for the same few again and again."""
    try:
        return MappingProxyType(restored(MessageToDict(Struct.FromString(struct))))
    except ValueError as error:  # JSON has no NaN and no infinity; a Struct has.
        field, rule = "options.structured_output.json_schema", "must hold finite numbers only"
        raise InvalidArgument(f"{field} {rule}.", violations=[FieldViolation(field, rule)]) from error


def restored(schema: Mapping[str, object]) -> dict[str, object]:
    """Return the schema with what a Struct takes away put back: whole numbers and an order of properties.

    A Struct holds every number as a double and its fields in no order. Providers want `"minItems": 3`, not 3.0; and
    constrained decoding writes properties in the order of the schema, so those that `required` lists, which keeps
    its order, come first and in that order, the others after them by name.
    """
    result = {key: _restored_value(schema[key]) for key in sorted(schema)}
    properties, required = result.get("properties"), result.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        order = [name for name in dict.fromkeys(required) if name in properties]
        result["properties"] = {name: properties[name] for name in dict.fromkeys((*order, *properties))}
    return result


def _restored_value(value: object) -> object:
    if isinstance(value, Mapping):
        return restored(value)
    if isinstance(value, list):
        return [_restored_value(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def chat_response(completion: Completion, served: Served) -> pb.ChatResponse:
    """Return a whole answer and who gave it."""
    return pb.ChatResponse(
        message=pb.ChatMessage(role=pb.ROLE_ASSISTANT, content=completion.text), **_end(completion, served)
    )


def finish_response(finish: ChatFinish, served: Served) -> pb.StreamChatResponse:
    """Return the end of a stream and who gave it."""
    return pb.StreamChatResponse(finish=pb.ChatFinish(**_end(finish, served)))


def _end(answer: Completion | ChatFinish, served: Served) -> dict[str, Any]:
    """Return the fields that say how an answer ended, what it cost and who gave it."""
    return {
        "finish_reason": _REASONS[answer.reason],
        "usage": usage_message(answer.usage or TokenUsage()),
        "model": served.model,
        "provider": served.provider,
    }


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
    chat: Sequence[Served], embedding: Sequence[Served], rerank: Sequence[Served]
) -> pb.ListModelsResponse:
    """Return every configured model, the default of each purpose first."""
    purposes = (pb.MODEL_PURPOSE_CHAT, pb.MODEL_PURPOSE_EMBEDDING, pb.MODEL_PURPOSE_RERANK)
    models = [
        pb.Model(name=served.model, provider=served.provider, purpose=purpose, default=not place)
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
