"""Domain values as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

import msgspec

from services.exercises.values.exercise import Event
from services.exercises.values.question import Question
from services.exercises.values.submission import Grade

_EVENTS: Mapping[str, type[Event]] = MappingProxyType({kind.__name__: kind for kind in get_args(Event)})


def encode_event(event: Event) -> tuple[str, str]:
    """Return name and JSON of an event."""
    return type(event).__name__, msgspec.json.encode(event).decode()


def decode_event(name: str, body: str) -> Event:
    """Return the event of a name and JSON."""
    event: Event = msgspec.json.decode(body, type=_EVENTS[name])
    return event


def encode(value: Question | tuple[Grade, ...]) -> str:
    """Return a value as JSON."""
    return msgspec.json.encode(value).decode()


def decode_question(body: str) -> Question:
    """Return the question of a JSON."""
    return msgspec.json.decode(body, type=Question)
