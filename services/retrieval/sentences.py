"""Sentences of a passage as spans, so that a quote keeps its offsets."""

import re
from typing import NamedTuple

# A full stop ends a sentence only before white space, and not after a single capital ("J. Smith") or a common
# abbreviation; Chinese marks end one anywhere. Closing quotes and brackets belong to the sentence.
_END = re.compile(
    r"(?:[。！？!?…]+|(?<!\b[A-Z])(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bSt)(?<!\bMrs)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)"
    r"(?<!\bNo)(?<!\bFig)(?<!\betc)\.(?=[\s\"'”’)\]]|$))[\"'”’」』）)\]]*|\n+"
)


class Span(NamedTuple):
    """A sentence: ``text[start:end]``, without surrounding white space."""

    start: int
    end: int


def sentences(text: str) -> list[Span]:
    """Return the sentences of ``text`` in order; together they hold every character but white space."""
    spans: list[Span] = []
    start = 0
    for match in _END.finditer(text):
        _append(spans, text, start, match.end())
        start = match.end()
    _append(spans, text, start, len(text))
    return spans


def _append(spans: list[Span], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        first = start + len(piece) - len(piece.lstrip())
        spans.append(Span(first, first + len(stripped)))
