"""Finding a quote in the passage that it is said to come from: a model changes widths, quotation marks, spaces."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from services.language.folding import fold, is_word_char, trimmed

SHORTEST_QUOTE = 4
"""Characters, folded; less would be found anywhere."""


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """Return the slice of `text` that says `quote`, whatever case, width, spaces and punctuation; None without one."""
    start = text.find(quote) if len(fold(quote)) >= SHORTEST_QUOTE else -1
    if start >= 0:
        return trimmed(text, start, start + len(quote))
    wanted = fold(quote)
    if len(wanted) < SHORTEST_QUOTE:
        return None
    folded, origin = _folded(text)
    found = folded.find(wanted)
    if found < 0:
        return None
    start, end = origin[found], origin[found + len(wanted) - 1] + 1
    tail = quote.rstrip()[-1]
    if not is_word_char(tail) and end < len(text) and not is_word_char(text[end]) and not text[end].isspace():
        end += 1
    return trimmed(text, start, end)


@lru_cache(maxsize=4)
def _folded(text: str) -> tuple[str, list[int]]:
    """Return the characters of a text that count when texts are compared, and the place of each in the text."""
    folded: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        for plain in unicodedata.normalize("NFKC", char).casefold():
            if is_word_char(plain):
                folded.append(plain)
                origin.append(index)
    return "".join(folded), origin
