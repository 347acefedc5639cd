"""Whether the material supports an answer in another language, where answer and material share no word (ADR 0027)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.kit.errors import TikuError
from services.language.figures import figures
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
_TELLING_DIGITS = 3


@dataclass(frozen=True, slots=True)
class GroundednessCheck:
    """Compares an answer's sentences with those of its passages, by meaning."""

    _embedder: Embedder
    _centering: Centering
    _calibrations: Calibrations

    async def is_grounded(self, question: str, answer: str, passages: Sequence[Chunk], model: str) -> bool:
        """Return whether a sentence of `passages`, the likeliest first, says what a sentence of `answer` says.

        `model` is the embedding model. A statement that is little more than a figure has no meaning to compare: it is
        said by a sentence that has the figure. Also True where meanings cannot be compared: without a calibration of
        the model, or when embedding fails.
        """
        calibration = self._calibrations.of(model)
        if calibration is None or calibration.support is None:
            return True
        sentences = [chunk.text[start:end] for chunk in passages for start, end in split_sentences(chunk.text)]
        if _tell_figures(answer, sentences):
            return True
        try:
            stated = await self._embed(_statements(question, answer), model)
            for start in range(0, len(sentences), _BATCH):
                sources = await self._embed(sentences[start : start + _BATCH], model)
                if (stated @ sources.T >= calibration.support).any():
                    return True
        except TikuError as error:
            logger.warning("embedding failed, the answer goes unchecked", extra={"error": repr(error)})
            return True
        return False

    async def _embed(self, texts: Sequence[str], model: str) -> NDArray[np.float64]:
        vectors = await self._embedder.embed_passages(texts, model)
        centered = [self._centering.passage(model, text, vector) for text, vector in zip(texts, vectors, strict=True)]
        return np.array(centered)


def _statements(question: str, answer: str) -> list[str]:
    stated = [answer[start:end] for start, end in split_sentences(answer)[:_STATEMENTS]]
    return [text if len(terms(text)) >= _TELLING_TERMS else f"{question} {text}" for text in stated]


def _tell_figures(answer: str, sentences: Sequence[str]) -> bool:
    """Return whether an answer is figures and hardly a word, and one sentence has them all."""
    told = _numbers(answer)
    return bool(told) and len(terms(answer)) < _TELLING_TERMS and any(told <= _numbers(one) for one in sentences)


def _numbers(text: str) -> set[str]:
    """Return the numbers of a text that are long enough to be no chance."""
    return {figure.number for figure in figures(text) if len(figure.number) >= _TELLING_DIGITS}
