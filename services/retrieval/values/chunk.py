"""The values that every part of retrieval speaks of: questions, chunks, hits and sources."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from services.common.values import DocumentKind, Origin, Source


@dataclass(frozen=True, slots=True)
class QueryEmbedding:
    """A question's vector, of unit length, and the model that made it."""

    model: str
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which chunks of an owner a search is for: what is empty or 0 narrows nothing.

    A chunk is in the range of pages when it begins on `max_page` or before and reaches `min_page`; one without pages
    is in no range.
    """

    document_ids: tuple[str, ...] = ()
    kinds: tuple[DocumentKind, ...] = ()
    min_page: int = 0
    max_page: int = 0

    def admits(self, chunk: Chunk) -> bool:
        """Return whether a chunk is among those that the search is for."""
        return (
            (not self.document_ids or chunk.document_id in self.document_ids)
            and (not self.kinds or chunk.document_kind in self.kinds)
            and chunk.last_page >= self.min_page
            and (not self.max_page or 1 <= chunk.page <= self.max_page)
        )


EVERYWHERE = Filter()
"""The filter that narrows nothing."""


@dataclass(frozen=True, slots=True)
class LegQuery:
    """What a leg is asked: the text, whose chunks, which of them, and how many hits."""

    text: str
    owner: str
    where: Filter
    limit: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document: the slice `[start, end)` of its normalized text, in code points.

    `ordinal` is its position among the document's chunks from 0; `page` is the page on which it starts,
    from 1, or 0 when the source has no pages. `page_starts` are the offsets in the normalized text at which the
    pages after it begin within the passage, in order. `gap` is the white space between it and the next passage; empty
    where there is none, or where it is not known.
    A passage with an `origin` is stored elsewhere: it has no `document_id`, and its offsets count from its own start.
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
    document_kind: DocumentKind = DocumentKind.MATERIAL
    origin: Origin | None = None
    gap: str = ""

    @property
    def last_page(self) -> int:
        """The page on which the passage ends; 0 without pages."""
        return self.page + len(self.page_starts)

    def page_at(self, offset: int) -> int:
        """Return the page that holds the character at `offset` of the normalized text; 0 without pages."""
        return self.page + bisect_right(self.page_starts, offset)

    def source(self, start: int = 0, end: int | None = None) -> Source:
        """Quote `text[start:end]`, offsets counted inside the chunk; the page is the one where the quote starts."""
        quote = self.text[start:end]
        return Source(
            document_id=self.document_id,
            document_name=self.document_name,
            chunk_id=self._id_at(self.start + start),
            page=self.page_at(self.start + start),
            start=self.start + start,
            end=self.start + start + len(quote),
            quote=quote,
            origin=self.origin,
        )

    def _id_at(self, offset: int) -> str:
        """Return the id of the chunk that holds the character at `offset` of the normalized text."""
        return self.chunk_id


@dataclass(frozen=True, slots=True)
class JoinedChunk(Chunk):
    """Neighboring chunks of a document as one passage; a quote of it names the one in which it starts.

    `parts` are the chunks, in reading order. Ordinal, page and id are those of the first.
    """

    parts: tuple[Chunk, ...] = ()

    def _id_at(self, offset: int) -> str:
        """Return the id of the last part that starts at `offset` or before."""
        return next((part.chunk_id for part in reversed(self.parts) if part.start <= offset), self.chunk_id)


@dataclass(frozen=True, slots=True)
class OutsidePassage:
    """A passage that an outside knowledge base found; `score` is from 0 to 1, higher is better.

    `document_id` is the document's id there; what the knowledge base did not tell is empty.
    """

    text: str
    score: float
    document_id: str = ""
    document_name: str = ""
    heading: str = ""


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Weights of terms by the terms' ids, which are unsigned numbers of 32 bits; every other weight is 0."""

    indices: Sequence[int] = ()
    values: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class EmbeddedChunk:
    """A chunk with its embedding as a passage, one float a dimension, and the vector of its words."""

    chunk: Chunk
    vector: Sequence[float]
    words: SparseVector = SparseVector()


@dataclass(frozen=True, slots=True)
class LegHit:
    """How one leg found a chunk: the chunk's rank among all that the leg found, from 1, and the leg's own score."""

    leg: str
    rank: int
    score: float


LEG_BUSY = "LEG_BUSY"
"""Why a leg was left out that would have answered later."""


@dataclass(frozen=True, slots=True)
class LegReport:
    """How a leg went: what it found, how long it took, and why it failed, if it did (a stable reason)."""

    leg: str
    hit_count: int
    elapsed_ms: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found.

    `score` orders the hits of one list and means what the list says (cosine, fused rank, rerank score). `legs` says
    how each leg found it, by the leg's name; a leg itself leaves it empty.
    `similarity` keeps the cosine to the question through fusion and rerank, because the relevance gate
    needs an absolute measure; it is None when no dense leg found the chunk. `embedding_model` says which
    model it is a cosine of: the figures of two models do not compare.
    """

    chunk: Chunk
    score: float
    legs: tuple[LegHit, ...] = ()
    similarity: float | None = None
    embedding_model: str = ""


def embedding_model(hits: Sequence[Hit]) -> str:
    """Return the model whose cosines the hits carry; empty when no dense leg found any of them."""
    return next((hit.embedding_model for hit in hits if hit.embedding_model), "")
