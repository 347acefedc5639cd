"""The vector leg: the question becomes a vector, the store finds what lies nearest."""

from __future__ import annotations

from services.retrieval.domain.embedding.centering import Centring
from services.retrieval.ports import Embedder, VectorStore
from services.retrieval.values.chunk import Hit
from services.retrieval.values.query import LegQuery


class VectorLeg:
    """Finds passages by the cosine of centred embeddings; alone it is Search, among others a leg of Retrieve."""

    name = "vector"

    def __init__(self, embedder: Embedder, store: VectorStore, centring: Centring) -> None:
        self._embedder = embedder
        self._store = store
        self._centring = centring

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return the nearest chunks, best first; ``score`` is the cosine."""
        embedding = await self._embedder.embed_query(query.text)
        model = embedding.model
        vector = self._centring.question(model, query.text, embedding.vector)
        space = self._centring.space(model)
        hits = await self._store.search(space, vector, query.owner, query.document_ids, query.limit)
        return [Hit(hit.chunk, hit.score, (self.name,), hit.score, model) for hit in hits]
