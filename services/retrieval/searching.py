"""The vector leg: the question becomes a vector, the store finds what lies nearest."""

from services.retrieval.passage import Hit
from services.retrieval.ports import Embedder, LegQuery, VectorStore


class VectorLeg:
    """Finds passages by the cosine of embeddings; alone it is Search, among others a leg of Retrieve."""

    name = "vector"

    def __init__(self, embedder: Embedder, store: VectorStore) -> None:
        self._embedder = embedder
        self._store = store

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return the nearest chunks, best first; ``score`` is the cosine."""
        embedding = await self._embedder.embed_query(query.text)
        hits = await self._store.search(embedding.model, embedding.vector, query.owner, query.document_ids, query.limit)
        return [Hit(hit.chunk, hit.score, (self.name,), hit.score, embedding.model) for hit in hits]
