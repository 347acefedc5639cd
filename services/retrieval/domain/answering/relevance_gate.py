"""The relevance gate: whether the passages can hold the answer at all (ADR 0013 and 0059)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cache

from services.language.detection import LANGUAGES, language_of
from services.language.folding import says
from services.language.lexicon import Lexicon
from services.language.scripts import in_known_script
from services.language.terms import coverage, terms
from services.retrieval.domain.answering.evidence import signals
from services.retrieval.values.calibration import Calibration, Calibrations
from services.retrieval.values.chunk import Hit, embedding_model


def is_overview(question: str) -> bool:
    """Return whether a question is about the material as a whole and names nothing in it."""
    whole = without = LANGUAGES.one_spelling(question)
    for language in LANGUAGES:
        without = language.answering.overview.sub(" ", without)
    spoken = terms(without)
    return (without != whole or bool(spoken & _words())) and not spoken - _words()


@cache
def _words() -> frozenset[str]:
    return frozenset().union(*(terms(language.answering.overview_words) for language in LANGUAGES))


_LEAST_COVERAGE = 0.33
"""The threshold where terms alone decide; with it, 2 % of the answerable questions of XQuAD are refused."""


class RelevanceGate:
    """Decides whether passages may answer a question; `threshold`, when given, replaces every calibrated one.

    `lexicon` gives the lexicon that translates words where passages are in another language than the question.
    """

    def __init__(
        self,
        calibrations: Calibrations,
        threshold: float | None = None,
        lexicon: Callable[[], Lexicon] | None = None,
    ) -> None:
        self._calibrations = calibrations
        self._threshold = threshold
        self._lexicon = lexicon

    def passes(self, question: str, hits: Sequence[Hit], candidates: Sequence[Hit] = ()) -> bool:
        """Return whether `hits`, the best of `candidates`, reach the threshold; False without passages.

        What a thing is may stand in any passage that names it. Such a question has so few words that neither they nor
        its vector tell much, and no set that was measured has such questions.
        """
        if self._threshold is None and _names_what_is_defined(question, hits):
            return True
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
        language, languages = language_of(question), [language_of(hit.chunk.text) for hit in hits]
        calibration = self._calibration(embedding_model(hits))
        if calibration is None:
            asked, same = terms(question), zip(hits, languages, strict=True)
            shares = [coverage(asked, terms(hit.chunk.text)) for hit, of_hit in same if of_hit == language]
            # Across scripts terms cannot tell: the model is left to judge the passages.
            return max(shares) - _LEAST_COVERAGE if shares else math.inf
        margins = []
        for code in set(languages):
            its = [hit for hit, of_hit in zip(hits, languages, strict=True) if of_hit == code]
            rivals = [hit for hit in candidates if language_of(hit.chunk.text) == code]
            margins.append(self._margin(question, (language, code), its, rivals, calibration))
        return max(margins)

    def _margin(
        self, question: str, pair: tuple[str, str], hits: Sequence[Hit], candidates: Sequence[Hit], known: Calibration
    ) -> float:
        """Return the margin of the passages of one language; `pair` is the question's language and theirs."""
        # How passages stored here stand out tells nothing of one from elsewhere.
        stored, rivals = ([hit for hit in found if hit.chunk.origin is None] for found in (hits, candidates))
        margin = self._margin_among_many(question, pair, stored[0], rivals, known) if stored else None
        if margin is None:
            return _plain_margin(question, pair, hits, known)
        elsewhere = [hit for hit in hits if hit.chunk.origin is not None]
        return max(margin, _plain_margin(question, pair, elsewhere, known))

    def _margin_among_many(
        self, question: str, pair: tuple[str, str], first: Hit, rivals: Sequence[Hit], known: Calibration
    ) -> float | None:
        """Return the margin of the first passage among many; None where they are few, or nothing was measured."""
        across = pair[0] != pair[1]
        if across and known.translated and self._lexicon and _was_translated(rivals):
            translations = self._lexicon().translations(question, pair[1])
            found = signals(question, first, rivals, across=True, translations=translations)
            if found is not None:
                return known.translated.margin(found)
        evidence = known.across if across else known.within
        found = signals(question, first, rivals, across=across) if evidence else None
        return evidence.margin(found) if evidence and found else None

    def _calibration(self, model: str) -> Calibration | None:
        known = self._calibrations.of(model)
        if self._threshold is None:
            return known
        codes = [language.code for language in LANGUAGES]
        thresholds = dict.fromkeys(itertools.product(codes, codes), self._threshold)
        return Calibration(known.weight if known else 0.0, thresholds, {}, {})


def _names_what_is_defined(question: str, hits: Sequence[Hit]) -> bool:
    """Return whether a question asks only what a thing is, and a passage calls the thing by its name."""
    asked = LANGUAGES.one_spelling(question.strip())
    found = LANGUAGES.of(asked).answering.definition.match(asked)
    return found is not None and any(says(LANGUAGES.one_spelling(hit.chunk.text), found["named"]) for hit in hits)


def _strange(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits in a script of no known language."""
    return [hit for hit in hits if not in_known_script(hit.chunk.text)]


def _was_translated(candidates: Sequence[Hit]) -> bool:
    """Return whether the leg across languages found any."""
    return any(leg.leg == "translated" for hit in candidates for leg in hit.legs)


def _plain_margin(question: str, pair: tuple[str, str], hits: Sequence[Hit], calibration: Calibration) -> float:
    """Return the margin of what is asked of few passages: the best cosine, and the best share of terms (ADR 0025)."""
    if not hits:
        return -math.inf
    asked = terms(question) if pair[0] == pair[1] else frozenset()
    shared = max(coverage(asked, terms(hit.chunk.text)) for hit in hits) if asked else 0.0
    cosine = max(hit.similarity or 0.0 for hit in hits)
    return cosine + calibration.weight * shared - calibration.thresholds[pair]
