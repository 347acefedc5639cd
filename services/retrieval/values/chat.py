"""What a chat model is asked, and how its answer ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a chat model is asked; `model` is empty for the default one."""

    messages: Sequence[ChatMessage]
    model: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens that a model consumed."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Sum of both."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class ChatFinish:
    """The end of a streamed answer: what it cost, which model answered, whether a limit cut it."""

    usage: TokenUsage
    model: str
    truncated: bool
