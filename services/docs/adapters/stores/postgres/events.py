"""The events of documents' jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from services.docs.adapters.stores.postgres.rows import VISIBLE
from services.docs.values.document import (
    DocumentEvent,
    EventPayload,
    Failure,
    IndexingCompleted,
    IndexingStage,
    StageProgress,
)
from services.kit.database import Database

_LONGEST_MESSAGE = 4_000


class PostgresEventLog:
    """Rows of the table `events`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, document_id: str, after: int, limit: int) -> Sequence[DocumentEvent]:
        """Select a page of events by number."""
        rows = await self._database.fetch(
            "SELECT * FROM events WHERE document_id = $1 AND number > $2 ORDER BY number LIMIT $3",
            document_id,
            after,
            limit,
        )
        return [DocumentEvent(row["number"], row["time"].astimezone(UTC), _decode_payload(row["what"])) for row in rows]

    async def last_number(self, document_id: str) -> int | None:
        """Select the number from the document's row."""
        number: int | None = await self._database.fetchval(
            f"SELECT last_event FROM documents WHERE document_id = $1 AND {VISIBLE}", document_id
        )
        return number


def encode_payload(payload: EventPayload) -> str:
    """Return a payload as JSON for the column `what`; a failure's message is cut after 4,000 characters."""
    match payload:
        case StageProgress(stage, done, total):
            value: dict[str, Any] = {"stage": stage.value, "done": done, "total": total}
        case IndexingCompleted():
            value = {"indexed": True}
        case Failure(reason, message):
            value = {"reason": reason, "message": message[:_LONGEST_MESSAGE]}
    return json.dumps(value, ensure_ascii=False)


def _decode_payload(text: str) -> EventPayload:
    value = json.loads(text)
    if "stage" in value:
        return StageProgress(IndexingStage(value["stage"]), value["done"], value["total"])
    if "reason" in value:
        return Failure(value["reason"], value["message"])
    return IndexingCompleted()
