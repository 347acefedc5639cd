"""The stores of this package together, over one pool of connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self

from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.postgres.deletion import PostgresDeletionStore
from services.docs.adapters.stores.postgres.documents import PostgresDocumentStore
from services.docs.adapters.stores.postgres.jobs import PostgresGraphJobs, PostgresIndexingJobs
from services.docs.adapters.stores.postgres.locks import PostgresLocks
from services.docs.adapters.stores.postgres.schema import SCHEMA
from services.kit.database import Database, open_pool

_COMMAND_SECONDS = 30.0
_RESERVE_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class PostgresStores:
    """The stores of one database; `migrations/` say what its schema holds."""

    documents: PostgresDocumentStore
    jobs: PostgresIndexingJobs
    graph_jobs: PostgresGraphJobs
    deletions: PostgresDeletionStore
    locks: PostgresLocks
    database: Database

    @classmethod
    @asynccontextmanager
    async def open(
        cls, dsn: str, queue: PgQueuerJobQueue, *, connections: int = 8, deletion_delay_seconds: float = 30.0
    ) -> AsyncIterator[Self]:
        """Connect to the database at `dsn`, whose migrations were applied and which holds `queue` too."""
        opened = partial(open_pool, dsn, application_name="tiku-docs", schema=SCHEMA, command_timeout=_COMMAND_SECONDS)
        async with (
            opened(max_size=connections) as pool,
            opened(min_size=0, max_size=_RESERVE_CONNECTIONS, reserve=True) as reserve,
            PostgresLocks.open(dsn) as locks,
        ):
            database = Database(pool, reserve)
            yield cls(
                documents=PostgresDocumentStore(database, queue, locks.instance),
                jobs=PostgresIndexingJobs(database, queue),
                graph_jobs=PostgresGraphJobs(database),
                deletions=PostgresDeletionStore(database, queue, deletion_delay_seconds),
                locks=locks,
                database=database,
            )

    async def ping(self) -> None:
        """Raise `Unavailable` while the database does not answer."""
        await self.database.fetchval("SELECT 1")
