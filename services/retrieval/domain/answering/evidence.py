"""What speaks for the first of many passages: that it stands out, and that it holds what is rare in the question.

The best of many strangers is near, too, and the more there are the nearer it is. What a signal says therefore is
relative to the other candidates (ADR 0059).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain

from services.language.lexicon import Translations
from services.language.search_terms import Sought, search_terms
from services.language.terms import coverage, terms
from services.retrieval.domain.search.bm25 import rarity
from services.retrieval.domain.search.translated import Said
from services.retrieval.values.chunk import Hit

_LEAST = 10
"""Candidates from which on it tells something how far the best is ahead of the others."""
_DEPTH = 40
"""Candidates of each leg that are looked at."""


def signals(
    question: str,
    first: Hit,
    candidates: Sequence[Hit],
    *,
    across: bool,
    translations: Translations | None = None,
) -> Mapping[str, float] | None:
    """Return what speaks for a passage among the candidates of its language, by the names that calibrations use.

    `across` is for passages in another language than the question's: words tell something there only with the
    question's `translations`. None where there are too few candidates, or where words found none.
    """
    cosines = sorted((hit.similarity for hit in candidates if hit.similarity is not None), reverse=True)
    if len(cosines) < _LEAST:
        return None
    found = {
        # One that the vector leg did not find is no nearer than the farthest that it did.
        "cosine": cosines[-1] if first.similarity is None else first.similarity,
        "lead": cosines[0] - cosines[1],
    }
    if not across:
        return _with_words(found, question, first, candidates)
    return found if translations is None else _with_translations(found, translations, first, candidates)


def _with_words(
    found: dict[str, float], question: str, first: Hit, candidates: Sequence[Hit]
) -> Mapping[str, float] | None:
    by_words = _best(candidates, "words")
    if not by_words:
        return None
    wanted = search_terms(question).words.keys()
    sought = Sought(wanted)
    rare = rarity(wanted, [sought.held_by(text) for text in _texts(by_words, candidates)])
    whole = sum(rare.values()) or 1.0
    return found | {
        "words_lead": _lead([score for score, _ in by_words]),
        "coverage": coverage(terms(question), terms(first.chunk.text)),
        "rare": sum(rare[term] for term in sought.held_by(first.chunk.text)) / whole,
    }


def _with_translations(
    found: dict[str, float], translations: Translations, first: Hit, candidates: Sequence[Hit]
) -> Mapping[str, float] | None:
    by_words = _best(candidates, "translated")
    if not by_words or not translations:
        return None
    said = Said(translations)
    rare = rarity(translations, [said.by(text) for text in _texts(by_words, candidates)])
    whole = sum(rare.values()) or 1.0
    nearest = max(candidates, key=lambda hit: hit.similarity or -1.0)
    return found | {
        "agreement": float(by_words[0][1].chunk.chunk_id == nearest.chunk.chunk_id),
        "translated_lead": _lead([score for score, _ in by_words]),
        "translated": sum(rare[term] for term in said.by(first.chunk.text)) / whole,
    }


def _best(candidates: Sequence[Hit], leg: str) -> list[tuple[float, Hit]]:
    """Return the hits that a leg found with their scores by it, the highest first."""
    scored = ((one.score, hit) for hit in candidates for one in hit.legs if one.leg == leg and one.score > 0)
    return sorted(scored, key=lambda pair: pair[0], reverse=True)[:_DEPTH]


def _lead(scores: Sequence[float]) -> float:
    """Return how far the highest score is ahead of the second, as a share of it."""
    return 1 - scores[1] / scores[0] if len(scores) > 1 else 1.0


def _texts(by_words: Sequence[tuple[float, Hit]], candidates: Sequence[Hit]) -> Collection[str]:
    """Return the texts of what is looked at: the first of both legs."""
    by_cosine = sorted(candidates, key=lambda hit: hit.similarity or -1.0, reverse=True)[:_DEPTH]
    return {hit.chunk.chunk_id: hit.chunk.text for hit in chain((hit for _, hit in by_words), by_cosine)}.values()
