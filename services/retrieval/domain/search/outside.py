"""The leg of an outside knowledge base: it finds by its own means, and our embedding says how near that is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from services.common.values import Origin
from services.kit.errors import TikuError
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.ports import Embedder, KnowledgeBase
from services.retrieval.values.chunk import Chunk, Hit, LegQuery, OutsidePassage

logger = logging.getLogger(__name__)

_PASSAGES = UUID("5d1c7a52-6f0e-4b0a-9d53-2b1f6a0f4c11")
"""The namespace of ids of passages that are stored elsewhere."""


@dataclass(frozen=True, slots=True)
class OutsideRetriever:
    """Finds passages of one knowledge base, with their cosine to the question as if they were stored here (ADR 0052).

    They belong to no document, so the leg must not be asked where something narrows the search.
    """

    _base: KnowledgeBase
    _embedder: Embedder
    _centering: Centering

    @property
    def name(self) -> str:
        """The name of the leg, which holds that of the knowledge base."""
        return f"outside:{self._base.name}"

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return what the knowledge base finds, best first by its own score, from 0 to 1."""
        passages = await self._base.search(query.text, query.limit)
        found: dict[str, Hit] = {}
        for hit in map(self._hit, passages):
            found.setdefault(hit.chunk.chunk_id, hit)
        return await self._compared(query.text, list(found.values())) if found else []

    def _hit(self, passage: OutsidePassage) -> Hit:
        key = "\n".join((self._base.name, passage.document_id, passage.text))
        chunk = Chunk(
            chunk_id=str(uuid5(_PASSAGES, key)),
            document_id="",
            document_name=passage.document_name,
            ordinal=0,
            text=passage.text,
            page=0,
            start=0,
            end=len(passage.text),
            heading_path=(passage.heading,) if passage.heading else (),
            origin=Origin(self._base.name, passage.document_id),
        )
        return Hit(chunk, passage.score)

    async def _compared(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return hits with their cosines; without them where embedding fails, which the dense leg reports."""
        texts = [hit.chunk.text for hit in hits]
        try:
            asked = await self._embedder.embed_query(question)
            vectors = await self._embedder.embed_passages(texts, asked.model)
        except TikuError as error:
            logger.warning("embedding failed, outside passages have no cosine", extra={"error": repr(error)})
            return list(hits)
        wanted = self._centering.question(asked.model, question, asked.vector)
        centered = [
            self._centering.passage(asked.model, text, vector) for text, vector in zip(texts, vectors, strict=True)
        ]
        cosines = [sum(a * b for a, b in zip(wanted, vector, strict=True)) for vector in centered]
        return [
            Hit(hit.chunk, hit.score, similarity=cosine, embedding_model=asked.model)
            for hit, cosine in zip(hits, cosines, strict=True)
        ]
