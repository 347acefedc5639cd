"""Whether a text whose encoding was guessed reads as a language, so that a wrong guess shows."""

from __future__ import annotations

import re

from services.language.en import ENGLISH
from services.language.scripts import LATIN
from services.language.zh import dictionary, simplified

LEAST_LIKELY = -8.0
"""Least mean log-probability of a character in words of Chinese. Prose has -4.4 to -6.5, lists of words -4.5 to -8.7.

Chinese in the other encoding has -9.7 and less, Korean, Japanese and Russian read as Chinese -8.4 and less.
"""
_UNREADABLE = -14.0
"""What a character counts that Chinese texts do not hold."""
_ACCOMPANYING = frozenset("，。、；：？！“”‘’（）《》〈〉—…·　「」『』【】％℃°×÷±①②③④⑤⑥⑦⑧⑨⑩→")

_TYPOGRAPHIC = frozenset("‚„…†‡ˆ‰‹‘’“”•–—™›\xa0¢£¤¥¦§©«¬­®°±¶·»¼½¾¹²³´¨¸×÷€")
"""Signs of cp1252 that stand between English words."""
_LETTERS = re.compile(f"[{LATIN}]+")
_DAMAGED_WORD = re.compile(r"[^\W\d_a-zA-Z]{2}|[a-z][À-ÖØ-Þ]|[a-zA-Z][¢£¤¥¦§©«¬®±¶»¼½¾÷€†‡‰][a-zA-Z]")
"""What a word of an English text does not hold: two such letters in a row, a capital or a sign in the middle."""
_MOST_ACCENTED = 0.02
_LEAST_ENGLISH = 0.13
"""Least share of words of grammar in an English text."""


def likelihood(text: str) -> float:
    """Return the mean log-probability of the characters that are not ASCII, as those of words of Chinese."""
    text = simplified(text)
    words = dictionary().cut(text)
    count = sum(len(word.text) for word in words)
    total = sum(word.log_probability for word in words)
    strange = (
        sum(not char.isascii() and char not in _ACCOMPANYING and not "！" <= char <= "～" for char in text) - count
    )
    return (total + strange * _UNREADABLE) / (count + strange) if count + strange > 0 else _UNREADABLE


def reads_as_spelled(text: str) -> bool:
    """Return whether a text is English, with signs and single accented letters where English texts have them.

    Those signs are the same in all of Windows' encodings of alphabets.
    """
    words = _LETTERS.findall(text.casefold())
    accented = sum(char.isalpha() and not char.isascii() for char in text)
    others = [char for char in text if not char.isascii() and not char.isalpha()]
    return (
        _DAMAGED_WORD.search(text) is None
        and _TYPOGRAPHIC.issuperset(others)
        and accented <= _MOST_ACCENTED * sum(map(len, words))
        and sum(word in ENGLISH.words.function for word in words) >= _LEAST_ENGLISH * len(words)
    )
