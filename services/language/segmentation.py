"""Chinese words: the most probable path through a dictionary.

The dictionary is jieba's (349,000 words with frequency and part of speech); the method is jieba's too, without its
hidden Markov model, whose tables and prefix index cost 120 MB where this costs 40 MB. Words that the dictionary does
not know come out as single characters, and `key_terms` joins those that recur.
"""

from __future__ import annotations

import math
from importlib.resources import files
from typing import NamedTuple

from services.language.scripts import is_han

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
    """Words with frequency and part of speech."""

    def __init__(self, entries: dict[str, tuple[int, str]]) -> None:
        self._tags: list[str] = sorted({tag for _, tag in entries.values()})
        index = {tag: number for number, tag in enumerate(self._tags)}
        self._entries = {word: frequency << 8 | index[tag] for word, (frequency, tag) in entries.items()}
        self._log_total = math.log(max(2, sum(frequency for frequency, _ in entries.values())))

    @classmethod
    def load(cls) -> Dictionary:
        """Read the dictionary that jieba ships: 5 MB, in about half a second, which is too long for an event loop."""
        dictionary = cls({})
        tags: dict[str, int] = {}
        entries: dict[str, int] = {}
        total = 0
        with files("jieba").joinpath("dict.txt").open(encoding="utf-8") as lines:
            for line in lines:
                word, count, tag = line.split(" ")
                frequency = int(count)
                total += frequency
                if frequency >= _RAREST and len(word) <= _LONGEST and is_han(word[0]):
                    entries[word] = frequency << 8 | tags.setdefault(tag.strip(), len(tags))
        dictionary._tags, dictionary._entries, dictionary._log_total = list(tags), entries, math.log(total)
        return dictionary

    def log_probability(self, word: str) -> float:
        """Return the natural log of a word's share of general language; an unknown word counts as the rarest."""
        return math.log(max(1, self._entries.get(word, 0) >> 8)) - self._log_total

    def cut(self, text: str) -> list[Word]:
        """Return the words of the Chinese runs of a text, in order; what is not Chinese is left out."""
        words: list[Word] = []
        position = 0
        while position < len(text):
            if not is_han(text[position]):
                position += 1
                continue
            end = position
            while end < len(text) and is_han(text[end]):
                end += 1
            words.extend(self._cut_run(text, position, end))
            position = end
        return words

    def _cut_run(self, text: str, start: int, end: int) -> list[Word]:
        entries = self._entries
        best: list[tuple[float, int]] = [(0.0, 0)] * (end - start + 1)
        for i in range(end - 1, start - 1, -1):
            score, stop = -math.inf, i + 1
            for j in range(i + 1, min(end, i + _LONGEST) + 1):
                entry = entries.get(text[i:j], 0)
                if not entry and j > i + 1:
                    continue
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
            words.append(Word(piece, start, stop, tag, math.log(max(1, entry >> 8)) - self._log_total))
            start = stop
        return words
