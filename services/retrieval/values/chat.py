"""How the answer of a model ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens that a model consumed."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ChatFinish:
    """The end of a streamed answer: what it cost, which model answered, whether a limit cut it."""

    usage: TokenUsage
    model: str
    truncated: bool
