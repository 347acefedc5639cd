"""The languages that Tiku knows, and telling which language a text is in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from services.language import en, zh
from services.language.language import Language, Script
from services.language.scripts import HAN_CHARACTER, LATIN, is_han, mostly_han, plain_words

_WORD = re.compile(f"[{LATIN}]+")
_KANA = re.compile("[\u3041-\u30ff]")
_EAST_ASIAN = re.compile("[\u3041-\U0003ffff]")
"""The range in which ideographs, kana and hangul are."""
_HANGUL = re.compile("[\uac00-\ud7af]")
_SAMPLE_CHARACTERS = 50_000
_SAMPLE_WORDS = 10_000
_LEAST_FUNCTION_WORDS = 0.1
"""Least share of words of grammar in a text of their language: English prose has 0.13 and more."""
_TELLING_LETTERS = 3
"""Least letters of a word of grammar that counts in a longer text: shorter ones are also words of other languages."""
_FEW_WORDS = 30


@dataclass(frozen=True)
class Languages:
    """A set of languages. A text that none claims is in the first one that is written in an alphabet."""

    known: tuple[Language, ...]

    def __iter__(self) -> Iterator[Language]:
        """Yield each language."""
        return iter(self.known)

    def by_code(self, code: str) -> Language:
        """Return the language of a BCP 47 code.

        Raises:
            KeyError: it is none of these.
        """
        return {language.code: language for language in self.known}[code]

    def of(self, text: str) -> Language:
        """Return the language that most of a text's words are in; in no known script, the first one in an alphabet."""
        if self._spelled and (not self._ideographic or not mostly_han(text)):
            return self.spelled(text)
        return self._ideographic[0]

    def spelled(self, text: str) -> Language:
        """Return the language of a text's alphabetic words, by their words of grammar."""
        if len(self._spelled) < 2:
            return (self._spelled or self.known)[0]
        found = _WORD.findall(text.casefold())
        return max(self._spelled, key=lambda language: sum(word in language.words.function for word in found))

    def one_spelling(self, text: str) -> str:
        """Return a text in which what a language writes in two ways is written in one; it may be of another length."""
        for language in self.known:
            text = language.words.one_spelling(text)
        return text

    @cached_property
    def _ideographic(self) -> tuple[Language, ...]:
        return tuple(language for language in self.known if language.script is Script.HAN)

    @cached_property
    def _spelled(self) -> tuple[Language, ...]:
        return tuple(language for language in self.known if language.script is not Script.HAN)


LANGUAGES = Languages((zh.CHINESE, en.ENGLISH))
"""The languages that ship."""

CHINESE = zh.CHINESE.code
ENGLISH = en.ENGLISH.code


def language_of(text: str) -> str:
    """Return `zh` or `en`: the code of the language that most of a text's words are in."""
    return LANGUAGES.of(text).code


def fits(text: str, language: Language, *, short: bool = False) -> bool:
    """Return whether a text may stand in a question of a language; `short` is for options, names and formulas."""
    han = 0 if text.isascii() else sum(map(is_han, text))
    if not language.spaced:
        return short or (han > 0 and mostly_han(text))
    return han == 0 or (not short and not mostly_han(text) and han <= len(text) * 0.1)


def is_served(text: str, languages: Languages = LANGUAGES) -> bool:
    """Return whether most of a text is in one of the languages in which questions are made without a model."""
    return detect_language(text, languages) in {language.code for language in languages}


def detect_language(text: str, languages: Languages = LANGUAGES) -> str:
    """Return the code of a document's language, by script and words of grammar; else `ja`, `ko` or `und`."""
    sample = text[:_SAMPLE_CHARACTERS]
    is_spelled = sample.isascii() or _EAST_ASIAN.search(sample) is None
    han, kana, hangul = (
        (0, 0, 0) if is_spelled else (len(script.findall(sample)) for script in (HAN_CHARACTER, _KANA, _HANGUL))
    )
    words = plain_words(sample)
    found = (_WORD.findall(sample) if words is None else words)[:_SAMPLE_WORDS]
    if kana and kana * 10 >= han + kana:
        return "ja"
    if hangul > max(han, len(found)):
        return "ko"
    if not is_spelled and mostly_han(sample):
        return languages.of(sample).code
    if not found:
        return "und"
    language = languages.spelled(sample)
    few = len(found) < _FEW_WORDS
    telling = [word for word in found if few or len(word) >= _TELLING_LETTERS]
    telling = list(map(str.casefold, telling)) if words is None else telling
    if sum(map(language.words.function.__contains__, telling)) >= len(found) * _LEAST_FUNCTION_WORDS:
        return language.code
    # Too short for words of grammar: plain ASCII is the best hint there is.
    return language.code if few and all(map(str.isascii, found)) else "und"
