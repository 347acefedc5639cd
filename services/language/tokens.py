"""An estimate of how many tokens a text has, without a tokenizer."""

from __future__ import annotations

import re

from services.language.scripts import HAN_CHARACTER, LATIN

_WORD = re.compile(f"[{LATIN}]+")
_DIGIT = re.compile("[0-9]")

_PER_HAN = 0.72
_PER_WORD = 1.08
_PER_LATE_LETTER = 0.13
_PER_STRAY_LETTER = 0.27
_PER_DIGIT = 0.6
_PER_OTHER = 1.2
"""Compared with two vocabularies, multilingual-e5's and Qwen's, on 240 paragraphs of XQuAD in Chinese and in English
and on 400 of CMRC 2018: e5 counts 0.95 to 1.01 of the estimate on average, Qwen 0.88 to 1.00. Of 100 paragraphs 95 have
at most 1.15 times as many tokens as estimated, and none has over 1.25 times. A digit is one token to Qwen and a fifth
of one to e5."""
_SHORT_WORD = 4
_LONG_WORD = 12
"""A longer word is in no vocabulary: it is cut into pieces of four letters."""

LEAST_PER_CHARACTER = _PER_LATE_LETTER
"""Least tokens of a character that is no space."""
_CAUTION = 1.2
"""Share of the estimate that nearly every paragraph stays below."""


def estimate_tokens(text: str) -> float:
    """Return about how many tokens a vocabulary of Chinese and English makes of a text; estimates add up."""
    words = list(map(len, _WORD.findall(text)))
    letters = sum(words)
    late = sum(length - _SHORT_WORD for length in words if length > _SHORT_WORD)
    stray = sum(length - _LONG_WORD for length in words if length > _LONG_WORD)
    han = 0 if text.isascii() else len(HAN_CHARACTER.findall(text))
    digits = len(_DIGIT.findall(text))
    others = sum(map(len, text.split())) - letters - han - digits
    return (
        len(words) * _PER_WORD
        + (late - stray) * _PER_LATE_LETTER
        + stray * _PER_STRAY_LETTER
        + han * _PER_HAN
        + digits * _PER_DIGIT
        + others * _PER_OTHER
    )


def cautious_tokens(text: str) -> int:
    """Return a number of tokens that a text hardly exceeds, at least 1: for what must fit into a model's context."""
    return int(_CAUTION * estimate_tokens(text)) + 1
