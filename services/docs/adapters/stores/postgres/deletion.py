"""Documents that are being deleted."""

from __future__ import annotations

from dataclasses import dataclass

from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.postgres.rows import CHANNEL, DELETING, SELECT_VISIBLE, document_from_row
from services.docs.values.document import Document, Job, JobKind
from services.kit.database import Connection, Database


@dataclass(frozen=True, slots=True)
class PostgresDeletionStore:
    """Marks and removes rows; the job that removes a marked row is due `delay_seconds` later.

    A deletion makes room, so it may write in the reserve of a disk that is nearly full.
    """

    database: Database
    queue: PgQueuerJobQueue
    delay_seconds: float

    async def mark(self, document_id: str, owner: str) -> Document | None:
        """Mark the row and queue its job in one transaction."""
        async with self.database.reserve.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(f"{SELECT_VISIBLE} FOR UPDATE", document_id, owner)
            if row is None:
                return None
            await self._mark(connection, document_id)
            return document_from_row(row)

    async def mark_failed_upload(self, document_id: str) -> None:
        """Mark the row and queue its job in one transaction."""
        async with self.database.reserve.acquire() as connection, connection.transaction():
            await self._mark(connection, document_id)

    async def _mark(self, connection: Connection, document_id: str) -> None:
        owner = await connection.fetchval(
            "UPDATE documents SET state = 'DELETING', update_time = now() WHERE document_id = $1 RETURNING owner",
            document_id,
        )
        if owner is not None:
            await self.queue.enqueue_in(connection, Job(JobKind.DELETE, document_id, owner), self.delay_seconds)
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, f"{document_id} {DELETING}")

    async def marked(self, document_id: str) -> Document | None:
        """Select a row in DELETING."""
        row = await self.database.fetchrow(
            "SELECT * FROM documents WHERE document_id = $1 AND state = 'DELETING'", document_id
        )
        return document_from_row(row) if row else None

    async def is_shared(self, document_id: str, sha256: str) -> bool:
        """Look the hash up in the index `documents_by_sha256`."""
        found: bool = await self.database.fetchval(
            "SELECT EXISTS (SELECT FROM documents WHERE sha256 = $2 AND document_id <> $1)", document_id, sha256
        )
        return found

    async def remove(self, document_id: str) -> None:
        """Delete the row; its chunks and events go by cascade."""
        await self.database.reserve.execute(
            "DELETE FROM documents WHERE document_id = $1 AND state = 'DELETING'", document_id
        )
