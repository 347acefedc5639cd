"""What the modules of this package share: the schema, its notifications, and rows of documents as values."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Final

import asyncpg

from services.docs.values.document import Document, DocumentKind, DocumentState, Failure

SCHEMA: Final = "docs"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
CHANNEL: Final = "docs_events"
"""The channel of notifications; a payload begins with the document's id."""
DELETING: Final = "deleting"
"""The second word of a payload whose document is marked for deletion."""
VISIBLE: Final = "state NOT IN ('STORING', 'DELETING')"
"""The condition under which an owner sees a row."""


def document_from_row(row: asyncpg.Record) -> Document:
    """Return a row as a value; a hidden row counts as UPLOADED."""
    hidden = row["state"] in ("STORING", "DELETING")
    return Document(
        document_id=str(row["document_id"]),
        owner=row["owner"],
        name=row["name"],
        kind=DocumentKind(row["kind"]),
        media_type=row["media_type"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        create_time=row["create_time"].astimezone(UTC),
        update_time=row["update_time"].astimezone(UTC),
        state=DocumentState.UPLOADED if hidden else DocumentState(row["state"]),
        failure=Failure(row["failure_reason"], row["failure_message"]) if row["failure_reason"] else None,
        page_count=row["page_count"],
        text_length=row["text_length"],
        chunk_count=row["indexed"],
        language=row["language"],
        title=row["title"],
    )
