"""Messages from values and back; those of `tiku.common.v1`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from google.protobuf.message import Message

from services.common.values import Source, TokenUsage
from tiku.common.v1 import source_pb2

M = TypeVar("M", bound=Message)
V = TypeVar("V")


def message_of(kind: type[M], value: Any, /, **others: Any) -> M:
    """Return the message of a kind: its fields are `others`, and else those of the same name of a dataclass."""
    wanted = kind.DESCRIPTOR.fields_by_name.keys() - others.keys()
    return kind(**{field.name: getattr(value, field.name) for field in fields(value) if field.name in wanted}, **others)


def value_of(kind: type[V], message: Message) -> V:
    """Return the value of a kind, a dataclass, whose fields are those of a message; repeated ones become tuples."""
    found = {field.name: getattr(message, field.name) for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: x if isinstance(x, str | int | float) else tuple(x) for name, x in found.items()})


def source_message(source: Source) -> source_pb2.Source:
    """Return a source as the contract says it."""
    return message_of(source_pb2.Source, source)


def usage_message(usage: TokenUsage) -> source_pb2.TokenUsage:
    """Return a count of tokens as the contract says it."""
    return source_pb2.TokenUsage(
        prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens, total_tokens=usage.total_tokens
    )
