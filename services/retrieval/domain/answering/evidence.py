"""What speaks for the first of many passages: that it stands out, and that it holds what is rare in the question.

The best of many strangers is near, too, and the more there are the nearer it is. What a signal says therefore is
relative to the other candidates (ADR 0059).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain

from services.language.search_terms import held, search_terms
from services.language.terms import coverage, terms
from services.retrieval.values.chunk import Hit

_LEAST = 10
"""Candidates from which on it tells something how far the best is ahead of the others."""
_DEPTH = 40
"""Candidates of each leg that are looked at."""


def signals(question: str, first: Hit, candidates: Sequence[Hit], *, across: bool) -> Mapping[str, float] | None:
    """Return what speaks for a passage among the candidates of its language, by the names that calibrations use.

    `across` is for passages in another language than the question's: words tell nothing there. None where there are
    too few candidates, or where words found none.
    """
    cosines = sorted((hit.similarity for hit in candidates if hit.similarity is not None), reverse=True)
    if len(cosines) < _LEAST:
        return None
    found = {
        # One that the vector leg did not find is no nearer than the farthest that it did.
        "cosine": cosines[-1] if first.similarity is None else first.similarity,
        "lead": cosines[0] - cosines[1],
    }
    return found if across else _with_words(found, question, first, candidates)


def _with_words(
    found: dict[str, float], question: str, first: Hit, candidates: Sequence[Hit]
) -> Mapping[str, float] | None:
    by_words = sorted((hit for hit in candidates if _words_score(hit) > 0), key=_words_score, reverse=True)[:_DEPTH]
    if not by_words:
        return None
    scores = [_words_score(hit) for hit in by_words]
    by_cosine = sorted(candidates, key=lambda hit: hit.similarity or -1.0, reverse=True)[:_DEPTH]
    texts = {hit.chunk.chunk_id: hit.chunk.text for hit in chain(by_words, by_cosine)}
    wanted = search_terms(question).words.keys()
    holds = {chunk_id: held(wanted, text) for chunk_id, text in texts.items()}
    rarity = _rarity(wanted, holds.values())
    whole = sum(rarity.values()) or 1.0
    return found | {
        "words_lead": 1 - scores[1] / scores[0] if len(scores) > 1 else 1.0,
        "coverage": coverage(terms(question), terms(first.chunk.text)),
        "rare": sum(rarity[term] for term in held(wanted, first.chunk.text)) / whole,
    }


def _words_score(hit: Hit) -> float:
    """Return a hit's score by words; 0 where words did not find it."""
    return next((leg.score for leg in hit.legs if leg.leg == "words"), 0.0)


def _rarity(wanted: Collection[str], holds: Collection[Collection[str]]) -> Mapping[str, float]:
    """Return the inverse document frequency of terms among the candidates, which stand for the library."""
    count = len(holds)
    having = Counter(chain.from_iterable(holds))
    return {term: math.log(1 + (count - having[term] + 0.5) / (having[term] + 0.5)) for term in wanted}
