"""Key terms: the words that a material is about, where they stand, and what they could be taken for.

Only whole noun phrases become terms, so that a gap never cuts one. Finding them is a language's own affair
(`TermFinder`): `noun_phrases` and `noun_runs` are the two ways there are.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from services.language.patterns import NEVER, Pattern
from services.language.scripts import SPELLED


class Category(StrEnum):
    """What could stand in a term's place."""

    CONCEPT = "concept"
    PLURAL = "plural"
    NAME = "name"
    PERSON = "person"
    PLACE = "place"
    ACRONYM = "acronym"
    NUMBER = "number"
    YEAR = "year"


NUMERIC = frozenset((Category.NUMBER, Category.YEAR))

TermSpan = tuple[int, int, Category]
"""Where a term stands in a sentence, [start, end), and what it is there."""


@dataclass(frozen=True, slots=True)
class Term:
    """A key term. `score` is how much the material is about it; higher is more."""

    text: str
    category: Category
    score: float


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A term where it stands in a sentence: the slice [start, end)."""

    start: int
    end: int
    term: Term


@dataclass(frozen=True, slots=True)
class TermIndex:
    """Terms of a material, best first, and each sentence's occurrences in order."""

    terms: tuple[Term, ...]
    occurrences: tuple[tuple[Occurrence, ...], ...]


class TermFinder(Protocol):
    """A language's way to find terms: work for a worker process."""

    def spans(self, sentences: Sequence[str]) -> list[list[TermSpan]]:
        """Return the terms of each sentence of a material in order; those of one sentence are disjoint."""

    def rarity(self, key: str) -> float:
        """Return how rare a term in folded case is in general language, 0 to 1."""

    def warm(self) -> None:
        """Read ahead of the first work what that needs."""


def index_terms(sentences: Sequence[str], finder: TermFinder) -> TermIndex:
    """Find the key terms of a material that is given as its sentences."""
    found = finder.spans(sentences)
    categories: defaultdict[str, Counter[Category]] = defaultdict(Counter)
    shown: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence, spans in zip(sentences, found, strict=True):
        for start, end, category in spans:
            text = sentence[start:end]
            categories[text.casefold()][category] += 1
            shown[text.casefold()][text] += 1
    terms = {key: _term(key, shown[key], categories[key], finder) for key in shown}
    occurrences = tuple(
        tuple(Occurrence(start, end, terms[sentence[start:end].casefold()]) for start, end, _ in spans)
        for sentence, spans in zip(sentences, found, strict=True)
    )
    return TermIndex(tuple(sorted(terms.values(), key=lambda term: (-term.score, term.text))), occurrences)


def _term(key: str, shown: Counter[str], categories: Counter[Category], finder: TermFinder) -> Term:
    """Score a term: its frequency in the material, damped, times how rare it is elsewhere."""
    category = categories.most_common(1)[0][0]
    score = 1.2 if category is Category.YEAR else 1.0
    if category not in NUMERIC:
        score = (1.0 + math.log(shown.total())) * finder.rarity(key) * (1.15 if category is Category.NAME else 1.0)
    return Term(key if shown[key] else shown.most_common(1)[0][0], category, score)


def spelled_rarity(key: str, suffixes: tuple[str, ...]) -> float:
    """Guess how rare a term in an alphabet is: by its number of words, and whether it ends as learned words do."""
    return min(1.0, 0.55 + 0.15 * len(key.split()) + (0.2 if key.endswith(suffixes) else 0.0))


_NUMBER = re.compile(
    r"(?<![\w.,/-])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w.,]*\d)"
    rf"|(?<!{SPELLED})(?<![_.,/–-])\d+(?:\.\d+)?(?![\d:/–-]|[.,]\d|{SPELLED})"
)


_YEAR = Pattern(r"^(?:1[0-9]|20)\d\d$")


@dataclass(frozen=True, slots=True)
class NumberRules:
    """What the words beside a number make of it; without any, every number may be asked for."""

    label: Pattern = NEVER
    """At the end of what stands before: the number is a label (`Fig. 3`) and no term."""
    labels: Pattern = NEVER
    """At the beginning of what stands behind: the same (`41号公路`)."""
    before_year: Pattern = NEVER
    """At the end of what stands before: a number of four digits is a year."""
    after_year: Pattern = NEVER
    """At the beginning of what stands behind: the same."""
    year: Pattern = _YEAR
    """A number that may be a year."""

    def spans(self, text: str) -> list[TermSpan]:
        """Return the numbers of a text that may be asked for."""
        spans: list[TermSpan] = []
        for match in _NUMBER.finditer(text):
            before = text[: match.start()].rstrip()
            if self.label.search(before) or self.labels.match(text[match.end() :]):
                continue
            year = self.year.match(match.group()) and (
                self.before_year.search(before) or self.after_year.match(text[match.end() :])
            )
            spans.append((match.start(), match.end(), Category.YEAR if year else Category.NUMBER))
        return spans
