"""The relevance gate: whether the passages can hold the answer at all.

Small models answer every question, so the gate decides whether to ask one, from two measures of the passages: the
best cosine, and the best share of the question's terms that one passage holds. Which cosine is enough differs by
language, and across languages, so thresholds are measured, not chosen: `benchmarks/quality/retrieval.py` computes
them on one half of XQuAD and prints what they refuse and what they let through on the other half.
"""

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
    """Say whether a question is about the material as a whole and names nothing in it."""
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
        asked = terms(question)
        language = language_of(question)
        languages = [language_of(hit.chunk.text) for hit in hits]
        covered = max(
            (
                coverage(asked, terms(hit.chunk.text))
                for hit, of_hit in zip(hits, languages, strict=True)
                if of_hit == language
            ),
            default=None,
        )
        calibration = self._calibration(embedding_model(hits))
        if calibration is None:
            if not hits:
                return -math.inf
            # Across scripts terms cannot tell: the model is left to judge the passages.
            return math.inf if covered is None else covered - _LEAST_COVERAGE
        margins = [-math.inf]
        for hit, of_hit in zip(hits, languages, strict=True):
            score = hit.similarity if hit.similarity is not None else 0.0
            if of_hit == language and covered is not None:
                score += calibration.weight * covered
            margins.append(score - calibration.thresholds[language, of_hit])
        return max(margins)

    def _calibration(self, model: str) -> Calibration | None:
        known = self._calibrations.of(model)
        if self._threshold is None:
            return known
        pairs = [(asking.code, told.code) for asking, told in itertools.product(LANGUAGES, LANGUAGES)]
        return Calibration(known.weight if known else 0.0, dict.fromkeys(pairs, self._threshold), {}, {})
