"""Documents in PostgreSQL, through asyncpg."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import asyncpg

from services.docs.values.document import (
    Document,
    DocumentEvent,
    DocumentKind,
    DocumentState,
    EventPayload,
    Failure,
    IndexingCompleted,
    IndexingProgress,
    IndexingStage,
    Job,
    JobKind,
    ListPosition,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_file import ParsedFile
from services.kit import ids
from services.kit.database import Database, losses_translated

SCHEMA = "docs"
MIGRATIONS = Path(__file__).parent / "migrations"
CHANNEL = "docs_events"
DELETING = "deleting"
"""Second word of a notification about a document that is to go; the first is always its id."""

_GUARDS = 32
_COMMAND_SECONDS = 30.0
_MOST_EVENT_BYTES = 4_000

_CHUNK_COLUMNS = (
    "document_id",
    "ordinal",
    "chunk_id",
    "body",
    "page",
    "starts_at",
    "ends_at",
    "heading_path",
    "page_starts",
)

_SEEN = "state NOT IN ('STORING', 'DELETING')"
_FENCE = "document_id = $1 AND generation = $2 AND state = 'PROCESSING'"

Connection: TypeAlias = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


class TransactionalQueue(Protocol):
    """A job queue in the same database, so that a row and its job change together or not at all."""

    async def enqueue_in(self, connection: Connection, job: Job, delay: float = 0.0) -> None:
        """Keeps a job if the transaction that `connection` is in commits."""


class PostgresDocumentStore:
    """The rows of one schema. `opened` makes one; `migrations/` say what the schema holds."""

    def __init__(
        self, database: Database, lock_pool: asyncpg.Pool, queue: TransactionalQueue, *, deletion_delay: float
    ) -> None:
        self._database = database
        # Guards keep a connection for as long as they are held: in a pool of their own they starve nobody.
        self._lock_pool = lock_pool
        self._queue = queue
        self._deletion_delay = deletion_delay
        self._instance = ids.new_id()

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        dsn: str,
        queue: TransactionalQueue,
        *,
        schema: str = SCHEMA,
        connections: int = 8,
        deletion_delay: float = 30.0,
    ) -> AsyncIterator[PostgresDocumentStore]:
        """The store of `schema` in the database at `dsn`, whose migrations were applied.

        `deletion_delay` seconds after a row is marked for deletion, the job that sees to it is due.
        """
        settings = {"search_path": schema, "application_name": "tiku-docs"}
        async with (
            asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=connections,
                command_timeout=_COMMAND_SECONDS,
                server_settings=settings,
            ) as pool,
            asyncpg.create_pool(dsn, min_size=0, max_size=_GUARDS, server_settings=settings) as lock_pool,
        ):
            store = cls(Database(pool), lock_pool, queue, deletion_delay=deletion_delay)
            async with store.lock(f"instance:{store.instance}"):
                yield store

    @property
    def instance(self) -> str:
        return self._instance

    @asynccontextmanager
    async def lock(self, name: str, *, wait: bool = True) -> AsyncIterator[bool]:
        # The lock belongs to the session; asyncpg's reset of a released connection lets go of it, and so does death.
        async with AsyncExitStack() as stack:
            with losses_translated():
                connection = await stack.enter_async_context(self._lock_pool.acquire())
                held = await self._lock(connection, f"docs:{name}", wait=wait)
            yield held

    async def _lock(self, connection: Connection, name: str, *, wait: bool) -> bool:
        if wait:
            await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", name)
            return True
        held: bool = await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name)
        return held

    async def add(self, document: Document) -> None:
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
        async with self._database.acquire() as connection, connection.transaction():
            await connection.execute(
                "UPDATE documents SET state = 'UPLOADED' WHERE document_id = $1 AND state = 'STORING'",
                document_id,
            )
            if parse:
                await self._queue_index_job(connection, document_id)
            return await self._within(connection, document_id)

    async def get(self, document_id: str, owner: str) -> Document | None:
        row = await self._database.fetchrow(
            f"SELECT * FROM documents WHERE document_id = $1 AND owner = $2 AND {_SEEN}", document_id, owner
        )
        return _document(row) if row else None

    async def list(
        self, owner: str, kind: DocumentKind | None, after: ListPosition | None, limit: int
    ) -> Sequence[Document]:
        rows = await self._database.fetch(
            f"""
            SELECT * FROM documents
            WHERE owner = $1 AND {_SEEN}
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
        return [_document(row) for row in rows]

    async def request_job(self, document_id: str, owner: str) -> Document | None:
        async with self._database.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                f"SELECT * FROM documents WHERE document_id = $1 AND owner = $2 AND {_SEEN} FOR UPDATE",
                document_id,
                owner,
            )
            if row is None:
                return None
            if row["state"] in (DocumentState.UPLOADED, DocumentState.FAILED):
                await self._queue_index_job(connection, document_id)
                return await self._within(connection, document_id)
            return _document(row)

    async def _within(self, connection: Connection, document_id: str) -> Document:
        """A row that is there, as the transaction of `connection` sees it."""
        rows = await connection.fetch("SELECT * FROM documents WHERE document_id = $1", document_id)
        return _document(rows[0])

    async def _queue_index_job(self, connection: Connection, document_id: str) -> None:
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
            _written(StageProgress(IndexingStage.QUEUED)),
        )
        job = Job(JobKind.INDEX, document_id, row["owner"], row["generation"])
        await self._queue.enqueue_in(connection, job)
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, document_id)

    async def begin_job(self, job: Job) -> IndexingProgress | None:
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
            document=_document(row),
            generation=row["generation"],
            attempts=row["attempts"],
            chunk_total=row["chunk_total"],
            indexed=row["indexed"],
            embedding_model=row["embedding_model"],
        )

    async def add_event(self, job: Job, progress: StageProgress) -> bool:
        return await self._note(None, job, progress)

    async def save_parsed(
        self,
        job: Job,
        reading: ParsedFile,
        chunks: AsyncIterator[Sequence[StoredChunk]],
        events: Sequence[StageProgress],
    ) -> bool:
        async with self._database.acquire() as connection, connection.transaction():
            saved = await connection.fetchval(
                f"""
                UPDATE documents
                SET page_count = $3, text_length = $4, language = $5, title = $6, chunk_total = $7, indexed = 0,
                    attempts = 0, update_time = now()
                WHERE {_FENCE}
                RETURNING true
                """,
                job.document_id,
                job.generation,
                reading.page_count,
                reading.text_length,
                reading.language,
                reading.title,
                reading.chunk_count,
            )
            if not saved:
                return False
            await connection.execute("DELETE FROM chunks WHERE document_id = $1", job.document_id)
            async for part in chunks:
                await connection.copy_records_to_table(
                    "chunks", columns=_CHUNK_COLUMNS, records=[_record(job.document_id, chunk) for chunk in part]
                )
            for event in events:
                await self._note(connection, job, event)
            return True

    async def advance(self, job: Job, indexed: int, model: str, event: StageProgress | None) -> bool:
        async with self._database.acquire() as connection, connection.transaction():
            advanced = await connection.fetchval(
                f"""
                UPDATE documents SET indexed = $3, embedding_model = $4, attempts = 0, update_time = now()
                WHERE {_FENCE}
                RETURNING true
                """,
                job.document_id,
                job.generation,
                indexed,
                model,
            )
            if advanced and event is not None:
                await self._note(connection, job, event)
            return bool(advanced)

    async def finish_job(self, job: Job) -> bool:
        return await self._note(None, job, IndexingCompleted(), state=DocumentState.INDEXED)

    async def fail_job(self, job: Job, failure: Failure) -> bool:
        return await self._note(None, job, failure, state=DocumentState.FAILED)

    async def _note(
        self,
        within: Connection | None,
        job: Job,
        what: EventPayload,
        *,
        state: DocumentState = DocumentState.PROCESSING,
    ) -> bool:
        """Numbers an event while it holds the row, so that numbers have no gap, and tells who listens."""
        failure = what if isinstance(what, Failure) else None
        noted = await (within.fetchrow if within else self._database.fetchrow)(
            f"""
            WITH moved AS (
                UPDATE documents
                SET last_event = last_event + 1, state = $3, failure_reason = $4, failure_message = $5,
                    update_time = now()
                WHERE {_FENCE}
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
            _written(what),
            CHANNEL,
        )
        return noted is not None

    async def chunks(self, document_id: str, first: int, limit: int) -> Sequence[StoredChunk]:
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

    async def events(self, document_id: str, after: int, limit: int) -> Sequence[DocumentEvent]:
        rows = await self._database.fetch(
            "SELECT * FROM events WHERE document_id = $1 AND number > $2 ORDER BY number LIMIT $3",
            document_id,
            after,
            limit,
        )
        return [DocumentEvent(row["number"], row["time"].astimezone(UTC), _read(row["what"])) for row in rows]

    async def last_event(self, document_id: str) -> int | None:
        number: int | None = await self._database.fetchval(
            f"SELECT last_event FROM documents WHERE document_id = $1 AND {_SEEN}", document_id
        )
        return number

    async def mark_for_deletion(self, document_id: str, owner: str) -> Document | None:
        async with self._database.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                f"SELECT * FROM documents WHERE document_id = $1 AND owner = $2 AND {_SEEN} FOR UPDATE",
                document_id,
                owner,
            )
            if row is None:
                return None
            await self._mark(connection, document_id)
            return _document(row)

    async def mark_failed_upload(self, document_id: str) -> None:
        async with self._database.acquire() as connection, connection.transaction():
            await self._mark(connection, document_id)

    async def _mark(self, connection: Connection, document_id: str) -> None:
        owner = await connection.fetchval(
            "UPDATE documents SET state = 'DELETING', update_time = now() WHERE document_id = $1 RETURNING owner",
            document_id,
        )
        if owner is not None:
            job = Job(JobKind.DELETE, document_id, owner)
            await self._queue.enqueue_in(connection, job, self._deletion_delay)
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, f"{document_id} {DELETING}")

    async def marked_for_deletion(self, document_id: str) -> Document | None:
        row = await self._database.fetchrow(
            "SELECT * FROM documents WHERE document_id = $1 AND state = 'DELETING'", document_id
        )
        return _document(row) if row else None

    async def shared(self, document_id: str, sha256: str) -> bool:
        found: bool = await self._database.fetchval(
            "SELECT EXISTS (SELECT FROM documents WHERE sha256 = $2 AND document_id <> $1)",
            document_id,
            sha256,
        )
        return found

    async def remove(self, document_id: str) -> None:
        await self._database.execute("DELETE FROM documents WHERE document_id = $1 AND state = 'DELETING'", document_id)

    async def unconfirmed(self) -> Sequence[tuple[str, Document]]:
        rows = await self._database.fetch("SELECT * FROM documents WHERE state = 'STORING'")
        return [(str(row["instance"]), _document(row)) for row in rows]

    async def requeue(self) -> int:
        async with self._database.acquire() as connection, connection.transaction():
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

    async def ping(self) -> None:
        await self._database.fetchval("SELECT 1")


def _document(row: asyncpg.Record) -> Document:
    hidden = row["state"] in ("STORING", "DELETING")
    return Document(
        document_id=str(row["document_id"]),
        owner=row["owner"],
        name=row["name"],
        kind=DocumentKind(row["kind"]),
        media_type=row["media_type"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        create_time=_utc(row["create_time"]),
        update_time=_utc(row["update_time"]),
        state=DocumentState.UPLOADED if hidden else DocumentState(row["state"]),
        failure=Failure(row["failure_reason"], row["failure_message"]) if row["failure_reason"] else None,
        page_count=row["page_count"],
        text_length=row["text_length"],
        chunk_count=row["indexed"],
        language=row["language"],
        title=row["title"],
    )


def _record(document_id: str, chunk: StoredChunk) -> tuple[object, ...]:
    return (
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


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _written(what: EventPayload) -> str:
    match what:
        case StageProgress(stage, done, total):
            value: dict[str, Any] = {"stage": stage.value, "done": done, "total": total}
        case IndexingCompleted():
            value = {"indexed": True}
        case Failure(reason, message):
            value = {"reason": reason, "message": message[:_MOST_EVENT_BYTES]}
    return json.dumps(value, ensure_ascii=False)


def _read(text: str) -> EventPayload:
    value = json.loads(text)
    if "stage" in value:
        return StageProgress(IndexingStage(value["stage"]), value["done"], value["total"])
    if "reason" in value:
        return Failure(value["reason"], value["message"])
    return IndexingCompleted()
