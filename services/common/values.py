"""Values that the contracts of several services share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a passage is from that Tiku does not store."""

    knowledge_base: str
    """Name of the outside knowledge base."""
    document_id: str = ""
    """The document's id there; empty where it told none."""


@dataclass(frozen=True, slots=True)
class Source:
    """A verbatim quote and its place: `quote` is the slice `[start, end)` of a document's normalized text.

    With an `origin`, it is the slice of the passage itself, and there is no `document_id`.
    """

    start: int
    end: int
    quote: str
    page: int = 0
    """The page on which the quote starts, from 1; 0 when the source has no pages."""
    document_id: str = ""
    document_name: str = ""
    chunk_id: str = ""
    origin: Origin | None = None


class DocumentKind(StrEnum):
    """What a document is to its owner."""

    MATERIAL = "MATERIAL"
    DOCUMENT = "DOCUMENT"


class Message(NamedTuple):
    """One message of a conversation with a model; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens that a model read and wrote, in the model's own tokens."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_prompt_tokens: int | None = None
    """Those of `prompt_tokens` that the provider had in its cache; None where it does not say."""
    reasoning_tokens: int | None = None
    """Those of `completion_tokens` with which the model thought; None where the provider does not say."""

    @property
    def total_tokens(self) -> int:
        """What was read and written."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            _sum(self.cached_prompt_tokens, other.cached_prompt_tokens),
            _sum(self.reasoning_tokens, other.reasoning_tokens),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    """Add two counts of which either may not be known."""
    if one is None or other is None:
        return other if one is None else one
    return one + other
