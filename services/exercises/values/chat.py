"""What a chat model is asked and how its answer ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.common.values import Message, TokenUsage


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a model is asked, and the JSON Schema that its answer must match."""

    messages: tuple[Message, ...]
    schema_name: str
    schema: Mapping[str, Any]
    max_tokens: int
    temperature: float = 0.3
    model: str = ""
    """Empty for the default model."""
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class ChatFinish:
    """The end of a model's answer."""

    model: str
    usage: TokenUsage
    truncated: bool = False
    """Whether the token limit cut the answer."""
    refused: bool = False
    """Whether the model declined, or a filter withheld what it wrote."""
    thought: bool = False
    """Whether the model thought, beside what it wrote."""
