"""Texts as vectors, and documents as a reranker orders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from services.common.values import TokenUsage

EmbedInput = str | Sequence[int]
"""A text to embed, or its tokens in the model's own vocabulary."""


RerankDialect = Literal["cohere", "jina", "tei", "dashscope", "dashscope-compatible"]
"""How a server of `/rerank` is asked, and answers."""


class EmbedKind(StrEnum):
    """What a text is for; asymmetric models embed the two differently."""

    QUERY = "query"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True)
class Vectors:
    """Embeddings of `count` texts: float32, little-endian, row after row, each of unit length."""

    data: bytes
    dimension: int
    usage: TokenUsage

    @property
    def count(self) -> int:
        """How many vectors `data` holds."""
        return len(self.data) // (4 * self.dimension) if self.dimension else 0

    def row(self, index: int) -> bytes:
        """Return the bytes of one vector."""
        width = 4 * self.dimension
        return self.data[index * width : (index + 1) * width]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Position of a document in the request and its relevance, comparable within one answer only."""

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Scored documents, best first."""

    results: Sequence[Ranked]
    usage: TokenUsage
