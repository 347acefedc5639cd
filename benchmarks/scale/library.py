"""A library of any size in English and Chinese: real sentences with words of a long tail, the same ones every time.

The sentences are XQuAD's. Some of their longer words are exchanged for made-up ones that are drawn by Zipf's and
Mandelbrot's law, so that a few names stand in every tenth passage and most of them in two or three, as in a library.
"""

from __future__ import annotations

import random
import re
import uuid
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from benchmarks.quality import xquad
from services.language.sentences import split_sentences
from tiku.retrieval.v1 import retrieval_pb2 as pb

MODEL = "multilingual-e5-small"
"""Its calibration is there, so that vectors are moved as they are in earnest."""
DOCUMENT_CHUNKS = 100
_DIMENSION, _TOPICS, _NOISE = 384, 400, 0.8
_VOCABULARY, _FLATTENING = 30_000, 20.0
_EXCHANGED = {"en": 0.4, "zh": 0.15}
"""Share of the longer words that are exchanged."""
_SENTENCES = {"en": 5, "zh": 6}
_SPACE = uuid.UUID("4a1f8f0e-1b52-5d2c-8a5e-7c0b1d3c9e55")
_ENGLISH = re.compile(r"[A-Za-z]{5,}")
_CHINESE = re.compile(r"[\u4e00-\u9fff]{2}")
_SYLLABLES = [f"{first}{vowel}{last}" for first in "bdfgklmnprstv" for vowel in "aeiou" for last in ("", "n", "r", "l")]


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage: its document and place there, from 0, its text, and the made-up words in it."""

    document: str
    ordinal: int
    text: str
    names: Sequence[str]


class Library:
    """Passages by number. Documents of `DOCUMENT_CHUNKS` passages take turns to be in English and in Chinese."""

    def __init__(self) -> None:
        dice = random.Random(1)
        self._sentences = {language: _sentences(language) for language in xquad.LANGUAGES}
        characters = sorted({char for text in self._sentences["zh"] for char in "".join(_CHINESE.findall(text))})
        self._words = {
            "en": ["".join(dice.choices(_SYLLABLES, k=3)) for _ in range(_VOCABULARY)],
            "zh": ["".join(dice.choices(characters, k=dice.choice((2, 3)))) for _ in range(_VOCABULARY)],
        }
        self._weights = list(accumulate(1 / (rank + _FLATTENING) for rank in range(1, _VOCABULARY + 1)))
        numbers = np.random.default_rng(1)
        self._topics = numbers.normal(size=(_TOPICS, _DIMENSION)).astype("f4")

    def passages(self, first: int, count: int, kind: str = "shelf") -> Iterator[Passage]:
        """Yield passages by their numbers; those of another `kind` stand in other documents."""
        for number in range(first, first + count):
            document, ordinal = divmod(number, DOCUMENT_CHUNKS)
            yield self._passage(f"{kind} {document}", ordinal, "zh" if document % 2 else "en")

    def document(self, name: str, chunks: int) -> list[Passage]:
        """Return a document of a given length."""
        return [self._passage(name, ordinal, "en") for ordinal in range(chunks)]

    def _passage(self, document: str, ordinal: int, language: str) -> Passage:
        dice = random.Random(f"{document} {ordinal}")
        names: list[str] = []

        def exchanged(found: re.Match[str]) -> str:
            if dice.random() >= _EXCHANGED[language]:
                return found[0]
            rank = bisect(self._weights, dice.random() * self._weights[-1])
            word = self._words[language][min(rank, _VOCABULARY - 1)]
            names.append(word.capitalize() if found[0][0].isupper() else word)
            return names[-1]

        chosen = dice.choices(self._sentences[language], k=_SENTENCES[language])
        pattern = _CHINESE if language == "zh" else _ENGLISH
        joined = ("" if language == "zh" else " ").join(pattern.sub(exchanged, sentence) for sentence in chosen)
        return Passage(str(uuid.uuid5(_SPACE, document)), ordinal, joined, names)

    def vectors(self, passages: Sequence[Passage]) -> list[list[float]]:
        """Return a unit vector for each; passages of a document are near each other."""
        found = []
        for passage in passages:
            seed = uuid.UUID(passage.document).int & 0xFFFFFFFF
            found.append(self.vector(seed % _TOPICS, np.random.default_rng((seed, passage.ordinal))))
        return found

    def vector(self, topic: int, dice: np.random.Generator) -> list[float]:
        """Return a unit vector near a topic."""
        made = self._topics[topic % _TOPICS] + _NOISE * dice.normal(size=_DIMENSION).astype("f4")
        listed: list[float] = (made / np.linalg.norm(made)).tolist()
        return listed

    def questions(self, count: int, library_size: int) -> list[str]:
        """Return questions about passages of the library, as many in each language."""
        dice = random.Random(library_size)
        found: list[str] = []
        while len(found) < count:
            (passage,) = self.passages(dice.randrange(library_size), 1)
            if len(passage.names) >= 2:
                one, other = dice.sample(list(passage.names), 2)
                english = one.isascii()
                if english != (len(found) % 2 == 0):
                    continue
                found.append(f"How did {one} change {other}, and when?" if english else f"{one}和{other}有什么关系？")
        return found


def chunk_message(passage: Passage) -> pb.Chunk:
    """Return a passage as a chunk."""
    start = passage.ordinal * 10_000
    return pb.Chunk(
        chunk_id=str(uuid.uuid5(_SPACE, f"{passage.document} {passage.ordinal}")),
        document_id=passage.document,
        document_name=f"{passage.document}.txt",
        ordinal=passage.ordinal,
        text=passage.text,
        start=start,
        end=start + len(passage.text),
    )


def _sentences(language: str) -> list[str]:
    return [
        paragraph[start:end]
        for paragraph in xquad.load(language).paragraphs
        for start, end in split_sentences(paragraph)
        if 20 <= end - start <= 300
    ]
