"""The sparse leg: the question's words, weighed by how rare they are, find the chunks that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from services.retrieval.domain.search.bm25 import question_vector
from services.retrieval.ports import VectorStore
from services.retrieval.values.chunk import Hit, LegQuery


@dataclass(frozen=True, slots=True)
class WordsRetriever:
    """Finds passages by the words that they share with the question; it needs no model."""

    name: ClassVar = "words"
    _store: VectorStore

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return the chunks that hold most of the question's words, best first; `score` is BM25."""
        words = question_vector(query.text)
        return await self._store.search_words(words, query.owner, query.where, query.limit) if words.indices else []
