"""The terms by which a text is found: what a word index holds of a passage, and what a question asks it for.

Unlike `terms`, which compares two texts, it keeps every word and how often it stands there: an index weighs words by
how rare they are, so words of grammar need no list. Chinese, Japanese, Korean and the scripts of South-East Asia that
are written without spaces are indexed by their characters and pairs of characters, which needs no dictionary.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from services.language.detection import LANGUAGES, Languages
from services.language.scripts import HAN

_UNSPACED = f"{HAN}\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3130-\u318f\uac00-\ud7af"
"""Thai, Lao, Burmese, Hangul, Khmer and kana beside ideographs. Hangul has spaces, but its particles cling to words."""
_MARKS = "\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0dff\u0f71-\u0f84"
"""Vowel signs of Hebrew, Arabic, the Indic scripts and Tibetan, which belong to their word."""
_SYMBOLS = "\u2190-\u2bff\U0001f000-\U0001faff"
"""Arrows, signs of mathematics and emoji: each is a word of its own."""
_RUN = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)|(?P<word>(?:(?![{_UNSPACED}])[^\W_]|[{_MARKS}])+)|(?P<symbol>[{_SYMBOLS}])"
)
_UNSPACED_TERM = re.compile(rf"[{_UNSPACED}]+")
_NO_SPACED_RUN = re.compile(rf"[_{_UNSPACED}]+")
_SPACED_RUN = re.compile(rf"[\w{_MARKS}]+|[{_SYMBOLS}]")
"""Words and symbols where `_NO_SPACED_RUN` is taken out: a plain class takes a tenth of the time that `_RUN` does."""
_ACCENTS = re.compile("[\u0300-\u036f]+")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
"""The comma within a number: 1,000 is found by 1000."""
_LONGEST = 64
"""Characters that count of a word: no one searches for more of a longer one."""
_CHARACTER_LENGTH = 0.65
"""How many words one character of a script without spaces is as long as."""


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """What a text is found by: how often each term stands in it, and the text's length in words."""

    words: Mapping[str, int]
    """Stems, symbols, and pairs of characters in scripts without spaces."""
    characters: Mapping[str, int]
    """Single characters in scripts without spaces, which tell less."""
    length: float


def folded(text: str, languages: Languages = LANGUAGES) -> str:
    """Return a text without case, width, accents and variants of characters: its words for comparing by spelling."""
    text = _GROUPED.sub("", text)
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text))).casefold()
    return languages.one_spelling(text)


def search_terms(text: str, languages: Languages = LANGUAGES) -> SearchTerms:
    """Return the terms of a folded text: stems of words; in scripts without spaces, characters and pairs of them."""
    plain = folded(text, languages)
    stem = languages.spelled(plain).words.stem
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    length = 0.0
    for match in _RUN.finditer(plain):
        run = match.group()
        if match.lastgroup == "unspaced":
            length += _CHARACTER_LENGTH * len(run)
            characters.update(run)
            words.update(map(operator.add, run, run[1:]))
        else:
            length += 1
            words[stem(run[:_LONGEST])] += 1
    return SearchTerms(words, characters, length)


class Sought:
    """Terms that many texts are searched for; what a text holds of them is found without making all its terms."""

    def __init__(self, terms: Collection[str], languages: Languages = LANGUAGES) -> None:
        """Take words and characters of search terms."""
        self._languages = languages
        self._unspaced = set(filter(_UNSPACED_TERM.fullmatch, terms))
        self._spaced = set(terms) - self._unspaced
        # Only words that begin like one of them are stemmed: that is what takes the time.
        self._beginnings = {term[:2] for term in self._spaced}

    def held_by(self, text: str) -> set[str]:
        """Return which of the terms are among those of a text."""
        plain = folded(text, self._languages)
        # Each is a character or a pair of them, which stands in one run wherever it stands.
        found = {term for term in self._unspaced if term in plain}
        if any(map(plain.__contains__, self._beginnings)):
            stem = self._languages.spelled(plain).words.stem
            runs = {run for run in _SPACED_RUN.findall(_NO_SPACED_RUN.sub(" ", plain)) if run[:2] in self._beginnings}
            found.update(self._spaced.intersection(stem(run[:_LONGEST]) for run in runs))
        return found
