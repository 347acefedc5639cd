"""The names of locks that several parts of the service hold."""

from __future__ import annotations


def document_lock(document_id: str) -> str:
    """Return the lock of a document's vectors, chunks and text."""
    return f"document:{document_id}"


def file_lock(sha256: str) -> str:
    """Return the lock of a file, which several documents may share."""
    return f"object:{sha256}"
