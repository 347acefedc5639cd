"""An embedder, an index and a graph in memory, for tests and for running without the other services."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from services.docs.values.document import Document, PassageVectors, StoredChunk


class FakeEmbedder:
    """Makes a vector of each text's hash: equal texts get equal vectors, and their distances mean nothing."""

    def __init__(self, *, model: str = "hash") -> None:
        self._model = model

    async def embed(self, texts: Sequence[str]) -> PassageVectors:
        """Hash the texts."""
        hashes = [hashlib.sha256(text.encode()).digest() for text in texts]
        return PassageVectors([[byte + 1.0 for byte in digest[:8]] for digest in hashes], self._model)


class FakeChunkIndex:
    """Chunks by id, with their vectors."""

    def __init__(self) -> None:
        self.chunks: dict[str, tuple[str, StoredChunk, Sequence[float], str]] = {}
        """From a chunk's id to its document's id, the chunk, its vector and the model."""

    async def index(self, document: Document, chunks: Sequence[StoredChunk], embeddings: PassageVectors) -> None:
        """Store chunks in a dictionary."""
        for chunk, vector in zip(chunks, embeddings.vectors, strict=True):
            self.chunks[chunk.chunk_id] = (document.document_id, chunk, vector, embeddings.model)

    async def delete(self, document_id: str) -> None:
        """Remove a document's chunks from the dictionary."""
        gone = [chunk_id for chunk_id, entry in self.chunks.items() if entry[0] == document_id]
        for chunk_id in gone:
            del self.chunks[chunk_id]


class FakeKnowledgeGraph:
    """Chunks by id, each with its document's id."""

    def __init__(self) -> None:
        self.chunks: dict[str, str] = {}

    async def add(self, document: Document, chunks: Sequence[StoredChunk]) -> None:
        """Store the ids of chunks in a dictionary."""
        self.chunks.update((chunk.chunk_id, document.document_id) for chunk in chunks)
