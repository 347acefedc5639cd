"""The normal form of every text that offsets point into, and looser forms in which texts are compared."""

from __future__ import annotations

import operator
import re
import unicodedata
from functools import lru_cache, reduce
from itertools import islice

from services.language.scripts import SPELLED, is_cjk, join_lines

_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_TRAILING_SPACE = re.compile(r" +(?=\n|$)")
_BLANK_LINES = re.compile(r"\n{3,}")

# Kept although they are format characters: they change what is read (Persian, Indic scripts, emoji).
_JOINERS = {0x200C, 0x200D}
# Bullets of the Symbol and Wingdings fonts arrive from Office and PDF files as private-use characters.
_PRIVATE_USE = {0xF0B7: "•", 0xF0A7: "▪", 0xF06C: "●", 0xF06E: "■", 0xF0D8: "➢", 0xF0FC: "✓", 0xF0E0: "→"}
_own = set(map(chr, (10, *range(32, 127))))
"""Characters that are their own normal form: those that most of a text is of, and others that were met."""
_MOST_OWN = 1 << 14


def normalize(text: str) -> str:
    """Return the normal form of `text`; that of a normal form is itself.

    It is NFC, with line feeds for all line breaks, one kind of space, no control or invisible format characters, no
    trailing spaces, at most one blank line in a row and no blank edges.

    Full-width forms stay as they are: a quote must look like its source.
    """
    if text.isprintable():
        if text.isascii():
            return text.strip(" ")
    else:
        text = _LINE_BREAK.sub("\n", text)
    if unknown := set(text) - _own:
        replaced = {ord(char): shown for char in unknown if (shown := _shown(char)) != char}
        if len(_own) < _MOST_OWN:
            _own.update(char for char in unknown if ord(char) not in replaced)
    else:
        replaced = {}
    text = unicodedata.normalize("NFC", text.translate(replaced) if replaced else text)
    if "\n" in text:
        text = _BLANK_LINES.sub("\n\n", _TRAILING_SPACE.sub("", text))
    return text.strip(" \n")


@lru_cache(maxsize=1 << 14)
def _shown(char: str) -> str:
    """Return what stands for a character in the normal form: itself, another one, or nothing."""
    code = ord(char)
    category = unicodedata.category(char)
    if category == "Zs" or char == "\t":
        return " "
    if category == "Cs":
        return "\ufffd"  # a lone surrogate cannot be encoded, so it could not be stored
    if code in _PRIVATE_USE:
        return _PRIVATE_USE[code]
    dropped = (category in {"Cc", "Cf"} and char != "\n" and code not in _JOINERS) or code & 0xFFFE == 0xFFFE
    return "" if dropped else char


_SILENT_ASCII = re.compile(r"[^0-9a-z+<=>|~]+")
"""What `is_word_char` leaves out of small ASCII letters; most text is ASCII or of few characters, so both are fast."""


@lru_cache(maxsize=1 << 14)
def is_word_char(char: str) -> bool:
    """Return whether a character counts when two texts are compared: a letter, mark, digit or symbol of mathematics."""
    return unicodedata.category(char)[0] in "LMN" or unicodedata.category(char) == "Sm"


_LONGEST_KEPT = 1_000
"""Characters of a text whose folded form is kept: a question and its passage, not a document."""


def fold(text: str) -> str:
    """Return a text without case, width, spaces and punctuation: for comparing, never for showing."""
    return _kept(text) if len(text) <= _LONGEST_KEPT else _folded(text)


def _folded(text: str) -> str:
    if text.isascii():
        return _SILENT_ASCII.sub("", text.lower())
    return "".join(filter(is_word_char, unicodedata.normalize("NFKC", text).casefold()))


# The rules for a question fold its few texts twenty times.
_kept = lru_cache(maxsize=256)(_folded)


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the slice [start, end) of a text without white space at its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def says(text: str, answer: str) -> bool:
    """Return whether a text holds an answer. Words with spaces between them must match whole; one digit is no clue."""
    plain = fold(answer)
    words = re.findall(r"\w+", answer.casefold())
    if len(plain) < 2 or not words or any(map(is_cjk, plain)):
        return len(plain) > 1 and plain in fold(text)
    said = text.casefold()
    if not all(word in said for word in words):
        return False  # Soon found out, while an expression of an answer's words has to be compiled.
    spaced = r"\W*".join(words)
    return re.search(rf"(?<!{SPELLED}){spaced}(?!{SPELLED})", said) is not None


_OTHER_SPELLINGS = {
    "ä": ("a", "ae"), "ö": ("o", "oe"), "ü": ("u", "ue"), "å": ("a", "aa"), "ø": ("o", "oe"), "æ": ("ae",),
    "œ": ("oe",), "ł": ("l",), "đ": ("d",), "ð": ("d",), "þ": ("th",), "ı": ("i",),
}  # fmt: skip
"""How letters are written where a keyboard lacks them; of any other, its accent is left out."""
_LEAST_SPELLED = 3
"""Letters of a word in which an accent may be left out; å alone is a unit."""


def drops_accents(text: str, term: str) -> bool:
    """Return whether a text is a term of Latin letters with some accents left out, and nothing else."""
    plain = unicodedata.normalize("NFC", term).casefold()
    words = [word for word in re.findall(r"\w+", plain) if any(map(_spellings, word))]
    if not words or min(map(len, words)) < _LEAST_SPELLED or any(map(str.isdigit, term)):
        return False
    letters = ("|".join(map(re.escape, (char, *_spellings(char)))) for char in fold(term))
    return re.fullmatch("".join(f"(?:{letter})" for letter in letters), fold(text)) is not None


def _spellings(char: str) -> tuple[str, ...]:
    """Return what a small letter is written as without its accent; nothing for one that has none."""
    base = unicodedata.normalize("NFD", char)[0]
    return _OTHER_SPELLINGS.get(char) or ((base,) if base != char and "a" <= base <= "z" else ())


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
    """Return whether the similarity of two sets is `least` or more; their sizes alone may tell that it is not."""
    left, right = len(one), len(other)
    return left >= least * right and right >= least * left and similarity(one, other) >= least
