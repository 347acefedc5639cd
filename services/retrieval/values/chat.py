"""What a chat model is asked, and how its answer ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.common.values import TokenUsage


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation; `role` is `system` or `user`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a chat model is asked; `model` is empty for the default one.

    With a `schema_name`, the answer is JSON that matches `schema`, a JSON Schema.
    """

    messages: Sequence[ChatMessage]
    model: str
    max_tokens: int
    schema_name: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that may be asked, and who serves it."""

    name: str
    provider: str
    input_tokens_per_second: float | None = None
    """How fast it reads, where its server said so."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model says when it is asked whether a text holds the answer to a question."""

    yes: float
    """How much likelier it says yes than no, from 0 to 1."""
    model: str
    usage: TokenUsage


@dataclass(frozen=True, slots=True)
class ChatFinish:
    """The end of a streamed answer: what it cost, which model answered, whether a limit cut it."""

    usage: TokenUsage
    model: str
    truncated: bool
    refused: bool = False
    """Whether the model declined, or a filter withheld what it wrote."""
    thought: bool = False
    """Whether the model thought, beside what it wrote."""
