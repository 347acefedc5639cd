"""What backups and checks of the whole stack ask of the schema `docs`, across owners.

Statements name the schema, because a backup asks on a connection, and in a transaction, of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.postgres.documents import queue_index_job
from services.docs.adapters.stores.postgres.rows import VISIBLE
from services.docs.adapters.stores.postgres.schema import SCHEMA
from services.docs.adapters.stores.postgres.stores import PostgresStores
from services.docs.domain.catalog.deletion import REMOVALS
from services.docs.domain.catalog.recovery import instance_of, is_dead
from services.docs.domain.lock_names import document_lock, file_lock
from services.docs.domain.objects import TEXT_WIDTH, object_key, text_key
from services.kit.database import Connection

_KEPT = (
    "SELECT document_id::text, owner, name, state, sha256, size_bytes, text_length, generation, chunk_total, indexed, "
    f"embedding_model FROM {SCHEMA}.documents WHERE {VISIBLE}"
)
_IN_WORK = "('QUEUED', 'PROCESSING', 'DELETING')"
_GRAPH_IN_WORK = "(d.state = 'INDEXED' AND d.graph_state = 'QUEUED')"
_JOB_KEY = (
    "CASE WHEN d.state = 'DELETING' THEN 'delete:' || d.document_id || ':0' "
    "WHEN d.state = 'INDEXED' THEN 'graph:' || d.document_id || ':' || d.generation "
    "ELSE 'index:' || d.document_id || ':' || d.generation END"
)


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A visible row, as far as other stores must agree with it.

    `chunk_total` is None until the file was parsed; the first `indexed` chunks are in the index.
    """

    document_id: str
    owner: str
    name: str
    state: str
    sha256: str
    size_bytes: int
    text_length: int
    generation: int
    chunk_total: int | None
    indexed: int
    embedding_model: str

    @property
    def object_key(self) -> str:
        """The key of the file."""
        return object_key(self.sha256)

    @property
    def text_key(self) -> str | None:
        """The key of the normalized text; None until the file was parsed."""
        return None if self.chunk_total is None else text_key(self.document_id)

    @property
    def text_bytes(self) -> int:
        """The size of the stored text."""
        return self.text_length * TEXT_WIDTH


async def kept_documents(connection: Connection) -> list[KeptDocument]:
    """Return every visible row, in the order of ids."""
    rows = await connection.fetch(f"{_KEPT} ORDER BY document_id")
    return [KeptDocument(*row) for row in rows]


async def index_again(connection: Connection, queue: PgQueuerJobQueue, document_ids: Collection[str]) -> None:
    """Queue documents whose vectors are gone, within a transaction; their texts and chunks stay."""
    await connection.execute(f"SET LOCAL search_path TO {SCHEMA}, public")
    for document_id in document_ids:
        await connection.execute(f"UPDATE {SCHEMA}.documents SET indexed = 0 WHERE document_id = $1", document_id)
        await queue_index_job(connection, queue, document_id)


async def build_graphs_again(connection: Connection) -> None:
    """Have every document whose graph was wanted added again, within a transaction; a start queues the jobs."""
    await connection.execute(
        f"UPDATE {SCHEMA}.documents SET graph_state = 'QUEUED', graphed = 0, graph_failure_reason = NULL, "
        "graph_failure_message = NULL WHERE graph_state <> 'UNSPECIFIED'"
    )


class DocsUpkeep:
    """Finds what the tables of `docs` and the other stores disagree on, and mends it by the service's own means."""

    def __init__(self, stores: PostgresStores, queue: PgQueuerJobQueue) -> None:
        self.stores = stores
        """The service's own stores, which mend what they can."""
        self._queue = queue

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str) -> AsyncIterator[Self]:
        """Connect to a database whose migrations were applied."""
        queue = PgQueuerJobQueue(dsn)
        async with PostgresStores.open(dsn, queue, connections=2) as stores:
            yield cls(stores, queue)

    @asynccontextmanager
    async def removals_held(self) -> AsyncIterator[bool]:
        """Hold up the removal of files, texts and vectors; False, at once, where another block holds it up already.

        Removals that have begun are waited for. Meanwhile documents that are deleted are hidden, and go afterwards.
        """
        async with self.stores.locks.lock("backup", wait=False) as first:
            if not first:
                yield False
                return
            async with self.stores.locks.lock(REMOVALS):
                yield True

    async def documents(self) -> list[KeptDocument]:
        """Return every visible row."""
        async with self.stores.database.acquire() as connection:
            return await kept_documents(connection)

    async def document(self, document_id: str) -> KeptDocument | None:
        """Return one visible row as it is now; None without one."""
        row = await self.stores.database.fetchrow(f"{_KEPT} AND document_id = $1", document_id)
        return KeptDocument(*row) if row else None

    async def has_row(self, document_id: str) -> bool:
        """Return whether a document has a row, be it hidden, or a deletion that is still to be finished."""
        found: bool = await self.stores.database.fetchval(
            f"SELECT EXISTS (SELECT FROM {SCHEMA}.documents WHERE document_id = $1) OR EXISTS (SELECT FROM "
            f"{SCHEMA}.pgqueuer WHERE dedupe_key = $2 AND status IN ('queued', 'picked'))",
            document_id,
            f"delete:{document_id}:0",
        )
        return found

    @asynccontextmanager
    async def object_locked(self, sha256: str) -> AsyncIterator[bool]:
        """Hold the lock under which a file comes and goes; the block gets whether any row, hidden or not, has it."""
        async with self.stores.locks.lock(file_lock(sha256)):
            yield await self.stores.database.fetchval(
                f"SELECT EXISTS (SELECT FROM {SCHEMA}.documents WHERE sha256 = $1)", sha256
            )

    @asynccontextmanager
    async def document_locked(self, document_id: str) -> AsyncIterator[bool]:
        """Hold the lock under which a document is worked on; False, at once, where a worker has it."""
        async with self.stores.locks.lock(document_lock(document_id), wait=False) as held:
            yield held

    async def dead_upload(self, key: str) -> bool:
        """Return whether the process that wrote an object below `uploads/` is gone."""
        return await is_dead(self.stores.locks, instance_of(key))

    async def dead_rows(self) -> list[str]:
        """Return the ids of hidden rows whose upload nobody will finish."""
        rows = await self.stores.documents.unconfirmed()
        return [document.document_id for instance, document in rows if await is_dead(self.stores.locks, instance)]

    async def lost_jobs(self) -> list[str]:
        """Return the documents that wait for a job that the queue does not have."""
        rows = await self.stores.database.fetch(
            f"SELECT d.document_id::text FROM {SCHEMA}.documents d WHERE (d.state IN {_IN_WORK} OR {_GRAPH_IN_WORK}) "
            f"AND NOT EXISTS (SELECT FROM {SCHEMA}.pgqueuer q WHERE q.status IN ('queued', 'picked') "
            f"AND q.dedupe_key = {_JOB_KEY})"
        )
        return [row[0] for row in rows]

    async def wrong_chunk_counts(self) -> list[str]:
        """Return the documents that have another number of chunks than parsing found."""
        rows = await self.stores.database.fetch(
            f"SELECT d.document_id::text FROM {SCHEMA}.documents d WHERE {VISIBLE} AND chunk_total <> "
            f"(SELECT count(*) FROM {SCHEMA}.chunks c WHERE c.document_id = d.document_id)"
        )
        return [row[0] for row in rows]

    async def index_again(self, document: KeptDocument, *, parse: bool = False) -> None:
        """Queue a document, unless another job began since `document` was read; with `parse` it is read anew."""
        async with self.stores.database.acquire() as connection, connection.transaction():
            same = await connection.fetchval(
                f"SELECT true FROM {SCHEMA}.documents WHERE document_id = $1 AND generation = $2 AND {VISIBLE} "
                "FOR UPDATE",
                document.document_id,
                document.generation,
            )
            if same and parse:
                await connection.execute(
                    f"UPDATE {SCHEMA}.documents SET chunk_total = NULL WHERE document_id = $1", document.document_id
                )
            if same:
                await index_again(connection, self._queue, [document.document_id])
