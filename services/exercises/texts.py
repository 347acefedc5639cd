"""Looser forms of a text, in which texts are compared."""

from __future__ import annotations

import unicodedata
from functools import reduce

from services.kit.scripts import join_lines


def is_word_char(char: str) -> bool:
    """Whether a character counts when two texts are compared: a letter, mark, digit or symbol of mathematics."""
    return unicodedata.category(char)[0] in "LMN" or unicodedata.category(char) == "Sm"


def fold(text: str) -> str:
    """A text without case, width, spaces and punctuation: for comparing, never for showing."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if is_word_char(char))


def flatten(text: str) -> str:
    """A text on one line: nothing where a line breaks between ideographs, a space elsewhere."""
    return reduce(join_lines, (line.strip() for line in text.split("\n")), "")


def bigrams(text: str) -> frozenset[str]:
    """Pairs of neighbouring characters of a folded text; the text itself when it is shorter."""
    return frozenset(text[i : i + 2] for i in range(len(text) - 1)) or frozenset((text,))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity of two sets, 0 to 1."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0
