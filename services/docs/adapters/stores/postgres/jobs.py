"""Index jobs as their workers record them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from services.docs.adapters.queue.pgq import Connection
from services.docs.adapters.stores.postgres.chunks import replace_chunks
from services.docs.adapters.stores.postgres.events import encode_payload
from services.docs.adapters.stores.postgres.rows import CHANNEL, document_from_row
from services.docs.values.document import (
    DocumentState,
    EventPayload,
    Failure,
    IndexingCompleted,
    IndexingProgress,
    Job,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_file import ParsedFile
from services.kit.database import Database

_WANTED = "document_id = $1 AND generation = $2 AND state = 'PROCESSING'"


class PostgresIndexingJobs:
    """Writes rows, chunks and events of a document, as long as its row still wants the job.

    Single events may be written in the reserve of a disk that is nearly full, so that a job under way can end.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, job: Job) -> IndexingProgress | None:
        """Move a row to PROCESSING and count the attempt."""
        row = await self._database.fetchrow(
            """
            UPDATE documents SET state = 'PROCESSING', attempts = attempts + 1, update_time = now()
            WHERE document_id = $1 AND generation = $2 AND state IN ('QUEUED', 'PROCESSING')
            RETURNING *
            """,
            job.document_id,
            job.generation,
        )
        if row is None:
            return None
        return IndexingProgress(
            document=document_from_row(row),
            generation=row["generation"],
            attempts=row["attempts"],
            chunk_total=row["chunk_total"],
            indexed=row["indexed"],
            embedding_model=row["embedding_model"],
        )

    async def report(self, job: Job, progress: StageProgress) -> bool:
        """Store an event in one statement."""
        return await _append_event(self._database.reserve, job, progress)

    async def save_parsed(
        self,
        job: Job,
        parsed: ParsedFile,
        chunks: AsyncIterator[Sequence[StoredChunk]],
        events: Sequence[StageProgress],
    ) -> bool:
        """Write figures, chunks and events in one transaction."""
        async with self._database.acquire() as connection, connection.transaction():
            saved = await connection.fetchval(
                f"""
                UPDATE documents
                SET page_count = $3, text_length = $4, language = $5, title = $6, chunk_total = $7, indexed = 0,
                    attempts = 0, update_time = now()
                WHERE {_WANTED}
                RETURNING true
                """,
                job.document_id,
                job.generation,
                parsed.page_count,
                parsed.text_length,
                parsed.language,
                parsed.title,
                parsed.chunk_count,
            )
            if not saved:
                return False
            await replace_chunks(connection, job.document_id, chunks)
            for event in events:
                await _append_event(connection, job, event)
            return True

    async def advance(self, job: Job, indexed: int, model: str, event: StageProgress | None) -> bool:
        """Write the count and the event in one transaction."""
        async with self._database.acquire() as connection, connection.transaction():
            advanced = await connection.fetchval(
                f"""
                UPDATE documents SET indexed = $3, embedding_model = $4, attempts = 0, update_time = now()
                WHERE {_WANTED}
                RETURNING true
                """,
                job.document_id,
                job.generation,
                indexed,
                model,
            )
            if advanced and event is not None:
                await _append_event(connection, job, event)
            return bool(advanced)

    async def finish(self, job: Job) -> bool:
        """Move the row to INDEXED."""
        return await _append_event(self._database.reserve, job, IndexingCompleted(), state=DocumentState.INDEXED)

    async def fail(self, job: Job, failure: Failure) -> bool:
        """Move the row to FAILED, with reason and message."""
        return await _append_event(self._database.reserve, job, failure, state=DocumentState.FAILED)


async def _append_event(
    database: Database | Connection,
    job: Job,
    payload: EventPayload,
    *,
    state: DocumentState = DocumentState.PROCESSING,
) -> bool:
    """Store an event under the next number and notify the readers; the locked row keeps numbers without gaps."""
    failure = payload if isinstance(payload, Failure) else None
    appended = await database.fetchrow(
        f"""
        WITH moved AS (
            UPDATE documents
            SET last_event = last_event + 1, state = $3, failure_reason = $4, failure_message = $5,
                update_time = now()
            WHERE {_WANTED}
            RETURNING document_id, last_event
        ), noted AS (
            INSERT INTO events SELECT document_id, last_event, now(), $6::jsonb FROM moved
        )
        SELECT pg_notify($7, document_id::text) FROM moved
        """,
        job.document_id,
        job.generation,
        state.value,
        failure and failure.reason,
        failure and failure.message,
        encode_payload(payload),
        CHANNEL,
    )
    return appended is not None
