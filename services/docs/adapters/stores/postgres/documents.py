"""The rows of documents with their chunks and events, and the jobs that are queued with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import asyncpg

from services.common.values import DocumentKind
from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.postgres.rows import (
    SELECT_VISIBLE,
    VISIBLE,
    append_event,
    chunk_from_row,
    document_from_row,
    event_from_row,
)
from services.docs.values.document import (
    Document,
    DocumentEvent,
    DocumentState,
    GraphState,
    IndexingStage,
    Job,
    JobKind,
    ListPosition,
    StageProgress,
    StoredChunk,
)
from services.kit.database import Connection, Database

_added_values = attrgetter(
    "document_id", "owner", "name", "kind", "media_type", "size_bytes", "sha256", "create_time", "update_time"
)


@dataclass(frozen=True, slots=True)
class PostgresDocumentStore:
    """Documents in the tables `documents`, `chunks` and `events`; `instance` is stored with each row that is added.

    A row and its job, in a queue that lies in the same database, change in one transaction.
    """

    database: Database
    queue: PgQueuerJobQueue
    instance: str

    async def add(self, document: Document) -> None:
        """Insert a row in the hidden state STORING."""
        await self.database.execute(
            """
            INSERT INTO documents (document_id, owner, name, kind, media_type, size_bytes, sha256, state,
                                   create_time, update_time, instance)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 'STORING', $8, $9, $10)
            """,
            *_added_values(document),
            self.instance,
        )

    async def confirm(self, document_id: str, *, parse: bool, graph: bool = False) -> Document:
        """Move a row from STORING to UPLOADED and queue its job, in one transaction."""
        async with self.database.acquire() as connection, connection.transaction():
            await connection.execute(
                "UPDATE documents SET state = 'UPLOADED' WHERE document_id = $1 AND state = 'STORING'", document_id
            )
            if parse:
                await queue_index_job(connection, self.queue, document_id, graph=graph)
            (row,) = await connection.fetch("SELECT * FROM documents WHERE document_id = $1", document_id)
            return document_from_row(row)

    async def unconfirmed(self) -> Sequence[tuple[str, Document]]:
        """Return the rows in STORING."""
        rows = await self.database.fetch("SELECT * FROM documents WHERE state = 'STORING'")
        return [(str(row["instance"]), document_from_row(row)) for row in rows]

    async def get(self, document_id: str, owner: str) -> Document | None:
        """Select one row by id and owner."""
        row = await self.database.fetchrow(SELECT_VISIBLE, document_id, owner)
        return document_from_row(row) if row else None

    async def list(
        self, owner: str, kind: DocumentKind | None, after: ListPosition | None, limit: int
    ) -> Sequence[Document]:
        """Select a page of rows by keyset, along the index `documents_by_owner`."""
        rows = await self.database.fetch(
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

    async def with_file(self, owner: str, sha256: str) -> Document | None:
        """Select along the index `documents_by_sha256`."""
        row = await self.database.fetchrow(
            f"""
            SELECT * FROM documents WHERE owner = $1 AND sha256 = $2 AND {VISIBLE}
            ORDER BY create_time, document_id LIMIT 1
            """,
            owner,
            sha256,
        )
        return document_from_row(row) if row else None

    async def chunks(self, document_id: str, first: int, limit: int) -> Sequence[StoredChunk]:
        """Select a page of chunks by ordinal."""
        rows = await self.database.fetch(
            "SELECT * FROM chunks WHERE document_id = $1 AND ordinal >= $2 ORDER BY ordinal LIMIT $3",
            document_id,
            first,
            limit,
        )
        return [chunk_from_row(row) for row in rows]

    async def events(self, document_id: str, after: int, limit: int) -> Sequence[DocumentEvent]:
        """Select a page of events by number."""
        rows = await self.database.fetch(
            "SELECT * FROM events WHERE document_id = $1 AND number > $2 ORDER BY number LIMIT $3",
            document_id,
            after,
            limit,
        )
        return [event_from_row(row) for row in rows]

    async def last_event(self, document_id: str) -> int | None:
        """Select the number from the document's row."""
        number: int | None = await self.database.fetchval(
            f"SELECT last_event FROM documents WHERE document_id = $1 AND {VISIBLE}", document_id
        )
        return number

    async def request_indexing(self, document_id: str, owner: str, *, graph: bool = False) -> Document | None:
        """Lock the row first, so that two requests queue one job."""
        async with self.database.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(f"{SELECT_VISIBLE} FOR UPDATE", document_id, owner)
            if row is None:
                return None
            if row["state"] in (DocumentState.UPLOADED, DocumentState.FAILED):
                row = await queue_index_job(connection, self.queue, document_id, graph=graph)
            elif graph and row["graph_state"] not in (GraphState.QUEUED, GraphState.BUILT):
                row = await self._request_graph(connection, document_id)
            return document_from_row(row)

    async def _request_graph(self, connection: Connection, document_id: str) -> asyncpg.Record:
        """Queue the graph job of an indexed document; the end of its index job does that for one in work."""
        row = await connection.fetchrow(
            """
            UPDATE documents SET graph_state = 'QUEUED', graph_failure_reason = NULL, graph_failure_message = NULL,
                attempts = CASE WHEN state = 'INDEXED' THEN 0 ELSE attempts END, update_time = now()
            WHERE document_id = $1 RETURNING *
            """,
            document_id,
        )
        assert row is not None
        if row["state"] == DocumentState.INDEXED:
            await self.queue.enqueue_in(connection, Job(JobKind.GRAPH, document_id, row["owner"], row["generation"]))
        return row

    async def requeue_lost(self) -> int:
        """Enqueue the job of every row that waits for one; the queue skips those that it has."""
        async with self.database.reserve.acquire() as connection, connection.transaction():
            rows = await connection.fetch(
                """
                SELECT document_id, owner, generation, state FROM documents
                WHERE state IN ('QUEUED', 'PROCESSING', 'DELETING') OR (state = 'INDEXED' AND graph_state = 'QUEUED')
                FOR SHARE
                """
            )
            for row in rows:
                kind, generation = JobKind.INDEX, row["generation"]
                if row["state"] == "DELETING":
                    kind, generation = JobKind.DELETE, 0
                elif row["state"] == DocumentState.INDEXED:
                    kind = JobKind.GRAPH
                await self.queue.enqueue_in(connection, Job(kind, str(row["document_id"]), row["owner"], generation))
            return len(rows)


async def queue_index_job(
    connection: Connection, queue: PgQueuerJobQueue, document_id: str, *, graph: bool = False
) -> asyncpg.Record:
    """Move a row to QUEUED with its event, queue its job within the transaction of `connection`, and return the row."""
    row = await append_event(
        connection,
        StageProgress(IndexingStage.QUEUED),
        """
        state = 'QUEUED', generation = generation + 1, attempts = 0, failure_reason = NULL, failure_message = NULL,
        graphed = 0, graph_failure_reason = NULL, graph_failure_message = NULL,
        graph_state = CASE WHEN $2 THEN 'QUEUED' WHEN graph_state = 'UNSPECIFIED' THEN graph_state ELSE 'QUEUED' END
        """,
        "document_id = $1",
        document_id,
        graph,
    )
    assert row is not None
    await queue.enqueue_in(connection, Job(JobKind.INDEX, document_id, row["owner"], row["generation"]))
    return row
