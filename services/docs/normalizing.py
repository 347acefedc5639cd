"""One normal form for the text of every format, so that offsets and quotes mean the same everywhere."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_TRAILING_SPACE = re.compile(r" +(?=\n|$)")
_BLANK_LINES = re.compile(r"\n{3,}")

# Kept although they are format characters: they change what is read (Persian, Indic scripts, emoji).
_JOINERS = {0x200C, 0x200D}
# Bullets of the Symbol and Wingdings fonts arrive from Office and PDF files as private-use characters.
_PRIVATE_USE = {0xF0B7: "•", 0xF0A7: "▪", 0xF06C: "●", 0xF06E: "■", 0xF0D8: "➢", 0xF0FC: "✓", 0xF0E0: "→"}

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3041-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7af]")
_LATIN_WORD = re.compile("[A-Za-zÀ-ɏ]+")
_ENGLISH_FUNCTION_WORDS = re.compile(
    r"(?i:the|of|and|to|in|is|are|an?|that|it|for|on|with|as|was|be|by|from|this|which|or|at|not|ha(?:s|ve)|can)"
)
_CJK_RANGES = ((0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0xFF00, 0xFFEF), (0x20000, 0x3FFFF))
_SHARED_PUNCTUATION = "“”‘’…—·"
_LANGUAGE_SAMPLE_CHARS = 50_000


def normalize(text: str) -> str:
    """The normal form of `text`: NFC, `\\n` for every line break, no control or invisible format characters,
    one kind of space, no trailing spaces, at most one blank line in a row, no blank edges. Idempotent.

    Full-width forms stay as they are: a quote must look like its source.
    """
    if not text.isascii() or not text.isprintable():
        text = _LINE_BREAK.sub("\n", text)
        text = text.translate(_translation(text))
    text = unicodedata.normalize("NFC", text)
    text = _TRAILING_SPACE.sub("", text)
    return _BLANK_LINES.sub("\n\n", text).strip(" \n")


def _translation(text: str) -> dict[int, str | None]:
    """What to replace or drop among the characters that occur in `text`."""
    table: dict[int, str | None] = {}
    for char in set(text):
        code = ord(char)
        category = unicodedata.category(char)
        if category == "Zs" or char == "\t":
            table[code] = " "
        elif category == "Cs":
            table[code] = "\ufffd"  # a lone surrogate cannot be encoded, so it could not be stored
        elif code in _PRIVATE_USE:
            table[code] = _PRIVATE_USE[code]
        elif (category in {"Cc", "Cf"} and char != "\n" and code not in _JOINERS) or code & 0xFFFE == 0xFFFE:
            table[code] = None
    return table


def is_cjk(char: str) -> bool:
    """Whether `char` is of a script written without spaces between words, or of its own punctuation."""
    code = ord(char)
    return (
        0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0xFF00 <= code <= 0xFFEF or 0x20000 <= code <= 0x3FFFF
    )


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


def detect_language(text: str) -> str:
    """`zh`, `ja`, `ko`, `en` or `und`, judged by script and, for Latin letters, by English function words."""
    sample = text[:_LANGUAGE_SAMPLE_CHARS]
    han = len(_HAN.findall(sample))
    kana = len(_KANA.findall(sample))
    hangul = len(_HANGUL.findall(sample))
    words = [match.group() for match in islice(_LATIN_WORD.finditer(sample), 10_000)]
    # A Han character carries about as much as 0.6 of an English word.
    if kana and kana * 10 >= han + kana:
        return "ja"
    if hangul > max(han, len(words)):
        return "ko"
    if han and han * 0.6 >= len(words) * 0.5:
        return "zh"
    if words:
        english = sum(_ENGLISH_FUNCTION_WORDS.fullmatch(word) is not None for word in words)
        if english >= len(words) * 0.1:
            return "en"
        if sum(len(word) for word in words if word.isascii()) == sum(map(len, words)) and len(words) < 30:
            return "en"  # too short for function words: plain ASCII is the best hint there is
    return "und"
