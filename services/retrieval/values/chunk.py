"""The values that every part of retrieval speaks of: questions, chunks, hits and sources."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from services.common.values import Source


@dataclass(frozen=True, slots=True)
class QueryEmbedding:
    """A question's vector, of unit length, and the model that made it."""

    model: str
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class LegQuery:
    """What a leg is asked: the text, whose chunks, in which documents (none: all), and how many hits."""

    text: str
    owner: str
    document_ids: tuple[str, ...]
    limit: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document: the slice `[start, end)` of its normalized text, in code points.

    `ordinal` is its position among the document's chunks from 0; `page` is the page on which it starts,
    from 1, or 0 when the source has no pages. `page_starts` are the offsets in the normalized text at which the
    pages after it begin within the passage, in order.
    """

    chunk_id: str
    document_id: str
    document_name: str
    ordinal: int
    text: str
    page: int
    start: int
    end: int
    heading_path: tuple[str, ...] = ()
    page_starts: tuple[int, ...] = ()

    def page_at(self, offset: int) -> int:
        """Return the page that holds the character at `offset` of the normalized text; 0 without pages."""
        return self.page + bisect_right(self.page_starts, offset)

    def source(self, start: int = 0, end: int | None = None) -> Source:
        """Quote `text[start:end]`, offsets counted inside the chunk; the page is the one where the quote starts."""
        quote = self.text[start:end]
        return Source(
            document_id=self.document_id,
            document_name=self.document_name,
            chunk_id=self.chunk_id,
            page=self.page_at(self.start + start),
            start=self.start + start,
            end=self.start + start + len(quote),
            quote=quote,
        )


@dataclass(frozen=True, slots=True)
class EmbeddedChunk:
    """A chunk with its embedding as a passage, one float a dimension."""

    chunk: Chunk
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found.

    `score` orders the hits of one list and means what the list says (cosine, fused rank, rerank score).
    `similarity` keeps the cosine to the question through fusion and rerank, because the relevance gate
    needs an absolute measure; it is None when no dense leg found the chunk. `embedding_model` says which
    model it is a cosine of: the figures of two models do not compare.
    """

    chunk: Chunk
    score: float
    legs: tuple[str, ...] = ()
    similarity: float | None = None
    embedding_model: str = ""


def embedding_model(hits: Sequence[Hit]) -> str:
    """Return the model whose cosines the hits carry; empty when no dense leg found any of them."""
    return next((hit.embedding_model for hit in hits if hit.embedding_model), "")
