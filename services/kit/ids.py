"""Identifiers as strings: UUIDv7, which sort by the time of their creation, and UUIDv5 of names (RFC 9562)."""

from __future__ import annotations

import uuid

import uuid_utils


def new_id() -> str:
    """Return a new identifier in the canonical form of 36 characters."""
    return str(uuid_utils.uuid7())


def name_id(namespace: uuid_utils.UUID, *parts: str) -> str:
    """Return the identifier that the same parts of a name always have; those of `uuid` take five times as long."""
    return str(uuid_utils.uuid5(namespace, "\x00".join(parts)))


def is_id(text: str) -> bool:
    """Return whether `text` is a UUID in the canonical form."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
