"""BM25 as sparse vectors: what a passage says is in its vector, how rare a term is the store knows.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009. A passage's vector holds the
part of the formula that depends on the passage alone; the average length is a constant, so that a passage's vector
depends on no other passage. The inverse document frequency is the store's part: it multiplies a question's vector.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import log, sqrt
from zlib import crc32

from services.language.lexicon import Phrase
from services.language.search_terms import SearchTerms, search_terms
from services.retrieval.values.chunk import SparseVector

_SATURATION = 0.9
"""The formula's k1. This and what follows was chosen on CMRC 2018 and XQuAD (ADR 0047)."""
_LENGTH_SHARE = 0.5
"""The formula's b."""
_AVERAGE_LENGTH = 150.0
"""Words of a passage that counts as neither long nor short."""
_CHARACTER_WEIGHT = 0.3
"""What a single character of a script without spaces weighs beside a pair of them."""


def passage_vector(text: str) -> SparseVector:
    """Return the vector by which a passage is found."""
    terms = search_terms(text)
    norm = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * terms.length / _AVERAGE_LENGTH)
    return _sparse(
        (term, weight * count * (_SATURATION + 1) / (count + norm)) for term, count, weight in _weighted(terms)
    )


def passage_vectors(texts: Sequence[str]) -> list[SparseVector]:
    """Return the vectors of passages, in their order: work for a worker process."""
    return list(map(passage_vector, texts))


def question_vector(text: str) -> SparseVector:
    """Return the vector that finds passages: one for each term, however often it stands in the question."""
    terms = search_terms(text)
    return _sparse((term, 1.0) for term in chain(terms.words, terms.characters))


def translated_vector(translations: Iterable[Sequence[Phrase]]) -> SparseVector:
    """Return the vector that finds passages in another language, given what each term of a question is called there.

    A translation's weight is shared by the terms that it consists of. A term with many translations, each of which says
    little, spreads its weight over them, by the root of their number.
    """
    return _sparse(pair for phrases in translations for pair in _shared(phrases).items())


def _shared(phrases: Sequence[Phrase]) -> Mapping[str, float]:
    best: dict[str, float] = {}
    for phrase in phrases:
        for term in phrase:
            best[term] = max(best.get(term, 0.0), 1 / len(phrase))
    spread = sqrt(len(phrases))
    return {term: weight / spread for term, weight in best.items()}


def rarity(wanted: Collection[str], holds: Collection[Collection[str]]) -> Mapping[str, float]:
    """Return the inverse document frequency of terms among passages, given what each passage holds of them."""
    count = len(holds)
    having = Counter(chain.from_iterable(holds))
    return {term: log(1 + (count - having[term] + 0.5) / (having[term] + 0.5)) for term in wanted}


def _weighted(terms: SearchTerms) -> Iterator[tuple[str, int, float]]:
    yield from ((term, count, 1.0) for term, count in terms.words.items())
    yield from ((term, count, _CHARACTER_WEIGHT) for term, count in terms.characters.items())


def _sparse(weights: Iterator[tuple[str, float]]) -> SparseVector:
    """Return a vector of terms by their ids. Two terms of one id, about one pair in four billion, count as one."""
    by_id: dict[int, float] = {}
    for term, weight in weights:
        key = crc32(term.encode())
        by_id[key] = by_id.get(key, 0.0) + weight
    return SparseVector(tuple(by_id), tuple(by_id.values()))
