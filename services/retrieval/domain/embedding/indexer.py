"""Storing chunks, all of which are checked before anything is written."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from itertools import pairwise

from services.kit.errors import FieldViolation, InvalidArgument
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.ports import VectorStore
from services.retrieval.values.chunk import Chunk, EmbeddedChunk

_YIELD_EVERY = 16
"""Chunks checked between two turns of the loop; about 1 ms of arithmetic at 384 dimensions."""
_MOST_VIOLATIONS = 16


class ChunkIndexer:
    """Checks chunks as a whole, then stores them: a request with one bad chunk writes nothing."""

    def __init__(self, store: VectorStore, centering: Centering) -> None:
        self._store = store
        self._centering = centering

    async def index(self, model: str, owner: str, chunks: Sequence[EmbeddedChunk]) -> int:
        """Store `chunks` with vectors of `model` and return how many are stored.

        Raises:
            InvalidArgument: a chunk breaks a rule; the error names each field that does, 16 at most.
        """
        await self._check(chunks)
        await self._store.upsert(self._centering.space(model), owner, await self._center(model, chunks))
        return len(chunks)

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove every chunk of a document; a document that is not there is no error."""
        await self._store.delete_document(owner, document_id)

    async def _center(self, model: str, chunks: Sequence[EmbeddedChunk]) -> list[EmbeddedChunk]:
        centered: list[EmbeddedChunk] = []
        for position, embedded in enumerate(chunks):
            vector = self._centering.passage(model, embedded.chunk.text, embedded.vector)
            centered.append(EmbeddedChunk(embedded.chunk, vector))
            if position % _YIELD_EVERY == _YIELD_EVERY - 1:
                await asyncio.sleep(0)
        return centered

    async def _check(self, chunks: Sequence[EmbeddedChunk]) -> None:
        violations: list[FieldViolation] = []
        dimension = len(chunks[0].vector) if chunks else 0
        seen: set[str] = set()
        for position, embedded in enumerate(chunks):
            violations += _violations(f"chunks[{position}]", embedded, dimension, seen)
            if len(violations) >= _MOST_VIOLATIONS:
                break
            if position % _YIELD_EVERY == _YIELD_EVERY - 1:
                await asyncio.sleep(0)
        if not chunks:
            violations.append(FieldViolation("chunks", "must hold at least one chunk"))
        if violations:
            first = violations[0]
            raise InvalidArgument(f"{first.field} {first.description}.", violations=violations[:_MOST_VIOLATIONS])


def _violations(field: str, embedded: EmbeddedChunk, dimension: int, seen: set[str]) -> list[FieldViolation]:
    chunk, vector = embedded.chunk, embedded.vector
    found: list[FieldViolation] = []
    if chunk.end - chunk.start != len(chunk.text):
        found.append(
            FieldViolation(
                f"{field}.chunk.end",
                f"must be start plus the {len(chunk.text)} code points of text, because text is that slice",
            )
        )
    if chunk.page_starts and not _are_page_starts(chunk):
        found.append(
            FieldViolation(
                f"{field}.chunk.page_starts",
                "must be in order, after start and before end, and empty when page is 0",
            )
        )
    if chunk.chunk_id in seen:
        found.append(FieldViolation(f"{field}.chunk.chunk_id", "must be unique in the request"))
    seen.add(chunk.chunk_id)
    if len(vector) != dimension:
        found.append(
            FieldViolation(f"{field}.vector", f"must have {dimension} components like the first, not {len(vector)}")
        )
    square = math.fsum(x * x for x in vector)
    if not math.isfinite(square) or square == 0.0:
        # A zero vector has no direction, so no cosine; NaN would poison every comparison.
        found.append(FieldViolation(f"{field}.vector", "must be finite and not all zero"))
    return found


def _are_page_starts(chunk: Chunk) -> bool:
    starts = chunk.page_starts
    in_order = all(before <= after for before, after in pairwise(starts))
    return chunk.page > 0 and in_order and chunk.start < starts[0] and starts[-1] < chunk.end
