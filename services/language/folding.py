"""Looser forms of a text, in which texts are compared."""

from __future__ import annotations

import operator
import re
import unicodedata
from functools import lru_cache, reduce
from itertools import islice

from services.language.scripts import join_lines

_SILENT_ASCII = re.compile(r"[^0-9a-z+<=>|~]+")
"""What `is_word_char` leaves out of small ASCII letters; most text is ASCII or of few characters, so both are fast."""


@lru_cache(maxsize=1 << 14)
def is_word_char(char: str) -> bool:
    """Tell whether a character counts when two texts are compared: a letter, mark, digit or symbol of mathematics."""
    return unicodedata.category(char)[0] in "LMN" or unicodedata.category(char) == "Sm"


def fold(text: str) -> str:
    """Return a text without case, width, spaces and punctuation: for comparing, never for showing."""
    if text.isascii():
        return _SILENT_ASCII.sub("", text.lower())
    return "".join(filter(is_word_char, unicodedata.normalize("NFKC", text).casefold()))


def flatten(text: str) -> str:
    """Return a text on one line: nothing where a line breaks between ideographs, a space elsewhere."""
    return reduce(join_lines, (line.strip() for line in text.split("\n")), "")


def bigrams(text: str) -> frozenset[str]:
    """Return the pairs of neighboring characters of a folded text; the text itself when it is shorter."""
    return frozenset(map(operator.add, text, islice(text, 1, None))) or frozenset((text,))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets, 0 to 1."""
    shared = len(one & other)
    union = len(one) + len(other) - shared
    return shared / union if union else 0.0


def alike(one: frozenset[str], other: frozenset[str], least: float) -> bool:
    """Tell whether the similarity of two sets is `least` or more; their sizes alone may tell that it is not."""
    fewer, more = sorted((len(one), len(other)))
    return fewer >= least * more and similarity(one, other) >= least
