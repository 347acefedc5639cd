"""The CPU-bound work of this service, as functions that worker processes run, and the ports over them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from services.exercises.domain.analysis.extraction import extract
from services.exercises.domain.cloze.cloze import Cloze
from services.exercises.domain.generation.material import passages_of_text
from services.exercises.values.analysis import MaterialExtract
from services.exercises.values.question import Draft, Passage, QuestionKind
from services.kit.workers import WorkerPool
from services.language.segmentation import Dictionary


@functools.cache
def dictionary() -> Dictionary:
    """The Chinese dictionary of this worker process, read once."""
    return Dictionary.load()


def warm() -> None:
    """Reads the dictionary ahead of the first work."""
    dictionary()


def make_drafts(
    passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
) -> dict[QuestionKind, list[Draft]]:
    """Cloze questions of a material."""
    return Cloze(passages, dictionary(), seed).drafts(kinds)


def make_extract(passages: Sequence[Passage], count: int) -> MaterialExtract:
    """Key sentences, level and what can be asked about a material."""
    return extract(passages, count, dictionary())


_SHORT = 2000
"""Characters that are cut within half a millisecond as a rule, which is less than to hand them to a worker takes."""


class PooledCutter:
    """`ports.TextCutter` in worker processes, but for short texts."""

    def __init__(self, pool: WorkerPool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def passages(self, text: str) -> tuple[Passage, ...]:
        """See `ports.TextCutter`."""
        if len(text) <= _SHORT:
            return passages_of_text(text)
        return await self._pool.run(passages_of_text, text, timeout=self._timeout)


class PooledCloze:
    """`ports.ClozeMaker` in worker processes."""

    def __init__(self, pool: WorkerPool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def drafts(
        self, passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
    ) -> dict[QuestionKind, list[Draft]]:
        """See `ports.ClozeMaker`."""
        return await self._pool.run(make_drafts, tuple(passages), dict(kinds), seed, timeout=self._timeout)


class PooledExtractor:
    """`ports.MaterialExtractor` in worker processes."""

    def __init__(self, pool: WorkerPool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def extract(self, passages: Sequence[Passage], count: int) -> MaterialExtract:
        """See `ports.MaterialExtractor`."""
        return await self._pool.run(make_extract, tuple(passages), count, timeout=self._timeout)
