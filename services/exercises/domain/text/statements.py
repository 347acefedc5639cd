"""Statements whose truth follows from how they were made, instead of from what a model says of them.

A true statement says what its source says: nearly its words in their order, all its numbers and every qualifier. A
false one is a true one with one thing exchanged for another (`Substitution`), which must be another thing indeed:
another number, the opposite, or a term that the material itself uses elsewhere. A model that is to make up something
false likes to write 水蒸气 for 水汽.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from difflib import SequenceMatcher
from functools import cache
from itertools import takewhile
from operator import eq

from services.exercises.values.question import Substitution
from services.language.detection import LANGUAGES
from services.language.figures import figures
from services.language.folding import fold
from services.language.language import Language
from services.language.scripts import whole
from services.language.terms import content_words, units
from services.language.values import same_value

LEAST_FAITH = 0.8
"""Share of a statement's words that its source has: the rest may be wording."""

_LEAST_DIFFERENCE = 0.2
"""An approximate number is moved by this share of itself."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def is_open(sentence: str, language: Language | None = None) -> bool:
    """Return whether a sentence leaves room and so cannot be made false, in a language or any of those that ship."""
    return any(known.statements.open.search(sentence) for known in ((language,) if language else LANGUAGES))


def negates(text: str, language: Language | None = None) -> bool:
    """Return whether a text denies, in a language or in any of those that ship."""
    return any(known.statements.negation.search(text) for known in ((language,) if language else LANGUAGES))


def _negations(text: str) -> int:
    """Return how often a text denies, in any of the languages that ship."""
    return sum(len([*known.statements.negation.finditer(text)]) for known in LANGUAGES)


def _counted_numbers(text: str) -> Counter[str]:
    return Counter(_NUMBER.findall(unicodedata.normalize("NFKC", text)))


def numbers(text: str) -> set[str]:
    """Return the numbers of a text as it writes them, in ASCII digits."""
    return set(_NUMBER.findall(unicodedata.normalize("NFKC", text)))


def tells_numbers(source: str, statement: str) -> bool:
    """Return whether a source has every number of a statement, in whatever notation: 一千二百万 for 12,000,000."""
    if numbers(statement) <= numbers(source):
        return True
    told = figures(source)
    return all(figure.is_in(told) for figure in figures(statement))


def says_the_same(statement: str, source: str) -> bool:
    """Return whether a statement adds nothing to its source and drops none of its qualifiers, as far as words tell."""
    return is_verbatim(statement, source) or (
        _is_retold(content_words(statement), content_words(source))
        and tells_numbers(source, statement)
        and not _repeats_a_number(statement, source)
        and _denies_alike(statement, source)
        and _qualifiers(source) <= _qualifiers(statement)
    )


def exchanges_nothing(statement: str, source: str) -> bool:
    """Return whether a statement says what its source says, and no word where the source has another.

    One other name or thing makes a statement false; a word that is added may only say what a pronoun did.
    """
    told = SequenceMatcher(None, content_words(source), content_words(statement), autojunk=False).get_opcodes()
    return says_the_same(statement, source) and not any(kind == "replace" for kind, *_ in told)


def _denies_alike(statement: str, source: str) -> bool:
    """Return whether two texts deny equally often."""
    denies = negates(statement)
    return denies is negates(source) and (not denies or _negations(statement) == _negations(source))


def _repeats_a_number(statement: str, source: str) -> bool:
    """Return whether a statement has a number of its source oftener: it stands in the place of another."""
    told, said = _counted_numbers(source), _counted_numbers(statement)
    return any(told[number] and count > told[number] for number, count in said.items())


def _is_retold(said: list[str], source: list[str]) -> bool:
    """Return whether most words stand in the source too, and in the order of the source."""
    matcher = SequenceMatcher(None, source, said, autojunk=False)
    return bool(said) and sum(block.size for block in matcher.get_matching_blocks()) >= LEAST_FAITH * len(said)


def _qualifiers(text: str) -> set[str]:
    return {found[0].casefold() for known in LANGUAGES for found in known.statements.qualifiers.finditer(text)}


def is_verbatim(statement: str, source: str) -> bool:
    """Return whether a statement is its source, letter for letter but for case, spaces and punctuation of words."""
    return fold(statement) == fold(source) and numbers(statement) == numbers(source)


def exchanged(statement: str, old: str, new: str) -> str | None:
    """Return a statement with `new` where `old` stood; None if that is not exactly one place."""
    if not fold(old) or not fold(new):
        return None
    places = list(re.finditer(whole(old), statement, re.IGNORECASE))
    if len(places) != 1:
        return None
    start, end = places[0].span()
    before = LANGUAGES.of(statement).statements.fit_article(statement[:start], new)
    if not start and statement[0].isupper():
        new = new[0].upper() + new[1:]
    return before + new + statement[end:]


def undone(statement: str, substitution: Substitution) -> str | None:
    """Return the true statement that a false one was made from; None if what was put in is not in exactly one place."""
    return exchanged(statement, substitution.new, substitution.old)


def contradicts(substitution: Substitution, statement: str, source: str, language: Language, *, known: bool) -> bool:
    """Return whether the substitution makes another thing of what the source says.

    That is another number, the opposite, or a term that is `known` to stand elsewhere in the material and is no wider,
    narrower or like name of the same; in each case something of which the source does not speak.
    """
    old, new = substitution.old, substitution.new
    if numbers(old) or numbers(new):
        return _is_other_number(old, new, statement, language)
    if is_open(source, language):
        return False
    if new in [denial.format(old) for denial in language.statements.denials]:
        return not negates(source, language)
    plain_old, plain_new = fold(old), fold(new)
    # One text may hold the other, or the source speak of the new one as well.
    if not plain_old or plain_new in plain_old or plain_old in plain_new or plain_new in fold(source):
        return False
    if negates(new, language) is not negates(old, language):
        return False
    return _are_opposites(old, new, language) or (known and _is_other(old, new, language))


def may_be_the_same(one: str, other: str, language: Language) -> bool:
    """Return whether two terms look like names of the same, or one like a kind of the other: 固态 and 固体."""
    if numbers(one) or numbers(other):
        return fold(one) == fold(other) or same_value(one, other, convert=True)
    return not _are_opposites(one, other, language) and not _is_other(one, other, language)


def mentions(text: str, term: str) -> bool:
    """Return whether a text uses a term, not merely as a part of a longer word."""
    return re.search(whole(term), text, re.IGNORECASE) is not None


def _is_other_number(old: str, new: str, statement: str, language: Language) -> bool:
    one, other = sorted(numbers(old)), sorted(numbers(new))
    if len(one) != 1 or len(other) != 1 or not _same_but(old, one[0], new, other[0]):
        return False
    place = statement.find(new)
    if language.statements.bound.search(statement[:place]):
        return False
    value, changed = (float(number.replace(",", "")) for number in (one[0], other[0]))
    around = statement[max(0, place - 12) : place + len(new) + 3]
    rough = language.statements.roughly.search(around) is not None
    return value != changed and (not rough or abs(changed - value) >= _LEAST_DIFFERENCE * abs(value))


def _same_but(old: str, number: str, new: str, other: str) -> bool:
    """Return whether two texts differ in their number alone: 25 °C may be 77 °F."""
    plain = [unicodedata.normalize("NFKC", text) for text in (old, new)]
    return fold(plain[0].replace(number, "", 1)) == fold(plain[1].replace(other, "", 1))


def _is_other(one: str, other: str, language: Language) -> bool:
    return _is_other_phrase(one, other, language) if language.spaced else _is_other_run(fold(one), fold(other))


def _is_other_run(old: str, new: str) -> bool:
    """Return whether two runs are two of a kind (河流水, 海洋水), and no names of the same (水汽, 水蒸气)."""
    left, right, head, tail = _difference(old, new)
    return not head and not set(left) & set(right) and (not tail or min(len(left), len(right)) >= 2)


def _is_other_phrase(old: str, new: str, language: Language) -> bool:
    """Return whether two phrases are no names of the same: they may share some of their words, but not all of one."""
    one, other = units(old, language), units(new, language)
    if not one or not other:
        return bool(fold(old)) and one != other
    return not (one <= other or other <= one)


def _are_opposites(one: str, other: str, language: Language) -> bool:
    """Return whether texts differ in opposites alone: 地表径流 and 地下径流, 增加 and 减少, `more` and `less light`."""
    if language.spaced:
        return _are_opposite_phrases(one, other, language)
    old, new = fold(one), fold(other)
    left, right, _, _ = _difference(old, new)
    return not {frozenset((left, right)), frozenset((old, new))}.isdisjoint(_opposite_pairs(language))


@cache
def _opposite_pairs(language: Language) -> frozenset[frozenset[str]]:
    return frozenset(map(frozenset, language.statements.opposites))


def _difference(old: str, new: str) -> tuple[str, str, int, int]:
    """Return what two texts do not share in their middle, and how much they do share at either end."""
    head = len([*takewhile(bool, map(eq, old, new))])
    tail = len([*takewhile(bool, map(eq, old[head:][::-1], new[head:][::-1]))])
    return old[head : len(old) - tail], new[head : len(new) - tail], head, tail


def _are_opposite_phrases(old: str, new: str, language: Language) -> bool:
    """Return whether phrases differ in one word and its opposite."""
    one, other = old.casefold().split(), new.casefold().split()
    different = [(a, b) for a, b in zip(one, other, strict=False) if a != b]
    if len(one) != len(other) or len(different) != 1:
        return False
    left, right = different[0]
    return any(
        (left.startswith(a) and right.startswith(b)) or (left.startswith(b) and right.startswith(a))
        for a, b in language.statements.opposites
    )
