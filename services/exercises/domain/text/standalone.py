"""Whether a sentence can be understood without its neighbors."""

from __future__ import annotations

import re

from services.language.detection import LANGUAGES, as_language
from services.language.language import Language

_CLOSED = frozenset('。.！!）)”"；;')
_NO_PROSE = re.compile(r"https?://|www\.|[=<>|\\{}?？]|:$|：$", re.IGNORECASE)
"""Addresses, formulas, table rows, questions, and what only introduces a list."""
_PAIRS = (("(", ")"), ("（", "）"), ("“", "”"), ("《", "》"), ("[", "]"), ("「", "」"))


def stands_alone(text: str, language: Language | str) -> bool:
    """Tell whether a sentence can be understood, and asked about, without its neighbors."""
    own = as_language(language)
    if not own.reading.shortest <= own.length(text) <= own.reading.longest:
        return False
    if not (text[-1] in _CLOSED or text[-1] in own.sentences.stops) or _NO_PROSE.search(text) or not _balanced(text):
        return False
    # Chinese material points at a `Figure 3` as well.
    if any(known.reading.points_elsewhere.search(text) for known in {*LANGUAGES, own}):
        return False
    return (text[0].isupper() or not own.reading.capital) and not own.reading.opens_badly.search(text)


def _balanced(text: str) -> bool:
    return all(text.count(a) == text.count(b) for a, b in _PAIRS) and text.count('"') % 2 == 0
