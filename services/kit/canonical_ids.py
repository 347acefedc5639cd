"""UUIDs of a request in the form in which they are stored.

A UUID may be sent in capitals (RFC 9562, section 4), and the field rule `string.uuid` takes both. What is stored has
small letters, and stores compare texts: an id in capitals would find nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where a kind of message holds UUIDs."""

    single: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    within: tuple[tuple[str, bool, _Plan], ...] = ()
    """Fields whose messages hold some: the name, whether it is repeated, and where they hold them."""

    def __bool__(self) -> bool:
        return bool(self.single or self.repeated or self.within)


class CanonicalIds:
    """Writes the UUIDs of messages in small letters; which fields are UUIDs is read from their rules once a type."""

    def __init__(self) -> None:
        self._plans: dict[Descriptor, _Plan] = {}

    def canonicalize(self, message: Message) -> None:
        """Write the UUIDs of a message, and of all messages in it, in small letters."""
        descriptor: Any = message.DESCRIPTOR
        plan = self._plans.get(descriptor)
        if plan is None:
            plan = self._plans[descriptor] = _plan(descriptor, ())
        if plan:
            _apply(plan, message)


def _plan(descriptor: Descriptor, outer: tuple[Descriptor, ...]) -> _Plan:
    single: list[str] = []
    repeated: list[str] = []
    within: list[tuple[str, bool, _Plan]] = []
    for field in descriptor.fields:
        if field.message_type is not None:
            if descriptor not in outer and (inner := _plan(field.message_type, (*outer, descriptor))):
                within.append((field.name, field.is_repeated, inner))
        elif is_uuid_field(field):
            (repeated if field.is_repeated else single).append(field.name)
    return _Plan(tuple(single), tuple(repeated), tuple(within))


def is_uuid_field(field: FieldDescriptor) -> bool:
    """Return whether the rules of a field of text say that it holds UUIDs."""
    rules = field.GetOptions().Extensions[validate_pb2.field]
    return bool((rules.repeated.items if field.is_repeated else rules).string.uuid)


def _apply(plan: _Plan, message: Any) -> None:
    for name in plan.single:
        text = getattr(message, name)
        if text != (canonical := text.lower()):
            setattr(message, name, canonical)
    for name in plan.repeated:
        texts = getattr(message, name)
        for index, text in enumerate(texts):
            if text != (canonical := text.lower()):
                texts[index] = canonical
    for name, is_repeated, inner in plan.within:
        held: Iterable[Any] = getattr(message, name) if is_repeated else (getattr(message, name),)
        for one in held:
            _apply(inner, one)
