"""The keys of the object store, and how a normalized text is encoded there."""

from __future__ import annotations

from typing import Final

from services.kit.errors import NotFound

OBJECTS: Final = "objects"
"""Folder of the files, by their SHA-256."""

TEXTS: Final = "texts"
"""Folder of the normalized texts, by their document's id."""

UPLOADS: Final = "uploads"
"""Folder of the uploads that are not complete; a key there is `uploads/<instance>.<document id>`."""

TEXT_ENCODING: Final = "utf-32-le"
"""Encoding of a stored text: its width is fixed, so that a slice of code points is a range of bytes."""

TEXT_WIDTH: Final = 4
"""Bytes of a code point in `TEXT_ENCODING`."""


def object_key(sha256: str) -> str:
    """Return the key of a file."""
    return f"{OBJECTS}/{sha256}"


def text_key(document_id: str) -> str:
    """Return the key of a document's normalized text."""
    return f"{TEXTS}/{document_id}"


def missing_object(key: str) -> NotFound:
    """Return the error for an object that the store does not have."""
    return NotFound("The file is not in the object store.", reason="OBJECT_NOT_FOUND", metadata={"key": key})
