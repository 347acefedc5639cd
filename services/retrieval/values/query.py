"""Questions as the legs of a retrieval see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueryEmbedding:
    """A question's vector, of unit length, and the model that made it."""

    model: str
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class LegQuery:
    """What a leg is asked: the text, whose chunks, in which documents (none: all), and how many hits."""

    text: str
    owner: str
    document_ids: tuple[str, ...]
    limit: int
