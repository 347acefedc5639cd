"""What a chat model is asked and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.common.values import TokenUsage


class Role(StrEnum):
    """Who speaks in a chat message; the value is OpenAI's own word."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class FinishReason(StrEnum):
    """Why a model stopped; the value is OpenAI's own word."""

    UNKNOWN = "unknown"
    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"

    @classmethod
    def _missing_(cls, value: object) -> FinishReason:
        """Return UNKNOWN: a provider said no word, or one that nobody defined."""
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """JSON Schema that an answer has to match, under a name that the model sees."""

    name: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to a chat model; an option that is None or empty is the provider's default."""

    model: str
    messages: Sequence[ChatMessage]
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: Sequence[str] = ()
    seed: int | None = None
    output: OutputSchema | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """One whole answer; usage is None when the provider did not report it."""

    text: str
    reason: FinishReason
    usage: TokenUsage | None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of an answer; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ChatFinish:
    """The end of a streamed answer; usage is None when the provider did not report it."""

    reason: FinishReason
    usage: TokenUsage | None
