"""Sentences of Chinese and English text, with their offsets."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.exercises.texts import flatten, is_han

_HARD_STOP = "。！？!?…"
_CLOSERS = "\"'”’」』）)】》]"
_NEW_ITEM = re.compile(r"\s*(?:[-*•·▪●■➢✓→#>|]|\(?\d{1,2}[.)、）]|[（(]?[一二三四五六七八九十]{1,3}[、)）.])")
_LIST_MARK = re.compile(r"(?:[-*•·▪●■➢✓→#>|]+|\(?\d{1,2}[.)、）]|[（(]?[一二三四五六七八九十]{1,3}[、)）.])\s*")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Fig|Figs|Eq|No|Vol|vs|cf|ca|approx|etc|Inc|Ltd|Co|e\.g|i\.e|al|Jr|Sr|U\.S|a\.m|p\.m)"
    r"|\b[A-Z])\.$"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: the slice [start, end) of its text, and the same on one line."""

    start: int
    end: int
    text: str


def split(text: str) -> list[Sentence]:
    """Sentences in reading order, without list marks and blank edges. Their slices never overlap.

    A line break ends a sentence unless the line looks wrapped: long, not closed, and followed by no new item.
    """
    found: list[Sentence] = []
    start = 0
    for end in _ends(text):
        mark = _LIST_MARK.match(text, _skip_space(text, start), end)
        first = mark.end() if mark else _skip_space(text, start)
        last = end
        while last > first and text[last - 1].isspace():
            last -= 1
        if last > first:
            found.append(Sentence(first, last, flatten(text[first:last])))
        start = end
    return found


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _ends(text: str) -> list[int]:
    """Offsets after the last character of each sentence, the text's end included."""
    ends: list[int] = []
    line_start = position = 0
    size = len(text)
    while position < size:
        char = text[position]
        position += 1
        if char == "\n":
            if not _is_wrapped(text, line_start, position):
                ends.append(position)
            line_start = position
        elif char in _HARD_STOP or (char == "." and _is_full_stop(text, position)):
            while position < size and text[position] in _HARD_STOP + _CLOSERS:
                position += 1
            if position == size or text[position].isspace() or char not in "!?." or is_han(text[position]):
                ends.append(position)
    if not ends or ends[-1] < size:
        ends.append(size)
    return ends


def _is_wrapped(text: str, line_start: int, after_break: int) -> bool:
    line = text[line_start : after_break - 1].rstrip()
    if after_break >= len(text) or text[after_break] == "\n" or not line:
        return False
    if line[-1] in _HARD_STOP + ".:：;；" or _NEW_ITEM.match(text, after_break) or line.lstrip().startswith("#"):
        return False
    if is_han(line[-1]) or line[-1] in "，、":
        return len(line) >= 20
    return len(line) >= 40 and not text[after_break].isupper()


def _is_full_stop(text: str, position: int) -> bool:
    """Whether the full stop before `position` ends a sentence."""
    rest = text[position : position + 3].lstrip(_CLOSERS)
    if rest and not rest[0].isspace():
        return False
    return not _ABBREVIATION.search(text[max(0, position - 12) : position])
