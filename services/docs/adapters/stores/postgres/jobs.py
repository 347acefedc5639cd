"""Index jobs as their workers record them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

import asyncpg

from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.postgres.rows import append_event, document_from_row
from services.docs.values.document import (
    DocumentState,
    EventPayload,
    Failure,
    GraphBuilt,
    GraphFailed,
    GraphProgress,
    GraphState,
    IndexingCompleted,
    IndexingProgress,
    Job,
    JobKind,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_document import ParsedFile
from services.kit.database import Connection, Database

_COLUMNS = (
    "document_id",
    "chunk_id",
    "ordinal",
    "body",
    "page",
    "starts_at",
    "ends_at",
    "heading_path",
    "page_starts",
    "gap",
)
_chunk_values = attrgetter("chunk_id", "ordinal", "text", "page", "start", "end", "heading_path", "page_starts", "gap")
_WANTED = "document_id = $1 AND generation = $2 AND state = 'PROCESSING'"
_GRAPH_WANTED = "document_id = $1 AND generation = $2 AND state = 'INDEXED' AND graph_state = 'QUEUED'"
_NO_GRAPH_FOLLOWS = """
    graph_state = CASE graph_state WHEN 'QUEUED' THEN 'FAILED' ELSE graph_state END,
    graph_failure_reason = CASE graph_state WHEN 'QUEUED' THEN $4 ELSE graph_failure_reason END,
    graph_failure_message = CASE graph_state WHEN 'QUEUED' THEN $5 ELSE graph_failure_message END,
    graph_failure_details = CASE graph_state WHEN 'QUEUED' THEN $6::jsonb ELSE graph_failure_details END
"""


@dataclass(frozen=True, slots=True)
class PostgresIndexingJobs:
    """Writes rows, chunks and events of a document, as long as its row still wants the job.

    Single events may be written in the reserve of a disk that is nearly full, so that a job under way can end.
    """

    database: Database
    queue: PgQueuerJobQueue

    async def begin(self, job: Job) -> IndexingProgress | None:
        """Move a row to PROCESSING and count the attempt."""
        row = await self.database.fetchrow(
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
            document_from_row(row), row["attempts"], row["chunk_total"], row["indexed"], row["embedding_model"]
        )

    async def report(self, job: Job, progress: StageProgress) -> bool:
        """Store an event in one statement."""
        return await _append_event(self.database.reserve, job, progress) is not None

    async def save_parsed(
        self,
        job: Job,
        parsed: ParsedFile,
        chunks: AsyncIterator[Sequence[StoredChunk]],
        events: Sequence[StageProgress],
    ) -> bool:
        """Write figures, chunks and events in one transaction."""
        columns = "page_count = $3, text_length = $4, language = $5, title = $6, chunk_total = $7, warnings = $8, "
        columns += "indexed = 0"
        warnings = json.dumps([{"reason": warning.reason, "pages": warning.pages} for warning in parsed.warnings])
        figures = (parsed.page_count, parsed.text_length, parsed.language, parsed.title, parsed.chunk_count, warnings)
        async with self.database.acquire() as connection, connection.transaction():
            if not await _update(connection, job, columns, *figures):
                return False
            await connection.execute("DELETE FROM chunks WHERE document_id = $1", job.document_id)
            async for part in chunks:
                records = [(job.document_id, *_chunk_values(chunk)) for chunk in part]
                await connection.copy_records_to_table("chunks", columns=_COLUMNS, records=records)
            for event in events:
                await _append_event(connection, job, event)
            return True

    async def advance(self, job: Job, indexed: int, model: str, event: StageProgress | None) -> bool:
        """Write the count and the event in one transaction."""
        async with self.database.acquire() as connection, connection.transaction():
            advanced = await _update(connection, job, "indexed = $3, embedding_model = $4", indexed, model)
            if advanced and event is not None:
                await _append_event(connection, job, event)
            return advanced

    async def finish(self, job: Job) -> bool:
        """Move the row to INDEXED and queue the graph job, in one transaction."""
        async with self.database.reserve.acquire() as connection, connection.transaction():
            row = await _append_event(connection, job, IndexingCompleted(), state=DocumentState.INDEXED)
            if row is not None and row["graph_state"] == GraphState.QUEUED:
                await self.queue.enqueue_in(connection, Job(JobKind.GRAPH, job.document_id, job.owner, job.generation))
            return row is not None

    async def fail(self, job: Job, failure: Failure) -> bool:
        """Move the row to FAILED, and the graph that was to follow, with reason and message."""
        return await _append_event(self.database.reserve, job, failure, state=DocumentState.FAILED) is not None


@dataclass(frozen=True, slots=True)
class PostgresGraphJobs:
    """Writes rows and events of indexed documents, as long as their rows still want the job."""

    database: Database

    async def begin(self, job: Job) -> GraphProgress | None:
        """Count the attempt."""
        row = await self.database.fetchrow(
            f"UPDATE documents SET attempts = attempts + 1, update_time = now() WHERE {_GRAPH_WANTED} RETURNING *",
            job.document_id,
            job.generation,
        )
        return GraphProgress(document_from_row(row), row["attempts"], row["graphed"]) if row else None

    async def advance(self, job: Job, added: int, event: StageProgress | None) -> bool:
        """Write the count and the event in one statement."""
        change = "graphed = $3, attempts = 0"
        if event is not None:
            return await self._append_event(job, event, change, added)
        row = await self.database.fetchrow(
            f"UPDATE documents SET {change}, update_time = now() WHERE {_GRAPH_WANTED} RETURNING document_id",
            job.document_id,
            job.generation,
            added,
        )
        return row is not None

    async def finish(self, job: Job, added: int) -> bool:
        """Move the graph's state to BUILT."""
        return await self._append_event(job, GraphBuilt(), "graph_state = 'BUILT', graphed = $3", added)

    async def fail(self, job: Job, failure: Failure) -> bool:
        """Move the graph's state to FAILED, with reason and message."""
        change = (
            "graph_state = 'FAILED', graph_failure_reason = $3, graph_failure_message = $4, "
            "graph_failure_details = $5::jsonb"
        )
        return await self._append_event(job, GraphFailed(failure), change, *_failure_values(failure))

    async def _append_event(self, job: Job, payload: EventPayload, change: str, *values: object) -> bool:
        ids = (job.document_id, job.generation)
        return await append_event(self.database.reserve, payload, change, _GRAPH_WANTED, *ids, *values) is not None


async def _update(connection: Connection, job: Job, columns: str, *values: object) -> bool:
    """Set `columns`, whose values begin at `$3`, and count the attempts anew; return whether the job is wanted."""
    updated = await connection.fetchval(
        f"UPDATE documents SET {columns}, attempts = 0, update_time = now() WHERE {_WANTED} RETURNING true",
        job.document_id,
        job.generation,
        *values,
    )
    return updated is not None


async def _append_event(
    database: Database | Connection, job: Job, payload: EventPayload, *, state: DocumentState = DocumentState.PROCESSING
) -> asyncpg.Record | None:
    """Store an event of a job that is still wanted, move its row to `state`, and return the row."""
    failure = payload if isinstance(payload, Failure) else None
    change = "state = $3, failure_reason = $4, failure_message = $5, failure_details = $6::jsonb"
    return await append_event(
        database,
        payload,
        f"{change}, {_NO_GRAPH_FOLLOWS}" if failure else change,
        _WANTED,
        job.document_id,
        job.generation,
        state.value,
        *_failure_values(failure),
    )


def _failure_values(failure: Failure | None) -> tuple[str | None, str | None, str]:
    if failure is None:
        return None, None, "{}"
    return failure.reason, failure.message, json.dumps(dict(failure.details), ensure_ascii=False)
