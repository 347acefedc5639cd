"""Passages, questions and a leg, as tests write them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace

from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.values.calibration import Calibration, Calibrations
from services.retrieval.values.chunk import EVERYWHERE, Chunk, Filter, Hit, LegQuery

DOCUMENT = "00000000-0000-7000-8000-000000000001"
MODEL = "multilingual-e5-small"
THRESHOLDS: dict[tuple[str, str], float] = {
    ("en", "en"): 0.5,
    ("zh", "zh"): 0.5,
    ("zh", "en"): 0.2,
    ("en", "zh"): 0.2,
}
CALIBRATION = Calibration(0.4, THRESHOLDS, {}, {}, support=0.5)
GATED = Calibrations({MODEL: CALIBRATION})
PLAIN = Centering(Calibrations({}))


def chunk(text: str, ordinal: int = 0, document_id: str = DOCUMENT, start: int | None = None) -> Chunk:
    first = 1000 * ordinal if start is None else start
    chunk_id = str(uuid.uuid5(uuid.UUID(document_id), f"{ordinal}:{first}"))
    return Chunk(chunk_id, document_id, "notes.pdf", ordinal, text, ordinal + 1, first, first + len(text))


def hit(text: str, ordinal: int = 0, score: float = 0.6) -> Hit:
    return Hit(chunk(text, ordinal), score, similarity=score, embedding_model=MODEL)


def query(text: str, limit: int = 5, documents: tuple[str, ...] = (), where: Filter = EVERYWHERE) -> LegQuery:
    return LegQuery(text, "alice", replace(where, document_ids=documents), limit)


class FakeLeg:
    """A leg that returns its hits after `delay` seconds, or raises."""

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
        found = [h for h in self._hits if query.where.admits(h.chunk)]
        return found[: query.limit]
