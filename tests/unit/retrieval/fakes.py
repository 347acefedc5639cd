"""Adapters whose answers a test writes."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import AsyncGenerator, Sequence

from services.retrieval.domain.embedding.centering import Centring
from services.retrieval.values.calibration import Calibration, Calibrations
from services.retrieval.values.chat import ChatFinish, Usage
from services.retrieval.values.chunk import Chunk, Hit
from services.retrieval.values.query import LegQuery, QueryEmbedding

DOCUMENT = "00000000-0000-7000-8000-000000000001"
MODEL = "multilingual-e5-small"
THRESHOLDS: dict[tuple[str, str], float] = {
    ("en", "en"): 0.5,
    ("zh", "zh"): 0.5,
    ("zh", "en"): 0.2,
    ("en", "zh"): 0.2,
}
GATED = Calibrations({MODEL: Calibration(0.4, THRESHOLDS, {}, {}, support=0.5)})
PLAIN = Centring(Calibrations({}))


def chunk(text: str, ordinal: int = 0, document_id: str = DOCUMENT, start: int | None = None) -> Chunk:
    first = 1000 * ordinal if start is None else start
    chunk_id = str(uuid.uuid5(uuid.UUID(document_id), f"{ordinal}:{first}"))
    return Chunk(chunk_id, document_id, "notes.pdf", ordinal, text, ordinal + 1, first, first + len(text))


def hit(text: str, ordinal: int = 0, score: float = 0.6) -> Hit:
    return Hit(chunk(text, ordinal), score, ("vector",), score, MODEL)


def query(text: str, limit: int = 5, documents: tuple[str, ...] = ()) -> LegQuery:
    return LegQuery(text, "alice", documents, limit)


class ScriptedLeg:
    """A leg that returns its hits after a delay, or raises."""

    def __init__(
        self, name: str, hits: Sequence[Hit] = (), error: BaseException | None = None, delay: float = 0.0
    ) -> None:
        self.name = name
        self.queries: list[LegQuery] = []
        self.cancelled = False
        self._hits = list(hits)
        self._error = error
        self._delay = delay

    async def find(self, query: LegQuery) -> list[Hit]:
        self.queries.append(query)
        try:
            await asyncio.sleep(self._delay)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self._error is not None:
            raise self._error
        return self._hits[: query.limit]


class WordEmbedder:
    """Embeds a text as the histogram of its letters' codes: near texts share letters."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def embed_query(self, text: str) -> QueryEmbedding:
        if self._error is not None:
            raise self._error
        return QueryEmbedding("letters", _letters(text))

    async def embed_passages(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        if self._error is not None:
            raise self._error
        return [_letters(text) for text in texts]


def _letters(text: str) -> list[float]:
    counts = [0.0] * 64
    for letter in text.casefold():
        counts[ord(letter) % 64] += 1.0
    norm = math.sqrt(sum(x * x for x in counts)) or 1.0
    return [x / norm for x in counts]


class ScriptedChat:
    """A model that writes the given pieces, optionally slowly, and records how it was treated."""

    def __init__(
        self, pieces: Sequence[str] = (), *, error: Exception | None = None, delay: float = 0.0, endless: bool = False
    ) -> None:
        self.prompts: list[tuple[str, str]] = []
        self.closed = False
        self.written = 0
        self._pieces = pieces
        self._error = error
        self._delay = delay
        self._endless = endless

    async def stream(
        self, *, system: str, user: str, model: str, max_tokens: int
    ) -> AsyncGenerator[str | ChatFinish, None]:
        self.prompts.append((system, user))
        try:
            while True:
                for piece in self._pieces:
                    await asyncio.sleep(self._delay)
                    self.written += 1
                    yield piece
                if not self._endless:
                    break
            if self._error is not None:
                raise self._error
            yield ChatFinish(Usage(10, 5, 15), model or "scripted", False)
        finally:
            self.closed = True
