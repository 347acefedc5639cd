"""Passages as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors in the order of their texts, and the model that made them."""

    vectors: Sequence[Sequence[float]]
    model: str
