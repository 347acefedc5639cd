"""Messages from values and back; those of `tiku.common.v1`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.common.values import Source, TokenUsage
from services.kit.texts import clean
from services.kit.time import to_timestamp
from tiku.common.v1 import source_pb2

M = TypeVar("M", bound=Message)
V = TypeVar("V")


def message_of(kind: type[M], value: Any, /, **others: Any) -> M:
    """Return the message of a kind: its fields are `others`, and else those of the same name of a dataclass.

    A field's value is translated likewise; a member of an enumeration becomes the contract's of the same name.
    """
    given = {
        name: getattr(value, name) if plain else _translated(field, getattr(value, name))
        for name, field, plain in _shared_fields(kind, type(value))  # type: ignore[arg-type]  # Classes are hashable.
        if name not in others
    }
    return kind(**given, **others)


@lru_cache(maxsize=256)
def _shared_fields(kind: Any, values: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Return the fields that a message and a dataclass share; a plain one's values are the message's as they are."""
    known = kind.DESCRIPTOR.fields_by_name
    shared = [known[field.name] for field in fields(values) if field.name in known]
    return tuple((field.name, field, not (field.message_type or field.enum_type)) for field in shared)


def _translated(field: Any, value: Any) -> Any:
    match value:
        case tuple() | list():
            return [_translated(field, item) for item in value]
        case Enum():
            return _numbers(field.enum_type)[value.name]
        case datetime():
            return to_timestamp(value)
    return message_of(GetMessageClass(field.message_type), value) if is_dataclass(value) else value


@lru_cache(maxsize=64)
def _numbers(enum: Any) -> Mapping[str, int]:
    """Return the numbers of an enumeration's members by their names without the prefix of all of them."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return {value.name.removeprefix(prefix): value.number for value in enum.values}


def cleaned(message: M) -> M:
    """Return a request whose texts can be stored, at every depth: cleaned once, where it comes in."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            if field.is_repeated:
                value[:] = [clean(text) for text in value]
            else:
                setattr(message, field.name, clean(value))
        elif field.type == field.TYPE_MESSAGE:
            for part in value if field.is_repeated else (value,):
                cleaned(part)
    return message


def value_of(kind: type[V], message: Message) -> V:
    """Return the value of a kind, a dataclass, whose fields are those of a message; repeated ones become tuples.

    What the message does not have, an optional field that is not set, and what is a message itself keep their defaults.
    """
    found = {field.name: getattr(message, field.name, None) for field in fields(kind)}  # type: ignore[arg-type]
    message_class: Any = type(message)
    found |= {name: None for name in _optional_fields(message_class) if not message.HasField(name)}
    given = {name: x for name, x in found.items() if x is not None and not isinstance(x, Message)}
    return kind(**{name: x if isinstance(x, str | int | float) else tuple(x) for name, x in given.items()})


@lru_cache(maxsize=256)
def _optional_fields(kind: Any) -> tuple[str, ...]:
    """Return the fields of a message that are no messages and may not be set."""
    known = kind.DESCRIPTOR.fields
    return tuple(field.name for field in known if field.has_presence and not field.message_type)


def source_message(source: Source) -> source_pb2.Source:
    """Return a source as the contract says it."""
    return message_of(source_pb2.Source, source)


def usage_message(usage: TokenUsage) -> source_pb2.TokenUsage:
    """Return a count of tokens as the contract says it."""
    return message_of(source_pb2.TokenUsage, usage, total_tokens=usage.total_tokens)
