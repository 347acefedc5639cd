"""A vector store in memory, for tests and small experiments: exact cosine with numpy, gone with the process."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from services.retrieval.values.chunk import EVERYWHERE, Chunk, EmbeddedChunk, Filter, Hit, SparseVector

_Point = tuple[Chunk, NDArray[np.float32], dict[int, float]]
"""A chunk with its vector, of unit length, and the weights of its words."""
_Points = dict[tuple[str, str], _Point]
"""Points by owner and chunk id."""


class FakeVectorStore:
    """Holds points by model and dimension."""

    def __init__(self) -> None:
        self._collections: dict[tuple[str, int], _Points] = {}

    async def upsert(self, model: str, owner: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """Store chunks; their vectors are scaled to unit length."""
        for embedded in chunks:
            vector = np.asarray(embedded.vector, dtype=np.float32)
            points = self._collections.setdefault((model, len(vector)), {})
            words = dict(zip(embedded.words.indices, embedded.words.values, strict=True))
            points[owner, embedded.chunk.chunk_id] = embedded.chunk, vector / np.linalg.norm(vector), words

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove a document's chunks from every collection."""
        for points in self._collections.values():
            for chunk, _, _ in _points_of(points, owner, Filter((document_id,))):
                del points[owner, chunk.chunk_id]

    async def search(self, model: str, vector: Sequence[float], owner: str, where: Filter, limit: int) -> list[Hit]:
        """Return the nearest chunks by exact cosine."""
        found = _points_of(self._collections.get((model, len(vector)), {}), owner, where)
        if not found:
            return []
        query = np.asarray(vector, dtype=np.float32)
        scores = np.stack([unit for _, unit, _ in found]) @ (query / np.linalg.norm(query))
        best = np.argsort(-scores, kind="stable")[:limit]
        return [Hit(found[i][0], float(scores[i])) for i in best]

    async def search_words(self, words: SparseVector, owner: str, where: Filter, limit: int) -> list[Hit]:
        """Return the chunks of all collections, each weighed by the frequencies of the owner's chunks in its own."""
        best: dict[str, Hit] = {}
        for points in self._collections.values():
            corpus = [terms for _, _, terms in _points_of(points, owner, EVERYWHERE)]
            holding = {term: sum(term in terms for terms in corpus) for term in words.indices}
            weights = {
                term: weight * math.log(1 + (len(corpus) - holding[term] + 0.5) / (holding[term] + 0.5))
                for term, weight in zip(words.indices, words.values, strict=True)
            }
            for chunk, _, terms in _points_of(points, owner, where):
                score = sum(weights[term] * terms[term] for term in weights.keys() & terms.keys())
                if score > 0 and (chunk.chunk_id not in best or score > best[chunk.chunk_id].score):
                    best[chunk.chunk_id] = Hit(chunk, score)
        return sorted(best.values(), key=lambda hit: (-hit.score, hit.chunk.chunk_id))[:limit]

    async def extents(self, owner: str, where: Filter) -> list[range]:
        """Return the ordinals of what is admitted, from the least to the greatest."""
        ordinals = (
            [chunk.ordinal for chunk in self._chunks(owner, replace(where, document_ids=(document_id,))).values()]
            for document_id in where.document_ids
        )
        return [range(min(found), max(found) + 1) if found else range(0) for found in ordinals]

    async def read(self, owner: str, positions: Mapping[str, Sequence[int]]) -> list[Chunk]:
        """Return chunks by position, in reading order."""
        found: list[Chunk] = []
        for document_id, ordinals in positions.items():
            wanted = set(ordinals)
            chunks = [c for c in self._chunks(owner, Filter((document_id,))).values() if c.ordinal in wanted]
            found += sorted(chunks, key=lambda c: (c.ordinal, c.start))
        return found

    async def get(self, owner: str, chunk_ids: Sequence[str]) -> list[Chunk]:
        """Return chunks by id."""
        chunks = self._chunks(owner, EVERYWHERE)
        return [chunks[id_] for id_ in dict.fromkeys(chunk_ids) if id_ in chunks]

    async def ping(self) -> None:
        """Return at once: memory always answers."""

    def _chunks(self, owner: str, where: Filter) -> dict[str, Chunk]:
        found = [_points_of(points, owner, where) for points in self._collections.values()]
        return {chunk.chunk_id: chunk for chunk, _, _ in chain(*found)}


def _points_of(points: _Points, owner: str, where: Filter) -> list[_Point]:
    return [point for (its_owner, _), point in points.items() if its_owner == owner and where.admits(point[0])]
