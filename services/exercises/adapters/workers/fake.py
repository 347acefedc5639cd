"""Reading material in this process: for tests, and for trying the service without worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from services.exercises.adapters.workers.pooled import make_drafts
from services.exercises.domain.analysis.extraction import extract
from services.exercises.domain.generation.material import passages_of_text
from services.exercises.values.analysis import MaterialExtract
from services.exercises.values.question import Draft, Passage, QuestionKind


class FakeMaterialWorker:
    """Reads material in threads and counts the calls for drafts."""

    def __init__(self) -> None:
        self.calls = 0

    async def split(self, text: str) -> tuple[Passage, ...]:
        """Split a text at once."""
        return passages_of_text(text)

    async def drafts(
        self, passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
    ) -> dict[QuestionKind, list[Draft]]:
        """Make the drafts in a thread."""
        self.calls += 1
        return await asyncio.to_thread(make_drafts, passages, kinds, seed)

    async def extract(self, passages: Sequence[Passage], count: int) -> MaterialExtract:
        """Extract in a thread."""
        return await asyncio.to_thread(extract, passages, count)
