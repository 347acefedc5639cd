"""Jobs as they are asked for: the row of a document and its job in the queue change in one transaction."""

from __future__ import annotations

from services.docs.adapters.queue.pgq import Connection, PgQueuerJobQueue
from services.docs.adapters.stores.postgres.events import encode_payload
from services.docs.adapters.stores.postgres.rows import CHANNEL, VISIBLE, document_from_row
from services.docs.values.document import Document, DocumentState, IndexingStage, Job, JobKind, StageProgress
from services.kit.database import Database


class PostgresJobRequests:
    """Puts jobs into a queue that lies in the same database."""

    def __init__(self, database: Database, queue: PgQueuerJobQueue) -> None:
        self._database = database
        self._queue = queue

    async def request(self, document_id: str, owner: str) -> Document | None:
        """Lock the row first, so that two requests queue one job."""
        async with self._database.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                f"SELECT * FROM documents WHERE document_id = $1 AND owner = $2 AND {VISIBLE} FOR UPDATE",
                document_id,
                owner,
            )
            if row is None:
                return None
            if row["state"] in (DocumentState.UPLOADED, DocumentState.FAILED):
                await queue_index_job(connection, self._queue, document_id)
                (row,) = await connection.fetch("SELECT * FROM documents WHERE document_id = $1", document_id)
            return document_from_row(row)

    async def requeue_lost(self) -> int:
        """Enqueue the job of every row that waits for one; the queue skips those that it has."""
        async with self._database.reserve.acquire() as connection, connection.transaction():
            rows = await connection.fetch(
                """
                SELECT document_id, owner, generation, state FROM documents
                WHERE state IN ('QUEUED', 'PROCESSING', 'DELETING') FOR SHARE
                """
            )
            for row in rows:
                document_id = str(row["document_id"])
                job = (
                    Job(JobKind.DELETE, document_id, row["owner"])
                    if row["state"] == "DELETING"
                    else Job(JobKind.INDEX, document_id, row["owner"], row["generation"])
                )
                await self._queue.enqueue_in(connection, job)
            return len(rows)


async def queue_index_job(connection: Connection, queue: PgQueuerJobQueue, document_id: str) -> None:
    """Move a row to QUEUED with its event and queue its job, within the transaction of `connection`."""
    (row,) = await connection.fetch(
        """
        WITH moved AS (
            UPDATE documents
            SET state = 'QUEUED', generation = generation + 1, attempts = 0, failure_reason = NULL,
                failure_message = NULL, last_event = last_event + 1, update_time = now()
            WHERE document_id = $1
            RETURNING document_id, owner, generation, last_event
        ), noted AS (
            INSERT INTO events SELECT document_id, last_event, now(), $2::jsonb FROM moved
        )
        SELECT owner, generation FROM moved
        """,
        document_id,
        encode_payload(StageProgress(IndexingStage.QUEUED)),
    )
    await queue.enqueue_in(connection, Job(JobKind.INDEX, document_id, row["owner"], row["generation"]))
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, document_id)
