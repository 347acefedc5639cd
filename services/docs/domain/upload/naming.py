"""The rules for names of documents."""

from __future__ import annotations

import unicodedata

from services.docs.domain.wording.wording import told
from services.kit.errors import FieldViolation, InvalidArgument

_LONGEST = 255
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs"})
"""Control characters and surrogates."""
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that change the direction in which a part of a name is shown."""


def checked_name(name: str) -> str:
    """Return the name in NFC, without white space around it, or refuse it with the rule that it breaks."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise _refused("empty")
    if len(name) > _LONGEST:
        raise _refused("long", limit=str(_LONGEST))
    if "/" in name or "\\" in name:
        raise _refused("folders")
    if name in (".", ".."):
        raise _refused("dots")
    for character in name:
        if unicodedata.category(character) in _REFUSED_CATEGORIES or character in _BIDI:
            raise _refused("control", character=f"U+{ord(character):04X}")
    return name


def _refused(what: str, **details: str) -> InvalidArgument:
    rule = told("INVALID_NAME", {"what": what, **details})
    return InvalidArgument(rule, reason="INVALID_NAME", violations=[FieldViolation("description.name", rule)])
