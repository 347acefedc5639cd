"""Gaps to be filled in: white space that is underlined is drawn as a line, and read as `____`."""

from __future__ import annotations

import re

_GAP, _EDGE = "\x1c", "\x1d"
"""Stand for underlined white space, and for the borders of underlined text, until a paragraph is read."""
_WIDE = frozenset("\t\u2001\u2003\u3000")
_LEAST = 2
"""One space alone is as likely a slip of the hand as a gap."""
_GAPS = re.compile(f"{_EDGE}?{_GAP}+{_EDGE}?")
LINE = "____"


def underlined(text: str) -> str:
    """Return underlined text with marks that `drawn` needs."""
    inner = text.strip()
    if not inner:
        return _gap(text)
    begin = text.index(inner)
    return f"{_gap(text[:begin])}{_EDGE}{inner}{_EDGE}{_gap(text[begin + len(inner) :])}"


def drawn(text: str) -> str:
    """Return a paragraph's text, of which parts are from `underlined`, with a line for each gap; a tab is a space.

    Space beside an underlined word belongs to the word, and a paragraph of nothing but gaps is a rule to write on.
    """
    if _EDGE not in text and _GAP not in text:
        return text.replace("\t", " ")
    text = _GAPS.sub(
        lambda found: LINE if found[0][0] == found[0][-1] == _GAP and len(found[0]) >= _LEAST else " ", text
    )
    text = text.replace(_EDGE, "").replace("\t", " ")
    return text if text.strip(f"{LINE} \t\n") else ""


def is_gap(text: str) -> bool:
    """Return whether an underlined text is a gap."""
    return not text.strip() and len(_gap(text)) >= _LEAST


def _gap(space: str) -> str:
    return "".join(_GAP * (_LEAST if char in _WIDE else 1) for char in space)
