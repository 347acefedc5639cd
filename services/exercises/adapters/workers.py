"""The CPU-bound work of this service, as functions that worker processes run, and the ports over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.exercises.domain.analysis.extraction import extract
from services.exercises.domain.cloze.cloze import Cloze
from services.exercises.domain.generation.material import passages_of_text
from services.exercises.values.analysis import Extract
from services.exercises.values.question import Draft, Passage, QuestionKind
from services.kit.workers import WorkerPool
from services.language.detection import LANGUAGES


def warm() -> None:
    """Read ahead of the first work what the languages need."""
    for language in LANGUAGES:
        language.key_terms.warm()


def make_drafts(
    passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
) -> dict[QuestionKind, list[Draft]]:
    """Make cloze questions of a material."""
    return Cloze(passages, seed).drafts(kinds)


def make_extract(passages: Sequence[Passage], count: int) -> Extract:
    """Find key sentences, level and what can be asked about a material."""
    return extract(passages, count)


_SHORT = 2000
"""Characters that are cut within half a millisecond as a rule, which is less than to hand them to a worker takes."""


class PooledCutter:
    """Cuts texts in worker processes, but for short ones."""

    def __init__(self, pool: WorkerPool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def passages(self, text: str) -> tuple[Passage, ...]:
        """Cut here what takes less time than to hand it over."""
        if len(text) <= _SHORT:
            return passages_of_text(text)
        return await self._pool.run(passages_of_text, text, timeout=self._timeout)


class PooledCloze:
    """Makes cloze questions in worker processes."""

    def __init__(self, pool: WorkerPool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def drafts(
        self, passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
    ) -> dict[QuestionKind, list[Draft]]:
        """Make them in one worker."""
        return await self._pool.run(make_drafts, tuple(passages), dict(kinds), seed, timeout=self._timeout)


class PooledExtractor:
    """Reads materials in worker processes."""

    def __init__(self, pool: WorkerPool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def extract(self, passages: Sequence[Passage], count: int) -> Extract:
        """Read all of it in one worker."""
        return await self._pool.run(make_extract, tuple(passages), count, timeout=self._timeout)
