"""The rows of documents."""

from __future__ import annotations

from collections.abc import Sequence

from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.postgres.requests import queue_index_job
from services.docs.adapters.stores.postgres.rows import VISIBLE, document_from_row
from services.docs.values.document import Document, DocumentKind, ListPosition
from services.kit.database import Database


class PostgresDocumentStore:
    """Rows of the table `documents`; `instance` is stored with each row that is added."""

    def __init__(self, database: Database, queue: PgQueuerJobQueue, instance: str) -> None:
        self._database = database
        self._queue = queue
        self._instance = instance

    async def add(self, document: Document) -> None:
        """Insert a row in the hidden state STORING."""
        await self._database.execute(
            """
            INSERT INTO documents (document_id, owner, name, kind, media_type, size_bytes, sha256, state,
                                   create_time, update_time, instance)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 'STORING', $8, $9, $10)
            """,
            document.document_id,
            document.owner,
            document.name,
            document.kind.value,
            document.media_type,
            document.size_bytes,
            document.sha256,
            document.create_time,
            document.update_time,
            self._instance,
        )

    async def confirm(self, document_id: str, *, parse: bool) -> Document:
        """Move a row from STORING to UPLOADED and queue its job, in one transaction."""
        async with self._database.acquire() as connection, connection.transaction():
            await connection.execute(
                "UPDATE documents SET state = 'UPLOADED' WHERE document_id = $1 AND state = 'STORING'", document_id
            )
            if parse:
                await queue_index_job(connection, self._queue, document_id)
            (row,) = await connection.fetch("SELECT * FROM documents WHERE document_id = $1", document_id)
            return document_from_row(row)

    async def unconfirmed(self) -> Sequence[tuple[str, Document]]:
        """Return the rows in STORING."""
        rows = await self._database.fetch("SELECT * FROM documents WHERE state = 'STORING'")
        return [(str(row["instance"]), document_from_row(row)) for row in rows]

    async def get(self, document_id: str, owner: str) -> Document | None:
        """Select one row by id and owner."""
        row = await self._database.fetchrow(
            f"SELECT * FROM documents WHERE document_id = $1 AND owner = $2 AND {VISIBLE}", document_id, owner
        )
        return document_from_row(row) if row else None

    async def list(
        self, owner: str, kind: DocumentKind | None, after: ListPosition | None, limit: int
    ) -> Sequence[Document]:
        """Select a page of rows by keyset, along the index `documents_by_owner`."""
        rows = await self._database.fetch(
            f"""
            SELECT * FROM documents
            WHERE owner = $1 AND {VISIBLE}
              AND ($2::text IS NULL OR kind = $2)
              AND ($3::timestamptz IS NULL OR (create_time, document_id) < ($3, $4::uuid))
            ORDER BY create_time DESC, document_id DESC
            LIMIT $5
            """,
            owner,
            kind and kind.value,
            after and after.create_time,
            after and after.document_id,
            limit,
        )
        return [document_from_row(row) for row in rows]
