"""Finding a quote in the passage that it is said to come from.

A model copies almost verbatim: it changes widths, quotation marks, spaces. So a quote is looked for by its words,
and what is kept is the passage's own slice.
"""

from __future__ import annotations

import unicodedata

from services.common.values import Source
from services.exercises.values.question import Passage
from services.language.folding import fold, is_word_char

SHORTEST_QUOTE = 4
"""Least length of a quote in folded characters; a shorter one would be found anywhere."""


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """Return the slice [start, end) of `text` that says `quote`; None when there is none.

    Only case, width, spaces and punctuation may differ. Closing punctuation that the quote has is
    part of the slice.
    """
    start = text.find(quote) if len(fold(quote)) >= SHORTEST_QUOTE else -1
    if start >= 0:
        return _trim(text, start, start + len(quote))
    wanted = fold(quote)
    if len(wanted) < SHORTEST_QUOTE:
        return None
    folded: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        for plain in unicodedata.normalize("NFKC", char).casefold():
            if is_word_char(plain):
                folded.append(plain)
                origin.append(index)
    found = "".join(folded).find(wanted)
    if found < 0:
        return None
    start, end = origin[found], origin[found + len(wanted) - 1] + 1
    tail = quote.rstrip()[-1]
    if not is_word_char(tail) and end < len(text) and not is_word_char(text[end]) and not text[end].isspace():
        end += 1
    return _trim(text, start, end)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def source_of(passage: Passage, start: int, end: int) -> Source:
    """Return the source of the slice [start, end) of a passage."""
    return Source(
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
        page=passage.page_at(passage.start + start),
        document_id=passage.document_id,
        document_name=passage.document_name,
        chunk_id=passage.chunk_id,
    )
