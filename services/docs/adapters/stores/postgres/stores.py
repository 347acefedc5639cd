"""The stores of this package together, over one pool of connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.postgres.chunks import PostgresChunkStore
from services.docs.adapters.stores.postgres.deletion import PostgresDeletionStore
from services.docs.adapters.stores.postgres.documents import PostgresDocumentStore
from services.docs.adapters.stores.postgres.events import PostgresEventLog
from services.docs.adapters.stores.postgres.jobs import PostgresIndexingJobs
from services.docs.adapters.stores.postgres.locks import PostgresLocks
from services.docs.adapters.stores.postgres.requests import PostgresJobRequests
from services.docs.adapters.stores.postgres.rows import SCHEMA
from services.kit.database import Database, open_pool

_COMMAND_SECONDS = 30.0
_RESERVE_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class PostgresStores:
    """The stores of one database; `migrations/` say what its schema holds."""

    documents: PostgresDocumentStore
    requests: PostgresJobRequests
    jobs: PostgresIndexingJobs
    chunks: PostgresChunkStore
    events: PostgresEventLog
    deletions: PostgresDeletionStore
    locks: PostgresLocks
    database: Database

    @classmethod
    @asynccontextmanager
    async def open(
        cls, dsn: str, queue: PgQueuerJobQueue, *, connections: int = 8, deletion_delay_seconds: float = 30.0
    ) -> AsyncIterator[Self]:
        """Connect to the database at `dsn`, whose migrations were applied and which holds `queue` too."""
        async with (
            open_pool(
                dsn,
                application_name="tiku-docs",
                max_size=connections,
                schema=SCHEMA,
                command_timeout=_COMMAND_SECONDS,
            ) as pool,
            open_pool(
                dsn,
                application_name="tiku-docs",
                min_size=0,
                max_size=_RESERVE_CONNECTIONS,
                schema=SCHEMA,
                command_timeout=_COMMAND_SECONDS,
                reserve=True,
            ) as reserve,
            PostgresLocks.open(dsn) as locks,
        ):
            database = Database(pool, reserve)
            yield cls(
                documents=PostgresDocumentStore(database, queue, locks.instance),
                requests=PostgresJobRequests(database, queue),
                jobs=PostgresIndexingJobs(database),
                chunks=PostgresChunkStore(database),
                events=PostgresEventLog(database),
                deletions=PostgresDeletionStore(database, queue, delay_seconds=deletion_delay_seconds),
                locks=locks,
                database=database,
            )

    async def ping(self) -> None:
        """Raise while the database does not answer.

        Raises:
            Unavailable: the database does not answer.
        """
        await self.database.fetchval("SELECT 1")
