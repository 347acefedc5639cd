"""Documents as a reranker orders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.values import TokenUsage


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
