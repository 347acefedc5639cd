"""Reading material in worker processes: the functions that they run, and the port over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.exercises.domain.analysis.extraction import extract
from services.exercises.domain.cloze.cloze import Cloze
from services.exercises.domain.generation.material import passages_of_text
from services.exercises.values.analysis import MaterialExtract
from services.exercises.values.question import Draft, Passage, QuestionKind
from services.kit.workers import WorkerPool
from services.language.detection import LANGUAGES


def warm() -> None:
    """Load what the languages need before the first work."""
    for language in LANGUAGES:
        language.key_terms.warm()


def make_drafts(
    passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
) -> dict[QuestionKind, list[Draft]]:
    """Make the cloze questions of a material."""
    return Cloze(passages, seed).drafts(kinds)


_SHORT_CHARACTERS = 2000
"""A text of this length is split within half a millisecond as a rule; handing it to a worker takes longer."""


class PooledMaterialWorker:
    """Reads material in worker processes; a call has `timeout` seconds."""

    def __init__(self, pool: WorkerPool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def split(self, text: str) -> tuple[Passage, ...]:
        """Split a short text here and a long one in a worker."""
        if len(text) <= _SHORT_CHARACTERS:
            return passages_of_text(text)
        return await self._pool.run(passages_of_text, text, timeout=self._timeout)

    async def drafts(
        self, passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
    ) -> dict[QuestionKind, list[Draft]]:
        """Make the drafts in a worker."""
        return await self._pool.run(make_drafts, tuple(passages), dict(kinds), seed, timeout=self._timeout)

    async def extract(self, passages: Sequence[Passage], count: int) -> MaterialExtract:
        """Extract in a worker."""
        return await self._pool.run(extract, tuple(passages), count, timeout=self._timeout)
