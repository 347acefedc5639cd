"""Storing chunks, all of which are checked before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise

from services.kit.concurrency import map_in_turns
from services.kit.errors import FieldViolation, InvalidArgument
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.ports import VectorStore, WordReader
from services.retrieval.values.chunk import Chunk, EmbeddedChunk, SparseVector

_MOST_VIOLATIONS = 16


@dataclass(frozen=True, slots=True)
class ChunkIndexer:
    """Checks chunks as a whole, then stores them: a request with one bad chunk writes nothing."""

    _store: VectorStore
    _centering: Centering
    _words: WordReader

    async def index(self, model: str, owner: str, chunks: Sequence[EmbeddedChunk]) -> int:
        """Store `chunks` with vectors of `model` and return how many.

        Raises:
            InvalidArgument: there is no chunk, or a bad one.
        """
        await _check(chunks)

        words = await self._words.vectors([embedded.chunk.text for embedded in chunks])

        def complete(read: tuple[EmbeddedChunk, SparseVector]) -> EmbeddedChunk:
            embedded, its = read
            vector = self._centering.passage(model, embedded.chunk.text, embedded.vector)
            return EmbeddedChunk(embedded.chunk, vector, its)

        completed = await map_in_turns(complete, zip(chunks, words, strict=True), aside=True)
        await self._store.upsert(self._centering.space(model), owner, completed)
        return len(chunks)

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove every chunk of a document; a document that is not there is no error."""
        await self._store.delete_document(owner, document_id)


async def _check(chunks: Sequence[EmbeddedChunk]) -> None:
    seen: set[str] = set()

    def check(numbered: tuple[int, EmbeddedChunk]) -> list[FieldViolation]:
        position, embedded = numbered
        broken = _broken_rules(embedded, len(chunks[0].vector), seen)
        violations = [FieldViolation(f"chunks[{position}].{field}", rule) for field, rule in broken]
        seen.add(embedded.chunk.chunk_id)
        return violations

    found = chain.from_iterable(await map_in_turns(check, enumerate(chunks), aside=True))
    violations = list(islice(found, _MOST_VIOLATIONS))
    if not chunks:
        violations.append(FieldViolation("chunks", "must hold at least one chunk"))
    if violations:
        raise InvalidArgument(f"{violations[0].field} {violations[0].description}.", violations=violations)


def _broken_rules(embedded: EmbeddedChunk, dimension: int, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a chunk that break a rule, each with its rule; `seen` are the ids before it."""
    chunk, vector = embedded.chunk, embedded.vector
    if chunk.end - chunk.start != len(chunk.text):
        yield "chunk.end", f"must be start plus the {len(chunk.text)} code points of text, because text is that slice"
    if chunk.page_starts and not _are_page_starts(chunk):
        yield "chunk.page_starts", "must be in order, after start and before end, and empty when page is 0"
    if chunk.chunk_id in seen:
        yield "chunk.chunk_id", "must be unique in the request"
    if len(vector) != dimension:
        yield "vector", f"must have {dimension} components like the first, not {len(vector)}"
    length = math.hypot(*vector)
    if not math.isfinite(length) or length == 0.0:
        # A zero vector has no direction, so no cosine; NaN would poison every comparison.
        yield "vector", "must be finite and not all zero"


def _are_page_starts(chunk: Chunk) -> bool:
    starts = chunk.page_starts
    in_order = all(before <= after for before, after in pairwise(starts))
    return chunk.page > 0 and in_order and chunk.start < starts[0] and starts[-1] < chunk.end
