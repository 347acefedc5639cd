"""The relevance gate: whether the passages can hold the answer at all (ADR 0013 and 0048)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache

from services.language.detection import LANGUAGES, language_of
from services.language.scripts import in_known_script
from services.language.terms import coverage, terms
from services.retrieval.values.calibration import Calibration, Calibrations, Evidence
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

    def passes(self, question: str, hits: Sequence[Hit], candidates: Sequence[Hit] = ()) -> bool:
        """Return whether `hits`, the best of `candidates`, reach the threshold; False without passages."""
        return self.margin(question, hits, candidates) >= 0

    def margin(self, question: str, hits: Sequence[Hit], candidates: Sequence[Hit] = ()) -> float:
        """Return by how much the best relevance exceeds its threshold; minus infinity without passages.

        A question in a script of no known language has no words to look for, and how near its vector is to passages in
        another script was never measured: only passages in such a script count.
        """
        if not in_known_script(question):
            hits, candidates = _strange(hits), _strange(candidates)
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
        stored = [hit for hit in candidates if hit.chunk.origin is None]
        rivals = [hit for hit in stored if language_of(hit.chunk.text) == language]
        evidence = calibration.evidence if shares and _many(rivals) else None

        def relevance(hit: Hit, of_hit: str) -> float:
            cosine = hit.similarity or 0.0
            if of_hit != language:
                return cosine - calibration.thresholds[language, of_hit]
            # How passages stored here stand out tells nothing of one from elsewhere.
            if evidence is None or hit.chunk.origin is not None:
                return cosine + calibration.weight * max(shares) - calibration.thresholds[language, of_hit]
            return cosine + evidence.coverage * max(shares) + _rivalry(rivals, evidence) - evidence.threshold

        return max(relevance(hit, of_hit) for hit, of_hit in zip(hits, languages, strict=True))

    def _calibration(self, model: str) -> Calibration | None:
        known = self._calibrations.of(model)
        if self._threshold is None:
            return known
        codes = [language.code for language in LANGUAGES]
        thresholds = dict.fromkeys(itertools.product(codes, codes), self._threshold)
        return Calibration(known.weight if known else 0.0, thresholds, {}, {})


def _strange(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits in a script of no known language."""
    return [hit for hit in hits if not in_known_script(hit.chunk.text)]


_MANY = 10
"""Candidates from which on it tells something how far the best is ahead of the others."""
_RIVALS = slice(5, 40)
"""Hits by words that the best is compared with: those that come next may tell of the same thing."""


def _many(candidates: Sequence[Hit]) -> bool:
    """Return whether a language has so many candidates, by cosine and by words, that they tell of one another."""
    return sum(hit.similarity is not None for hit in candidates) >= _MANY and any(
        _words_score(hit) > 0 for hit in candidates
    )


def _rivalry(candidates: Sequence[Hit], evidence: Evidence) -> float:
    """Return what the lead of the best candidates adds to a cosine: the best of strangers are close together."""
    cosines = sorted((hit.similarity for hit in candidates if hit.similarity is not None), reverse=True)
    by_words = sorted(map(_words_score, candidates), reverse=True)
    rest = by_words[_RIVALS] or by_words[1:]
    nearest = max(candidates, key=lambda hit: hit.similarity or -1.0)
    agreed = _words_score(nearest) == by_words[0]
    return (
        evidence.lead * (cosines[0] - cosines[1])
        + evidence.words_lead * (1 - sum(rest) / len(rest) / by_words[0])
        + evidence.agreement * agreed
    )


def _words_score(hit: Hit) -> float:
    """Return a hit's score by words; 0 where words did not find it."""
    return next((leg.score for leg in hit.legs if leg.leg == "words"), 0.0)
