"""The chunks of parsed documents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from services.docs.adapters.queue.pgq import Connection
from services.docs.values.document import StoredChunk
from services.kit.database import Database

_COLUMNS = ("document_id", "ordinal", "chunk_id", "body", "page", "starts_at", "ends_at", "heading_path", "page_starts")


class PostgresChunkStore:
    """Rows of the table `chunks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, document_id: str, first: int, limit: int) -> Sequence[StoredChunk]:
        """Select a page of chunks by ordinal."""
        rows = await self._database.fetch(
            "SELECT * FROM chunks WHERE document_id = $1 AND ordinal >= $2 ORDER BY ordinal LIMIT $3",
            document_id,
            first,
            limit,
        )
        return [
            StoredChunk(
                chunk_id=str(row["chunk_id"]),
                ordinal=row["ordinal"],
                text=row["body"],
                page=row["page"],
                start=row["starts_at"],
                end=row["ends_at"],
                heading_path=tuple(row["heading_path"]),
                page_starts=tuple(row["page_starts"]),
            )
            for row in rows
        ]


async def replace_chunks(
    connection: Connection, document_id: str, chunks: AsyncIterator[Sequence[StoredChunk]]
) -> None:
    """Replace a document's chunks part by part, within the transaction of `connection`."""
    await connection.execute("DELETE FROM chunks WHERE document_id = $1", document_id)
    async for part in chunks:
        records = [
            (
                document_id,
                chunk.ordinal,
                chunk.chunk_id,
                chunk.text,
                chunk.page,
                chunk.start,
                chunk.end,
                chunk.heading_path,
                chunk.page_starts,
            )
            for chunk in part
        ]
        await connection.copy_records_to_table("chunks", columns=_COLUMNS, records=records)
