"""The dense leg: the question becomes a vector, and the store finds the chunks that lie nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.ports import Embedder, VectorStore
from services.retrieval.values.chunk import Hit, LegQuery


@dataclass(frozen=True, slots=True)
class DenseRetriever:
    """Finds passages by the cosine of centered embeddings: alone for Search, as a leg among others for Retrieve."""

    name: ClassVar = "vector"
    _embedder: Embedder
    _store: VectorStore
    _centering: Centering

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return the nearest chunks, best first; `score` is the cosine."""
        embedding = await self._embedder.embed_query(query.text)
        model = embedding.model
        vector = self._centering.question(model, query.text, embedding.vector)
        space = self._centering.space(model)
        hits = await self._store.search(space, vector, query.owner, query.where, query.limit)
        return [Hit(hit.chunk, hit.score, similarity=hit.score, embedding_model=model) for hit in hits]
