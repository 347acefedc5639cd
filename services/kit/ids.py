"""Identifiers: UUIDv7 as strings, so that they sort by the time at which they were made (RFC 9562)."""

from __future__ import annotations

import uuid

import uuid_utils


def new_id() -> str:
    """A new identifier in the canonical 36-character form."""
    return str(uuid_utils.uuid7())


def is_id(text: str) -> bool:
    """Whether `text` is a UUID in the canonical form."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
