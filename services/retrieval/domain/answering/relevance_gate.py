"""The relevance gate: whether the passages can hold the answer at all (ADR 0013)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache

from services.language.detection import LANGUAGES, language_of
from services.language.terms import coverage, terms
from services.retrieval.values.calibration import Calibration, Calibrations
from services.retrieval.values.chunk import Hit, embedding_model


def is_overview(question: str) -> bool:
    """Return whether a question is about the material as a whole and names nothing in it."""
    without = question
    for language in LANGUAGES:
        without = language.answering.overview.sub(" ", without)
    spoken = terms(without)
    return (without != question or bool(spoken & _words())) and not spoken - _words()


@cache
def _words() -> frozenset[str]:
    return frozenset().union(*(terms(language.answering.overview_words) for language in LANGUAGES))


_LEAST_COVERAGE = 0.33
"""The threshold where terms alone decide; with it, 2 % of the answerable questions of XQuAD are refused."""


class RelevanceGate:
    """Decides whether passages may answer a question; `threshold`, when given, replaces every calibrated one."""

    def __init__(self, calibrations: Calibrations, threshold: float | None = None) -> None:
        self._calibrations = calibrations
        self._threshold = threshold

    def passes(self, question: str, hits: Sequence[Hit]) -> bool:
        """Return whether the best relevance reaches its threshold; False without passages."""
        return self.margin(question, hits) >= 0

    def margin(self, question: str, hits: Sequence[Hit]) -> float:
        """Return by how much the best relevance exceeds its threshold; minus infinity without passages."""
        if not hits:
            return -math.inf
        asked, language = terms(question), language_of(question)
        languages = [language_of(hit.chunk.text) for hit in hits]
        shares = [
            coverage(asked, terms(hit.chunk.text))
            for hit, of_hit in zip(hits, languages, strict=True)
            if of_hit == language
        ]
        calibration = self._calibration(embedding_model(hits))
        if calibration is None:
            # Across scripts terms cannot tell: the model is left to judge the passages.
            return max(shares) - _LEAST_COVERAGE if shares else math.inf
        return max(
            (hit.similarity or 0.0)
            + (calibration.weight * max(shares) if of_hit == language else 0.0)
            - calibration.thresholds[language, of_hit]
            for hit, of_hit in zip(hits, languages, strict=True)
        )

    def _calibration(self, model: str) -> Calibration | None:
        known = self._calibrations.of(model)
        if self._threshold is None:
            return known
        codes = [language.code for language in LANGUAGES]
        thresholds = dict.fromkeys(itertools.product(codes, codes), self._threshold)
        return Calibration(known.weight if known else 0.0, thresholds, {}, {})
