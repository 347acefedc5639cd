"""A vector store in memory, for tests and small experiments: exact cosine with numpy, gone with the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.retrieval.values.chunk import Chunk, EmbeddedChunk, Hit


@dataclass(frozen=True, slots=True)
class _Point:
    owner: str
    chunk: Chunk
    vector: NDArray[np.float32]


class FakeVectorStore:
    """Holds points by (model, dimension), then by (owner, chunk id)."""

    def __init__(self) -> None:
        self._collections: dict[tuple[str, int], dict[tuple[str, str], _Point]] = {}

    async def upsert(self, model: str, owner: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """Store chunks; their vectors are scaled to unit length."""
        for embedded in chunks:
            vector = np.asarray(embedded.vector, dtype=np.float32)
            points = self._collections.setdefault((model, len(vector)), {})
            unit = vector / np.linalg.norm(vector)
            points[owner, embedded.chunk.chunk_id] = _Point(owner, embedded.chunk, unit)

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove a document's chunks from every collection."""
        for points in self._collections.values():
            for key in [k for k, p in points.items() if _belongs(p, owner, (document_id,))]:
                del points[key]

    async def search(
        self, model: str, vector: Sequence[float], owner: str, document_ids: Sequence[str], limit: int
    ) -> list[Hit]:
        """Return the nearest chunks by exact cosine."""
        points = self._collections.get((model, len(vector)), {})
        found = [p for p in points.values() if _belongs(p, owner, document_ids)]
        if not found:
            return []
        query = np.asarray(vector, dtype=np.float32)
        scores = np.stack([p.vector for p in found]) @ (query / np.linalg.norm(query))
        best = np.argsort(-scores, kind="stable")[:limit]
        return [Hit(found[i].chunk, float(scores[i])) for i in best]

    async def count(self, owner: str, document_ids: Sequence[str]) -> list[int]:
        """Return how many chunks each document has; one under two models counts once."""
        return [len(self._chunks(owner, document_id)) for document_id in document_ids]

    async def read(self, owner: str, positions: Mapping[str, Sequence[int]]) -> list[Chunk]:
        """Return chunks by position, in reading order."""
        found: list[Chunk] = []
        for document_id, ordinals in positions.items():
            wanted = set(ordinals)
            chunks = [c for c in self._chunks(owner, document_id).values() if c.ordinal in wanted]
            found += sorted(chunks, key=lambda c: (c.ordinal, c.start))
        return found

    async def ping(self) -> None:
        """Return at once: memory always answers."""

    def _chunks(self, owner: str, document_id: str) -> dict[str, Chunk]:
        return {
            p.chunk.chunk_id: p.chunk
            for points in self._collections.values()
            for p in points.values()
            if _belongs(p, owner, (document_id,))
        }


def _belongs(point: _Point, owner: str, document_ids: Sequence[str]) -> bool:
    return point.owner == owner and (not document_ids or point.chunk.document_id in document_ids)
