"""What a chat model is asked, and how its answer ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.values import TokenUsage


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation; `role` is `system` or `user`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a chat model is asked; `model` is empty for the default one."""

    messages: Sequence[ChatMessage]
    model: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class ChatFinish:
    """The end of a streamed answer: what it cost, which model answered, whether a limit cut it."""

    usage: TokenUsage
    model: str
    truncated: bool
