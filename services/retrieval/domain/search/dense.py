"""The dense leg: the question becomes a vector, and the store finds the chunks that lie nearest."""

from __future__ import annotations

from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.ports import Embedder, VectorStore
from services.retrieval.values.chunk import Hit, LegQuery


class DenseRetriever:
    """Finds passages by the cosine of centered embeddings: alone for Search, as a leg among others for Retrieve."""

    name = "vector"

    def __init__(self, embedder: Embedder, store: VectorStore, centering: Centering) -> None:
        self._embedder = embedder
        self._store = store
        self._centering = centering

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return the nearest chunks, best first; `score` is the cosine."""
        embedding = await self._embedder.embed_query(query.text)
        model = embedding.model
        vector = self._centering.question(model, query.text, embedding.vector)
        space = self._centering.space(model)
        hits = await self._store.search(space, vector, query.owner, query.document_ids, query.limit)
        return [Hit(hit.chunk, hit.score, (self.name,), hit.score, model) for hit in hits]
