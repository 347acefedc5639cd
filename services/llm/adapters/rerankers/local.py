"""A cross-encoder in a folder of this machine, which reads a question and a document together."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from services.llm.adapters.local.process import LocalModel
from services.llm.values.relevance import EmbedKind, Ranked, Ranking


class LocalReranker:
    """A Reranker over a local model, which gives a pair of texts one number."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model

    async def rerank(self, query: str, documents: Sequence[str], top_n: int, timeout: float) -> Ranking:
        """Return the best documents, best first, within `timeout` seconds."""
        pairs = [(query, document) for document in documents]
        scores = await self._model.encode(pairs, EmbedKind.PASSAGE, timeout)
        ranked = [Ranked(index, score) for index, (score,) in enumerate(struct.iter_unpack("<f", scores.data))]
        ranked.sort(key=lambda one: (-one.score, one.index))
        return Ranking(ranked[: top_n or None], scores.usage)
