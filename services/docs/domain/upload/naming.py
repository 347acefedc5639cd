"""What a document may be called."""

from __future__ import annotations

import unicodedata

from services.kit.errors import FieldViolation, InvalidArgument

_LONGEST = 255
# Control characters, surrogates, and the marks that make a name read otherwise than it is spelled.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs"})
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def checked_name(name: str) -> str:
    """The name in NFC, without white space around it.

    Raises InvalidArgument, naming the field `name`, for an empty or over-long name, a folder, a dot entry, or a
    control or direction character.
    """
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
    return InvalidArgument(
        f"name {rule}.", reason="INVALID_NAME", violations=[FieldViolation("description.name", rule)]
    )
