"""Whether the material supports an answer in another language, where answer and material share no word.

A sentence and its translation lie near each other, far nearer than a question and its answer. So this check sees what
the relevance gate cannot: a statement that the model made up has no sentence near it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from services.kit.errors import TikuError
from services.language.sentences import split_sentences
from services.language.terms import terms
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.ports import Embedder
from services.retrieval.values.calibration import Calibrations
from services.retrieval.values.chunk import Chunk

logger = logging.getLogger(__name__)

_STATEMENTS = 5
"""Most sentences of an answer that are compared: the instructions ask for no more."""
_BATCH = 16
"""Sentences embedded at once; most answers are supported by one of the first."""
_TELLING_TERMS = 3
"""A statement with fewer terms ("2.5 %") says little without its question."""


class GroundednessCheck:
    """Compares an answer's sentences with those of its passages, by meaning."""

    def __init__(self, embedder: Embedder, centering: Centering, calibrations: Calibrations) -> None:
        self._embedder = embedder
        self._centering = centering
        self._calibrations = calibrations

    async def is_grounded(self, question: str, answer: str, passages: Sequence[Chunk], model: str) -> bool:
        """Return whether a sentence of `passages`, the likeliest first, says what a sentence of `answer` says.

        `model` is the embedding model. Also True where meanings cannot be compared: without a calibration of the
        model, or when embedding fails.
        """
        calibration = self._calibrations.of(model)
        if calibration is None or calibration.support is None:
            return True
        try:
            stated = await self._embed(list(_statements(question, answer)), model)
            for batch in _batches(passages):
                sources = await self._embed(batch, model)
                if any(_cosine(one, other) >= calibration.support for one in stated for other in sources):
                    return True
        except TikuError as error:
            logger.warning("embedding failed, the answer goes unchecked", extra={"error": repr(error)})
            return True
        return False

    async def _embed(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        vectors = await self._embedder.embed_passages(texts, model)
        return [self._centering.passage(model, text, vector) for text, vector in zip(texts, vectors, strict=True)]


def _statements(question: str, answer: str) -> Iterator[str]:
    for span in split_sentences(answer)[:_STATEMENTS]:
        statement = answer[span.start : span.end]
        yield statement if len(terms(statement)) >= _TELLING_TERMS else f"{question} {statement}"


def _batches(passages: Sequence[Chunk]) -> Iterator[list[str]]:
    sentences = [chunk.text[span.start : span.end] for chunk in passages for span in split_sentences(chunk.text)]
    for start in range(0, len(sentences), _BATCH):
        yield sentences[start : start + _BATCH]


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
