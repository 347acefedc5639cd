"""Regular expressions and word lists as the languages' files write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import cached_property
from itertools import groupby
from typing import Any


class Pattern:
    """A regular expression that is compiled when it is first used, so that a service pays for what it reads."""

    def __init__(self, text: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self.text = text
        self.flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self.text, self.flags)

    def prepare(self) -> None:
        """Compile what is compiled when it is first used."""
        _ = self.compiled

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """Return the first match at `start` or behind it."""
        return self.compiled.search(text, start)

    def match(self, text: str) -> re.Match[str] | None:
        """Return the match at the beginning of a text."""
        return self.compiled.match(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Yield each match, from the left, without overlap."""
        return self.compiled.finditer(text)

    def sub(self, replacement: str, text: str) -> str:
        """Return a text with each match replaced."""
        return self.compiled.sub(replacement, text)

    def split(self, text: str) -> list[str]:
        """Return what lies between the matches."""
        return self.compiled.split(text)


def compile_all(rules: Any) -> None:
    """Compile the patterns among the fields of some rules, so that no event loop does so at their first use."""
    for field in fields(rules):
        value = getattr(rules, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Pattern):
                one.prepare()


CAPITAL = "(?-i:[A-Z])"
"""A capital letter in an expression that ignores case otherwise."""


class WordPattern(Pattern):
    """A long expression that ignores case and can match only where one of some words stands, all in small letters.

    A text without them is not searched. In one of ASCII, small letters are looked for first, since an expression that
    minds case finds out three times as fast that it does not match.
    """

    def __init__(self, text: str, needs: frozenset[str]) -> None:
        super().__init__(text, re.IGNORECASE)
        self._needs = needs

    @cached_property
    def _in_small_letters(self) -> re.Pattern[str]:
        """What matches in a text's small letters wherever the expression matches in the text."""
        return re.compile(self.text.replace(CAPITAL, "[a-z]"))

    def prepare(self) -> None:
        """Compile what is compiled when it is first used."""
        super().prepare()
        _ = self._in_small_letters

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """Return the first match at `start` or behind it."""
        return super().search(text, start) if self._may_match(text) else None

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Yield each match, from the left, without overlap."""
        return super().finditer(text) if self._may_match(text) else iter(())

    def _may_match(self, text: str) -> bool:
        small = text.lower()
        if self._needs.isdisjoint(_ASCII_WORD.findall(small)):
            return False
        return not text.isascii() or self._in_small_letters.search(small) is not None


_ASCII_WORD = re.compile(r"[a-z]+")
NEVER = Pattern("(?!)")
"""Matches nowhere: the pattern of what a language does not have."""
QUESTION_MARK = Pattern(r"\?")


def one_of(expressions: Sequence[str]) -> str:
    """Return an expression that matches what one of some does, each without a `|` of its own, the first of them first.

    Neighbors that begin at a word's border look for it together.
    """
    groups = groupby(expressions, lambda one: one.startswith(r"\b"))
    joined = ((at_border, "|".join(one[2 * at_border :] for one in neighbors)) for at_border, neighbors in groups)
    return "|".join(rf"\b(?:{text})" if at_border else text for at_border, text in joined)


Rewrites = Sequence[tuple[Pattern, str | Callable[[re.Match[str]], str]]]
"""Patterns, and what stands for their matches instead."""


def rewrite(text: str, rewrites: Rewrites) -> str:
    """Return a text after each replacement, in their order."""
    for pattern, replacement in rewrites:
        text = pattern.compiled.sub(replacement, text)
    return text


def pairs(text: str, between: str = "/") -> tuple[tuple[str, str], ...]:
    """Return the pairs of a list that is written with spaces between them and a sign in each, a slash as a rule."""
    return tuple((one, other) for one, _, other in (pair.partition(between) for pair in text.split()))


def words(text: str) -> frozenset[str]:
    """Return the words of a list that is written with spaces between them."""
    return frozenset(text.split())
