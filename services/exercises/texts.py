"""The forms of a text that this service compares: the normal form that offsets point into, and looser ones."""

from __future__ import annotations

import re
import unicodedata

_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_TRAILING_SPACE = re.compile(r" +(?=\n|$)")
_BLANK_LINES = re.compile(r"\n{3,}")
_JOINERS = frozenset("\u200c\u200d")


def normalize(text: str) -> str:
    """The normal form of a text that came with a request, by the same rules as a document's: NFC, `\\n` for every
    line break, no control or invisible characters, one kind of space, no trailing spaces, blank edges or runs of
    blank lines. Idempotent. Offsets of sources point into it."""
    text = _LINE_BREAK.sub("\n", text)
    table: dict[int, str | None] = {}
    for char in set(text):
        category = unicodedata.category(char)
        if category == "Zs" or char == "\t":
            table[ord(char)] = " "
        elif category == "Cs":
            table[ord(char)] = "\ufffd"
        elif (category in {"Cc", "Cf"} and char != "\n" and char not in _JOINERS) or ord(char) & 0xFFFE == 0xFFFE:
            table[ord(char)] = None
    text = unicodedata.normalize("NFC", text.translate(table))
    return _BLANK_LINES.sub("\n\n", _TRAILING_SPACE.sub("", text)).strip(" \n")


def is_word_char(char: str) -> bool:
    """Whether a character counts when two texts are compared: a letter, mark, digit or symbol of mathematics."""
    return unicodedata.category(char)[0] in "LMN" or unicodedata.category(char) == "Sm"


def fold(text: str) -> str:
    """A text without case, width, spaces and punctuation: for comparing, never for showing."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if is_word_char(char))


def is_han(char: str) -> bool:
    """Whether a character is a Chinese ideograph."""
    return "\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or "\U00020000" <= char <= "\U0003ffff"


def flatten(text: str) -> str:
    """A text on one line: nothing where a line breaks between ideographs, a space elsewhere."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    flat = lines[0] if lines else ""
    for line in lines[1:]:
        glue = "" if _is_cjk(flat[-1]) and _is_cjk(line[0]) else " "
        flat = f"{flat}{glue}{line}"
    return flat


def _is_cjk(char: str) -> bool:
    return is_han(char) or "\u3000" <= char <= "\u303f" or "\uff00" <= char <= "\uffef" or char in "“”‘’…—·"


def bigrams(text: str) -> frozenset[str]:
    """Pairs of neighbouring characters of a folded text; the text itself when it is shorter."""
    return frozenset(text[i : i + 2] for i in range(len(text) - 1)) or frozenset((text,))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity of two sets, 0 to 1."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0
