"""The keys of the object store, and how a normalized text is encoded there."""

from __future__ import annotations

from typing import Final

from services.kit.errors import NotFound

UPLOADS: Final = "uploads"
"""Folder of the uploads that are not complete; a key there is `uploads/<instance>.<document id>`."""

TEXT_ENCODING: Final = "utf-32-le"
"""Encoding of a stored text: its width is fixed, so that a slice of code points is a range of bytes."""

TEXT_WIDTH: Final = 4
"""Bytes of a code point in `TEXT_ENCODING`."""


def object_key(sha256: str) -> str:
    """Return the key of a file."""
    return f"objects/{sha256}"


def text_key(document_id: str) -> str:
    """Return the key of a document's normalized text."""
    return f"texts/{document_id}"


def missing_object(key: str) -> NotFound:
    """Return the error for an object that the store does not have."""
    return NotFound("The file is not in the object store.", reason="OBJECT_NOT_FOUND", metadata={"key": key})
