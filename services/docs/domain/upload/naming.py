"""The rules for names of documents."""

from __future__ import annotations

import unicodedata

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
        raise _refused("must not be empty")
    if len(name) > _LONGEST:
        raise _refused(f"must have at most {_LONGEST} characters")
    if "/" in name or "\\" in name:
        raise _refused("must be a file name without folders")
    if name in (".", ".."):
        raise _refused("must be a file name, not a folder's entry for itself or its parent")
    for character in name:
        if unicodedata.category(character) in _REFUSED_CATEGORIES or character in _BIDI:
            raise _refused(f"must not contain control characters (it has U+{ord(character):04X})")
    return name


def _refused(rule: str) -> InvalidArgument:
    violations = [FieldViolation("description.name", rule)]
    return InvalidArgument(f"name {rule}.", reason="INVALID_NAME", violations=violations)
