"""What the modules of this package share: notifications, conditions, and rows as values."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any, Final

import asyncpg

from services.common.values import DocumentKind
from services.docs.values.document import (
    Document,
    DocumentEvent,
    DocumentState,
    EventPayload,
    Failure,
    GraphBuilt,
    GraphFailed,
    GraphState,
    IndexingCompleted,
    IndexingStage,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_document import ReadingWarning, WarningReason
from services.kit.database import Connection, Database

CHANNEL: Final = "docs_events"
"""The channel of notifications; a payload begins with the document's id."""
DELETING: Final = "deleting"
"""The second word of a payload whose document is marked for deletion."""
VISIBLE: Final = "state NOT IN ('STORING', 'DELETING')"
"""The condition under which an owner sees a row."""
SELECT_VISIBLE: Final = f"SELECT * FROM documents WHERE document_id = $1 AND owner = $2 AND {VISIBLE}"
"""The row of a document and its owner."""
_LONGEST_MESSAGE = 4_000


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
        failure=_failure(row["failure_reason"], row["failure_message"], row["failure_details"]),
        page_count=row["page_count"],
        text_length=row["text_length"],
        chunk_count=row["indexed"],
        language=row["language"],
        title=row["title"],
        graph_state=GraphState(row["graph_state"]),
        graph_chunk_count=row["graphed"],
        graph_failure=_failure(row["graph_failure_reason"], row["graph_failure_message"], row["graph_failure_details"]),
        warnings=tuple(
            ReadingWarning(WarningReason(found["reason"]), tuple(found["pages"]))
            for found in json.loads(row["warnings"])
        ),
    )


def _failure(reason: str | None, message: str, details: str) -> Failure | None:
    return Failure(reason, message, json.loads(details)) if reason else None


def chunk_from_row(row: asyncpg.Record) -> StoredChunk:
    """Return a row of the table `chunks` as a value."""
    return StoredChunk(
        chunk_id=str(row["chunk_id"]),
        ordinal=row["ordinal"],
        text=row["body"],
        page=row["page"],
        start=row["starts_at"],
        end=row["ends_at"],
        heading_path=tuple(row["heading_path"]),
        page_starts=tuple(row["page_starts"]),
        gap=row["gap"],
    )


async def append_event(
    database: Database | Connection, payload: EventPayload, change: str, condition: str, *values: object
) -> asyncpg.Record | None:
    """Change a row, store an event of it under the next number, and notify its readers, all in one statement.

    `values` are those of `change` and `condition`, from `$1` on. The locked row keeps numbers without gaps. Return the
    changed row, or None where the condition does not hold.
    """
    return await database.fetchrow(
        f"""
        WITH moved AS (
            UPDATE documents SET last_event = last_event + 1, update_time = now(), {change}
            WHERE {condition} RETURNING *
        ), noted AS (
            INSERT INTO events SELECT document_id, last_event, now(), ${len(values) + 1}::jsonb FROM moved
        )
        SELECT *, pg_notify(${len(values) + 2}, document_id::text) FROM moved
        """,
        *values,
        _encode_payload(payload),
        CHANNEL,
    )


def event_from_row(row: asyncpg.Record) -> DocumentEvent:
    """Return a row of the table `events` as a value."""
    return DocumentEvent(row["number"], row["time"].astimezone(UTC), _decode_payload(row["what"]))


def _encode_payload(payload: EventPayload) -> str:
    """Return a payload as JSON for the column `what`; a failure's message is cut after 4,000 characters."""
    match payload:
        case StageProgress(stage, done, total):
            value: dict[str, Any] = {"stage": stage.value, "done": done, "total": total}
        case IndexingCompleted():
            value = {"indexed": True}
        case GraphBuilt():
            value = {"graph": True}
        case Failure(reason, message, details):
            value = {"reason": reason, "message": message[:_LONGEST_MESSAGE], "details": dict(details)}
        case GraphFailed(Failure(reason, message, details)):
            value = {
                "reason": reason,
                "message": message[:_LONGEST_MESSAGE],
                "details": dict(details),
                "graph": True,
            }
    return json.dumps(value, ensure_ascii=False)


def _decode_payload(text: str) -> EventPayload:
    value = json.loads(text)
    if "stage" in value:
        return StageProgress(IndexingStage(value["stage"]), value["done"], value["total"])
    if "reason" in value:
        failure = Failure(value["reason"], value["message"], value.get("details", {}))
        return GraphFailed(failure) if value.get("graph") else failure
    return GraphBuilt() if value.get("graph") else IndexingCompleted()
