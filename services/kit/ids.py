"""Identifiers: UUIDv7 as strings, which sort by the time of their creation (RFC 9562)."""

from __future__ import annotations

import uuid

import uuid_utils


def new_id() -> str:
    """Return a new identifier in the canonical form of 36 characters."""
    return str(uuid_utils.uuid7())


def is_id(text: str) -> bool:
    """Return whether `text` is a UUID in the canonical form."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
