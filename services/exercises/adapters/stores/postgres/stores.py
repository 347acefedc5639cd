"""The stores of this package together, over one pool of connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self

from services.exercises.adapters.stores.postgres.exercises import PostgresExerciseStore
from services.exercises.adapters.stores.postgres.profiles import PostgresProfileStore
from services.exercises.adapters.stores.postgres.runs import PostgresRunStore
from services.exercises.adapters.stores.postgres.schema import SCHEMA
from services.exercises.adapters.stores.postgres.submissions import PostgresSubmissionStore
from services.kit.database import Database, open_pool

_RESERVE_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class PostgresStores:
    """The stores of one database; `migrations/` say what its schema holds."""

    exercises: PostgresExerciseStore
    runs: PostgresRunStore
    submissions: PostgresSubmissionStore
    profiles: PostgresProfileStore
    database: Database

    @classmethod
    @asynccontextmanager
    async def open(
        cls, dsn: str, *, connections: int = 8, statement_timeout_seconds: float = 10.0
    ) -> AsyncIterator[Self]:
        """Connect to the database at `dsn`, whose migrations were applied."""
        # No statement here sets anything that outlives its transaction, so connections need no reset.
        opened = partial(
            open_pool,
            dsn,
            application_name="tiku-exercises",
            schema=SCHEMA,
            command_timeout=statement_timeout_seconds,
            reset=False,
        )
        async with opened(max_size=connections) as pool, opened(max_size=_RESERVE_CONNECTIONS, reserve=True) as reserve:
            database = Database(pool, reserve)
            yield cls(
                exercises=PostgresExerciseStore(database),
                runs=PostgresRunStore(database),
                submissions=PostgresSubmissionStore(database),
                profiles=PostgresProfileStore(database),
                database=database,
            )

    async def ping(self) -> None:
        """Raise `Unavailable` while the database does not answer."""
        await self.database.fetchval("SELECT 1")
