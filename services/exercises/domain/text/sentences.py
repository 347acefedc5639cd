"""Sentences as questions use them: where they stand, without list marks, and the same on one line."""

from __future__ import annotations

from dataclasses import dataclass

from services.exercises.values.question import Passage
from services.language.detection import LANGUAGES, Languages
from services.language.folding import flatten
from services.language.sentences import list_mark_end, split_sentences


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: the slice [start, end) of its text, and the same on one line."""

    start: int
    end: int
    text: str


def split(text: str, *, wrapped: bool = True, languages: Languages = LANGUAGES) -> list[Sentence]:
    """Return a text's sentences in reading order, without list marks and blank edges; their slices never overlap.

    With `wrapped`, the text's lines may have been broken to a width, and a sentence goes on over such a break.
    """
    found: list[Sentence] = []
    for start, end in split_sentences(text, wrapped=wrapped, languages=languages):
        first = list_mark_end(text, start, end, languages)
        if first < end:
            found.append(Sentence(first, end, flatten(text[first:end])))
    return found


def sentences_of(passage: Passage, languages: Languages = LANGUAGES) -> list[Sentence]:
    """Return a passage's sentences.

    A document's broken lines were joined when it was read: what breaks there is a border.
    """
    return split(passage.text, wrapped=not passage.document_id, languages=languages)


def clip(text: str, most: int) -> str:
    """Return the first sentences that fit into `most` characters, or the beginning of the first and an ellipsis."""
    if len(text) <= most:
        return text
    end = max((sentence.end for sentence in split(text) if sentence.end <= most), default=0)
    if end:
        return text[:end]
    head = text[: most - 1]
    return (head.rsplit(" ", 1)[0] if " " in head[most // 2 :] else head) + "…"
