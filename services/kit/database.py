"""A pool of asyncpg connections whose losses are Tiku's own error.

A driver's words never reach a client: a database that cannot be reached, shuts down or takes too long is
`Unavailable` with the reason DATABASE_UNAVAILABLE; whatever else asyncpg raises is a fault of the caller's SQL.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import asyncpg

from services.kit.errors import Unavailable

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

_LOST = (
    OSError,  # TimeoutError among them: the pool's command_timeout.
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)


@contextlib.contextmanager
def losses_translated() -> Iterator[None]:
    """Turns a lost database into `Unavailable` for the statements of the block."""
    try:
        yield
    except _LOST as error:
        raise Unavailable("The database does not answer.", reason="DATABASE_UNAVAILABLE", retry_after=1.0) from error


class Database:
    """What a store asks of its pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection for several statements, or a transaction; the block holds SQL and nothing else."""
        with losses_translated():
            async with self._pool.acquire() as connection:
                yield connection

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Every row."""
        async with self.acquire() as connection:
            return await connection.fetch(query, *values)

    async def fetchrow(self, query: str, *values: object) -> asyncpg.Record | None:
        """The first row, or None."""
        async with self.acquire() as connection:
            return await connection.fetchrow(query, *values)

    async def fetchval(self, query: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        async with self.acquire() as connection:
            return await connection.fetchval(query, *values)

    async def execute(self, query: str, *values: object) -> str:
        """The command's tag, such as `DELETE 1`."""
        async with self.acquire() as connection:
            return await connection.execute(query, *values)
