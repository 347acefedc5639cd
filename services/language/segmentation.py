"""Chinese words: the most probable path through jieba's dictionary (ADR 0030).

Words that it does not know come out as single characters, and `noun_runs` joins those that recur.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from importlib.resources import files
from typing import NamedTuple

from services.language.scripts import HAN_RUN, is_han

_LONGEST = 8
_RAREST = 3
"""Rarer entries are noise: they cost memory and split common strings wrongly."""


class Word(NamedTuple):
    """A word of a text: the slice [start, end).

    `tag` is its part of speech in the ICTCLAS notation (n, v, ns, …), `log_probability` that in general language.
    """

    text: str
    start: int
    end: int
    tag: str
    log_probability: float


class Dictionary:
    """Words with frequency and part of speech, read from lines of three columns: word, frequency, tag."""

    def __init__(self, lines: Iterable[str]) -> None:
        tags: dict[str, int] = {}
        self._entries: dict[str, int] = {}
        """Frequency and number of the tag, in the low byte."""
        total = 0
        for line in lines:
            word, count, tag = line.split()
            frequency = int(count)
            total += frequency
            if frequency >= _RAREST and len(word) <= _LONGEST and is_han(word[0]):
                self._entries[word] = frequency << 8 | tags.setdefault(tag, len(tags))
        self._tags = list(tags)
        self._log_total = math.log(total)

    @classmethod
    def load(cls) -> Dictionary:
        """Read the dictionary that jieba ships: 5 MB, in about half a second, which is too long for an event loop."""
        with files("jieba").joinpath("dict.txt").open(encoding="utf-8") as lines:
            return cls(lines)

    def log_probability(self, word: str) -> float:
        """Return the natural log of a word's share of general language; an unknown word counts as the rarest."""
        return self._weight(self._entries.get(word, 0))

    def _weight(self, entry: int) -> float:
        return math.log(max(1, entry >> 8)) - self._log_total

    def cut(self, text: str) -> list[Word]:
        """Return the words of the Chinese runs of a text, in order; what is not Chinese is left out."""
        return [word for run in HAN_RUN.finditer(text) for word in self._cut_run(text, *run.span())]

    def _cut_run(self, text: str, start: int, end: int) -> list[Word]:
        entries = self._entries
        best: list[tuple[float, int]] = [(0.0, 0)] * (end - start + 1)
        for i in range(end - 1, start - 1, -1):
            score, stop = -math.inf, i + 1
            for j in range(i + 1, min(end, i + _LONGEST) + 1):
                entry = entries.get(text[i:j], 0)
                if not entry and j > i + 1:
                    continue
                # `_weight`, but without a call: this line is most of the work.
                total = math.log(max(1, entry >> 8)) - self._log_total + best[j - start][0]
                if total > score:
                    score, stop = total, j
            best[i - start] = (score, stop)
        words = []
        while start < end:
            stop = best[start - (end - len(best) + 1)][1]
            piece = text[start:stop]
            entry = entries.get(piece, 0)
            tag = self._tags[entry & 0xFF] if entry else "x"
            words.append(Word(piece, start, stop, tag, self._weight(entry)))
            start = stop
        return words
