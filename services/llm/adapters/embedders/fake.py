"""Vectors from hashed words: deterministic, instant, good enough that texts which share words come close.

For tests and development without a model; it knows no meaning, so it is never chosen by itself.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence
from hashlib import blake2b

from services.common.values import TokenUsage
from services.language.scripts import HAN
from services.llm.domain.embed_inputs import only_texts, with_dimensions
from services.llm.values.relevance import EmbedInput, EmbedKind, Vectors

# A Han character is a word of its own; everything else is split where letters and digits end.
_WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")


def hashed_vector(text: str, dimension: int) -> array[float]:
    """Return a unit vector of float32 in which every word of `text` adds one to a signed, hashed position."""
    values = [0.0] * dimension
    for word in _WORD.findall(text.lower()) or [text]:
        digest = int.from_bytes(blake2b(word.encode(errors="replace"), digest_size=8).digest(), "little")
        values[(digest >> 1) % dimension] += 1.0 if digest & 1 else -1.0
    norm = math.sqrt(sum(value * value for value in values))
    if not norm:  # Words that cancel each other out still need a direction.
        values[0] = norm = 1.0
    return array("f", (value / norm for value in values))


class FakeEmbedder:
    """An Embedder that needs no model; queries and passages are embedded alike."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension

    async def embed(
        self, texts: Sequence[EmbedInput], kind: EmbedKind, timeout: float, dimensions: int | None = None
    ) -> Vectors:
        """Return one vector a text, in order; a word counts as a token."""
        texts = only_texts(texts)
        data = b"".join(hashed_vector(text, self._dimension).tobytes() for text in texts)
        words = sum(len(_WORD.findall(text)) for text in texts)
        vectors = Vectors(data, self._dimension, TokenUsage(prompt_tokens=words))
        return with_dimensions(vectors, dimensions)
