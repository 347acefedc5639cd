"""The script of a text, and what follows from it: Chinese is written without spaces between words."""

from __future__ import annotations

import re
import unicodedata

HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese ideographs, as the inside of a regular expression's character class."""
LATIN = "A-Za-zÀ-ɏ"
"""Latin letters, likewise."""

HAN_CHARACTER = re.compile(f"[{HAN}]")
HAN_RUN = re.compile(f"[{HAN}]+")
_ALPHABETIC_WORD = re.compile("[A-Za-zÀ-ÖØ-öø-ӿ]+")
_HAN_HIGH_BYTES = bytes((*range(0x34, 0xA0), 0xF9, 0xFA))
"""The high bytes of ideographs in UTF-16, and of nothing else; those above U+FFFF are pairs of surrogates."""
_SURROGATE = 0xD8
_KNOWN_LETTER = re.compile(f"[{HAN}{LATIN}]")
_ACCENTED_LEADS = bytes(range(0xC3, 0xCA))
"""Bytes with which the Latin letters beyond A to Z begin in UTF-8, and nothing else does."""
_SMALL_LETTERS = bytes(ord(chr(code).lower()) if chr(code).isalpha() else 0x20 for code in range(128)) + b" " * 128
"""Small letters for those from A to Z, and spaces for all other bytes."""
_SMALL_LETTERS_AND_HYPHEN = _SMALL_LETTERS[:45] + b"-" + _SMALL_LETTERS[46:]
_HYPHENATED_WORD = re.compile(f"[{LATIN}]+(?:-[{LATIN}]+)*")
_SHARED_PUNCTUATION = "“”‘’…—·"
SPELLED = rf"[^\W_{HAN}\u3040-\u30ff]"
"""Letters of words with spaces between them, in any script, and digits."""


def is_han(char: str) -> bool:
    """Return whether `char` is a Chinese ideograph."""
    return "\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or "\U00020000" <= char <= "\U0003ffff"


def is_cjk(char: str) -> bool:
    """Return whether `char` is of a script written without spaces between words, or of its own punctuation."""
    code = ord(char)
    return (
        0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0xFF00 <= code <= 0xFFEF or 0x20000 <= code <= 0x3FFFF
    )


def plain_words(text: str) -> list[str] | None:
    """Return the runs of Latin letters of a text, in small letters; None where one is beyond A to Z.

    Most texts have no such letter, and an expression takes ten times as long to find them.
    """
    coded = text.encode("utf-8", "replace")
    if len(coded.translate(None, _ACCENTED_LEADS)) < len(coded):
        return None
    return coded.translate(_SMALL_LETTERS).decode("ascii").split()


def hyphenated_words(text: str) -> set[str]:
    """Return the different words of Latin letters in a text of small letters, with the hyphens within them."""
    coded = text.encode("utf-8", "replace")
    if len(coded.translate(None, _ACCENTED_LEADS)) < len(coded):
        return set(_HYPHENATED_WORD.findall(text))
    words = set(coded.translate(_SMALL_LETTERS_AND_HYPHEN).decode("ascii").split())
    hyphenated = [word for word in words if "-" in word]
    return words.difference(hyphenated).union(*map(_HYPHENATED_WORD.findall, hyphenated))


def mostly_han(text: str) -> bool:
    """Return whether a text has more ideographs than alphabetic words, as Chinese prose with English terms has."""
    if text.isascii():
        return False
    han = _count_han(text)
    # There are no more words than characters of another kind, and in most Chinese texts these are few.
    return han > 0 and (2 * han > len(text) or han > len(_ALPHABETIC_WORD.findall(text)))


def _count_han(text: str) -> int:
    """Return how many ideographs a text has: a search asks this of every passage that it finds."""
    high = text.encode("utf-16-le", "surrogatepass")[1::2]
    if _SURROGATE in high:
        return len(HAN_CHARACTER.findall(text))
    return len(high) - len(high.translate(None, _HAN_HIGH_BYTES))


_GAP_IN_CJK = re.compile(rf"(?<=[{HAN}\u3000-\u303f\uff00-\uff60“”]) +(?=[{HAN}\u3000-\u303f\uff00-\uff60“”])")


def closed_up(text: str) -> str:
    """Return a text without the spaces between ideographs and their punctuation, which are typesetting."""
    return _GAP_IN_CJK.sub("", text)


def says_something(text: str) -> bool:
    """Return whether a text has a letter, a digit, or a symbol that no keyboard's row of signs has, such as "∑"."""
    return any(char.isalnum() or (not char.isascii() and unicodedata.category(char)[0] == "S") for char in text)


def in_known_script(text: str) -> bool:
    """Return whether most letters of a text are Latin ones or ideographs; a text without letters is in any script."""
    if text.isascii():
        return True
    return 2 * len(_KNOWN_LETTER.findall(text)) >= sum(map(str.isalpha, text))


def whole(text: str) -> str:
    """Return an expression for a text that is no part of a longer word or number; ideographs need no border."""
    before = rf"(?<!{SPELLED})(?<!\d[.,])" if text[0].isascii() or re.match(SPELLED, text[0]) else ""
    after = rf"(?!{SPELLED}|[.,]\d)" if text[-1].isascii() or re.match(SPELLED, text[-1]) else ""
    return f"{before}{re.escape(text)}{after}"


def join_lines(before: str, after: str) -> str:
    """Join two lines of one paragraph: nothing between CJK characters, a space otherwise."""
    if not before or not after:
        return before + after
    last, first = before[-1], after[0]
    # Curly quotes and dashes are Chinese punctuation beside a Chinese character, English otherwise.
    chinese = is_cjk(last) or is_cjk(first)
    if chinese and (is_cjk(last) or last in _SHARED_PUNCTUATION) and (is_cjk(first) or first in _SHARED_PUNCTUATION):
        return before + after
    return f"{before} {after}"
