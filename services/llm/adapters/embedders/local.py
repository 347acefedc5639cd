"""Embeddings from a model in a folder of this machine."""

from __future__ import annotations

from collections.abc import Sequence

from services.llm.adapters.local.process import LocalModel
from services.llm.domain.embed_inputs import only_texts, with_dimensions
from services.llm.values.relevance import EmbedInput, EmbedKind, Vectors


class LocalEmbedder:
    """An Embedder over a local model."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model

    async def embed(
        self, texts: Sequence[EmbedInput], kind: EmbedKind, timeout: float, dimensions: int | None = None
    ) -> Vectors:
        """Return one vector a text."""
        return with_dimensions(await self._model.encode(only_texts(texts), kind, timeout), dimensions)
