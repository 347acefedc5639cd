"""Wrong answers that look right: terms of the same kind from elsewhere in the material, and other numbers."""

from __future__ import annotations

import itertools
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from services.language.folding import fold
from services.language.key_terms import NUMERIC, Category, Occurrence, Term, TermIndex
from services.language.language import Language
from services.language.scripts import is_han

_MOST_CONSIDERED = 400
_MOST_PLACES = 4
"""Places of a term that are looked at."""
_FEWEST_PLACES = 3
"""Places of a name by which it is known to be that of a place."""
_MOST_COMMON = 0.15
"""What is commoner by this much of rarity may be the kind that a term is of: 疾病 beside 黑死病."""
_LISTED = (Category.CONCEPT, Category.PLURAL, Category.NAME, Category.PLACE, Category.PERSON)
"""Categories of terms that stand in lists."""
_AGE = 150
"""Years from a year of the material within which a number of four digits is one."""
_YEARLIKE = re.compile(r"1\d{3}|20\d\d")
_WORD = re.compile(r"[\w']+")
_ALL_NUMBERS = 24
"""More than there are other numbers of one."""
_ANY_NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?!\w*\d)", re.ASCII)
"""Letters beside a number are part of its name, ideographs are not."""
_LONGEST_BETWEEN = 14
"""Characters between the ends of a range."""
_STOPS = re.compile(r"[,，.。;；、()（）]")
_IN_YEARS = re.compile(r"(?<!\d)(?:1\d|20)\d\d(?!\d)")


class Distractors:
    """Finds distractors in one material.

    A term is no distractor for another when it stands in the same sentence, when one contains the other, or when
    both follow or precede the same words anywhere: what fits the same place may be right as well.
    """

    def __init__(self, sentences: Sequence[str], index: TermIndex, language: Language) -> None:
        self._language = language
        self._grammar = language.statements
        self._material = fold("\n".join(sentences))
        self._candidates: dict[Category, list[Term]] = defaultdict(list)
        for term in index.terms:
            if len(self._candidates[term.category]) < _MOST_CONSIDERED:
                self._candidates[term.category].append(term)
        self._before: dict[str, list[str]] = defaultdict(list)
        for sentence, occurrences in zip(sentences, index.occurrences, strict=True):
            for occurrence in occurrences:
                words = _WORD.findall(sentence[max(0, occurrence.start - 20) : occurrence.start].casefold())
                self._before[fold(occurrence.term.text)].append(words[-1] if words else "")
        self._places: dict[str, list[tuple[str, Occurrence]]] = defaultdict(list)
        for sentence, occurrences in zip(sentences, index.occurrences, strict=True):
            for occurrence in occurrences:
                self._places[occurrence.term.text].append((sentence, occurrence))
        self._sorts = {term.text: self._sort_of(term.text, term.category) for term in index.terms}
        self._years = [float(term.text) for term in index.terms if term.category is Category.YEAR]
        self._contexts: dict[str, set[str]] = defaultdict(set)
        for sentence, occurrences in zip(sentences, index.occurrences, strict=True):
            for occurrence in occurrences:
                self._contexts[fold(occurrence.term.text)].update(self._contexts_of(sentence, occurrence))

    def texts(self, sentence: str, target: Occurrence, count: int, rng: random.Random) -> list[str]:
        """Return up to `count` texts that are wrong in the target's place in `sentence`, the most plausible first."""
        if target.term.category in NUMERIC:
            found = self.numbers(sentence[target.start : target.end], target.term.category, _ALL_NUMBERS, rng)
            most = self._language.cloze.most_between(sentence[: target.start], sentence[target.end :])
            return [
                number
                for number in found
                if float(number.replace(",", "")) <= most and _keeps_order(number, sentence, target)
            ][:count]
        return [text for _, text in self.terms(sentence, target, count, rng)]

    def terms(self, sentence: str, target: Occurrence, count: int, rng: random.Random) -> list[tuple[float, str]]:
        """Return the same for a target that is no number, each with how plausible it is; all fit an article before."""
        wanted = sentence[target.start : target.end]
        plain, folded, before = fold(wanted), fold(sentence), sentence[1 : target.start]
        context, sort = self._contexts[plain], self._sorts[target.term.text]
        scored: list[tuple[float, str]] = []
        for term in self._candidates[target.term.category]:
            other = fold(term.text)
            if not sort or self._sorts[term.text] != sort:
                continue
            # One that opens a sentence has a capital there, and may be a name or none.
            if wanted[:1].islower() and term.text[:1].isupper():
                continue
            if other in folded or other in plain or plain in other or self._contexts[other] & context:
                continue
            if self._grammar.fit_article(before, term.text) != before:
                continue
            if self._may_be_true(term, target.term, sentence):
                continue
            likeness = _likeness(wanted, term.text)
            if likeness > 0:
                scored.append((likeness + 0.3 * term.score + 0.2 * rng.random(), term.text))
        chosen = _distinct(filter(lambda one: self._is_whole(one[1]), sorted(scored, reverse=True)), count)
        return [(score, _in_case_of(text, wanted)) for score, text in chosen]

    def _may_be_true(self, term: Term, target: Term, sentence: str) -> bool:
        """Return whether a term may fit as well: a far commoner word for a thing, or one of what is spoken of."""
        if target.category is not Category.CONCEPT or self._language.spaced:
            return False
        finder, text = self._language.key_terms, term.text
        wider = finder.rarity(text) < finder.rarity(target.text) - _MOST_COMMON
        return wider or (len(text) > 2 and text[:2] in sentence and text[:2] not in target.text)

    def _is_whole(self, text: str) -> bool:
        """Return whether a term stands by itself somewhere in the material, and is not only cut out of longer ones."""
        rules = self._language.cloze
        return any(
            not rules.is_part(sentence, found.start, found.end) and not rules.clings.search(sentence[: found.start + 1])
            for sentence, found in self._places[text][:_MOST_PLACES]
        )

    def numbers(self, number: str, category: Category, count: int, rng: random.Random) -> list[str]:
        """Return up to `count` other numbers of the same form that the material does not hold."""
        plain = number.replace(",", "")
        decimals = len(plain.partition(".")[2])
        values = _other_values(float(plain), decimals)
        like_years = any(abs(float(plain) - year) <= _AGE for year in self._years)
        if category is Category.YEAR or (_YEARLIKE.fullmatch(number) and like_years):
            near = (float(plain) + sign * step for step in (2, 3, 4, 5, 6, 8, 12) for sign in (-1, 1))
            values = [year for year in near if year <= max([*self._years, float(plain)])]
        rng.shuffle(values)
        found: list[str] = []
        for value in values:
            text = f"{value:,.{decimals}f}" if "," in number else f"{value:.{decimals}f}"
            known = re.search(rf"(?<!\d){re.escape(fold(text))}(?!\d)", self._material)
            if text not in found and text != number and not known:
                found.append(text)
        return found[:count]

    def outsiders(self, sentence: str, members: Sequence[str], count: int, rng: random.Random) -> list[str]:
        """Return up to `count` terms that stand nowhere near the members of a list: in no sentence with one of them."""
        folded = [fold(name) for name in members]
        tails = {_tail(name) for name in members}
        everywhere = fold(sentence)
        sorts = set[str]().union(*map(self._member_sorts, members)) - {""}
        scored = []
        for term in itertools.chain.from_iterable(self._candidates[category] for category in _LISTED):
            other = fold(term.text)
            if other in everywhere or any(other in name or name in other for name in folded):
                continue
            likeness = max(_likeness(name, term.text) for name in members)
            if likeness <= 0 or _tail(term.text) in tails or self._sorts[term.text] not in sorts:
                continue
            if term.text.endswith("s") == members[0].endswith("s"):
                scored.append((likeness + 0.3 * term.score + 0.2 * rng.random(), term.text))
        best = [text for _, text in sorted(scored, reverse=True)]
        whole = itertools.islice(filter(self._is_whole, best), count)
        return [_in_case_of(text, members[-1]) for text in whole]

    def _member_sorts(self, name: str) -> set[str]:
        """Return the sorts that a member of a list may be of: its own as a term, else those of things."""
        known = self._sorts.get(name)
        return {known} if known else {self._sort_of(name, category) for category in (Category.CONCEPT, Category.PLURAL)}

    def _sort_of(self, text: str, category: Category) -> str:
        """Return what sort of thing a term names, as its language or its place tells; empty where neither does."""
        sort = self._language.cloze.sort(text, category)
        if not sort and category is Category.NAME:
            # What stands behind `in` wherever it stands is a place or the like.
            said = [word in self._language.cloze.before_place for word in self._before[fold(text)]]
            owns = any(sentence[found.end : found.end + 1] in "'’" for sentence, found in self._places[text])
            return "placed" if all(said) and len(said) >= _FEWEST_PLACES and not owns else ""
        return sort

    def _contexts_of(self, sentence: str, occurrence: Occurrence) -> Iterator[str]:
        """Yield the words right before and right after an occurrence: terms that share them fit the same place."""
        before, after = sentence[: occurrence.start], sentence[occurrence.end :]
        if is_han(sentence[occurrence.start]):
            before, after = before[-2:], after[:2]
            if len(fold(before)) == 2:
                yield "<" + before
            if len(fold(after)) == 2:
                yield ">" + after
            return
        words = _WORD.findall(before.casefold())
        near = 3 if words and words[-1] in self._grammar.articles else 2
        if len(words) >= near:
            yield "<" + " ".join(words[-near:])
        following = _WORD.findall(after.casefold())
        if len(following) >= 2:
            yield ">" + " ".join(following[:2])


def _keeps_order(number: str, sentence: str, target: Occurrence) -> bool:
    """Return whether a number stands to the years of a sentence, or to the other end of a range, as the right does."""
    right = sentence[target.start : target.end]
    if not _YEARLIKE.fullmatch(number) or not _YEARLIKE.fullmatch(right):
        value, wrong = _value(right), _value(number)
        return all((wrong < end) is (value < end) and wrong != end for end in _range_ends(sentence, target))
    others = {found[0] for found in _IN_YEARS.finditer(sentence)} - {right}
    return all((number < other) is (right < other) and number != other for other in others)


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _range_ends(sentence: str, target: Occurrence) -> Iterator[float]:
    """Yield the numbers beside one between which nothing but a few words stands: from 400 to 700 nm."""
    for found in _ANY_NUMBER.finditer(sentence):
        between = sentence[found.end() : target.start] or sentence[target.end : found.start()]
        if between and len(between) <= _LONGEST_BETWEEN and not _STOPS.search(between):
            yield _value(found[0])


def _distinct(scored: Iterable[tuple[float, str]], count: int) -> list[tuple[float, str]]:
    """Return the first `count` texts, leaving out those that hold an earlier one or stand in it."""
    chosen: list[tuple[float, str]] = []
    for score, text in scored:
        plain = fold(text)
        if all(plain not in fold(other) and fold(other) not in plain for _, other in chosen):
            chosen.append((score, text))
            if len(chosen) == count:
                break
    return chosen


def _other_values(value: float, decimals: int) -> list[float]:
    """Return numbers near enough to be plausible and far enough to be wrong."""
    if value <= 12 and not decimals:
        return [value + step for step in (-2, -1, 1, 2, 3, 4) if value + step > 1]
    if value <= 100 and not decimals:
        return [value + step for step in (-9, -6, -4, 3, 5, 8) if 0 < value + step <= 100]
    return [value * factor for factor in (0.5, 0.8, 1.2, 1.5, 2.0)]


def _tail(term: str) -> str:
    """Return what a term is a kind of: its last word, or its last two ideographs."""
    return term[-2:] if is_han(term[-1]) else term.split()[-1].casefold()


def _likeness(one: str, other: str) -> float:
    """Return how alike two terms look, 0 to 2; 0 when one cannot stand for the other."""
    if is_han(one[0]) != is_han(other[0]):
        return 0.0
    if is_han(one[0]):
        if abs(len(one) - len(other)) > 3:
            return 0.0
        return 1.0 - 0.2 * abs(len(one) - len(other)) + (0.6 if one[-1] == other[-1] else 0.0)
    words = abs(len(one.split()) - len(other.split()))
    if words > 1:
        return 0.0
    return 1.0 - 0.4 * words + (0.4 if one.casefold()[-3:] == other.casefold()[-3:] else 0.0)


def _in_case_of(text: str, model: str) -> str:
    """Return `text`, with a capital if `model` has one and is no acronym."""
    if model[:1].isupper() and model[1:].islower():
        return text[:1].upper() + text[1:]
    return text
