"""A pool of asyncpg connections whose losses become Tiku's own error.

The driver's words never reach a client. A database that cannot be reached, shuts down or takes too long raises
`Unavailable` with the reason DATABASE_UNAVAILABLE; one whose disk is full, or that takes no writes for that reason,
raises `ResourceExhausted` with the reason DISK_FULL; one whose files are damaged raises `DataLoss`. Whatever else
asyncpg raises is a fault of the caller's SQL.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from services.kit import tracing
from services.kit.errors import DataLoss, Unavailable, disk_full

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""A connection to the database, one's own or a pool's."""

logger = logging.getLogger(__name__)

_LOST = (
    OSError,  # TimeoutError among them: the pool's command_timeout.
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)


_FULL = (
    asyncpg.DiskFullError,
    # `tiku up`, and providers of hosted databases, let a database take no writes while its disk is nearly full.
    asyncpg.ReadOnlySQLTransactionError,
)
_DAMAGED = (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError)


@contextlib.asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    application_name: str,
    max_size: int,
    min_size: int = 1,
    schema: str = "",
    command_timeout: float | None = None,
    reset: bool = True,
    reserve: bool = False,
) -> AsyncIterator[Pool]:
    """Open a pool of connections to the database at `dsn`; the end of the block closes it.

    Statements find the tables of `schema` without its name, and `application_name` is what the server shows of a
    connection. `command_timeout` is in seconds, None for no limit.

    A connection that goes back into the pool loses its session's locks, listeners and settings. `reset=False` leaves
    that out, which saves one round trip a use, for a pool whose statements leave nothing that outlives a transaction;
    asyncpg rolls back an open one either way.

    With `reserve` the pool's statements may write while the disk is nearly full and the database takes no other writes:
    for what makes room, and for the small notes without which work under way could not end.
    """
    server_settings = {"application_name": application_name}
    if reserve:
        server_settings = {"application_name": f"{application_name}-reserve", "default_transaction_read_only": "off"}
    if schema:
        server_settings["search_path"] = schema
    async with asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        command_timeout=command_timeout,
        server_settings=server_settings,
        reset=None if reset else _no_reset,
    ) as pool:
        yield pool


async def _no_reset(_: object) -> None:
    """Leave a connection as it is."""


@contextlib.contextmanager
def losses_translated() -> Iterator[None]:
    """Turn what the database cannot help into Tiku's errors for the statements of the block.

    Raises:
        Unavailable: the database does not answer.
        ResourceExhausted: its disk is full or nearly so; reason DISK_FULL.
        DataLoss: what it stored is damaged; reason DATABASE_DAMAGED.
    """
    try:
        yield
    except _LOST as error:
        raise Unavailable("The database does not answer.", reason="DATABASE_UNAVAILABLE", retry_after=1.0) from error
    except _FULL as error:
        raise disk_full() from error
    except _DAMAGED as error:
        logger.error("the database is damaged", exc_info=error)
        raise DataLoss("The database can no longer read what it stored.", reason="DATABASE_DAMAGED") from error


def _span(statement: str) -> tracing.Span:
    """Begin the span of a statement, or of several."""
    if not tracing.on():
        return tracing.span("")
    operation = statement.split(None, 1)[0].upper() if statement else "SESSION"
    attributes = {"db.system.name": "postgresql", "db.operation.name": operation}
    return tracing.span(
        f"postgresql {operation}", "CLIENT", {**attributes, **({"db.query.text": statement} if statement else {})}
    )


class Database:
    """The statements of a store, over a pool; each raises what `losses_translated` does.

    Args:
        pool: where the connections come from.
        reserve: a pool that was opened with `reserve`; without one the first takes its place.
    """

    def __init__(self, pool: Pool, reserve: Pool | None = None) -> None:
        self._pool = pool
        self.reserve: Database = self if reserve is None else Database(reserve)
        """The same database for statements that may write while the disk is nearly full; see `open_pool`."""

    @contextlib.asynccontextmanager
    async def acquire(self, statement: str = "") -> AsyncIterator[Connection]:
        """Take a connection for several statements or a transaction.

        The block holds SQL and nothing else: every OSError in it becomes `Unavailable`. Its span shows `statement`.
        """
        with _span(statement), losses_translated():
            async with self._pool.acquire() as connection:
                yield connection

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Return every row."""
        async with self.acquire(query) as connection:
            return await connection.fetch(query, *values)

    async def fetchrow(self, query: str, *values: object) -> asyncpg.Record | None:
        """Return the first row, or None."""
        async with self.acquire(query) as connection:
            return await connection.fetchrow(query, *values)

    async def fetchval(self, query: str, *values: object) -> Any:
        """Return the first column of the first row, or None."""
        async with self.acquire(query) as connection:
            return await connection.fetchval(query, *values)

    async def execute(self, query: str, *values: object) -> str:
        """Return the command's tag, such as `DELETE 1`."""
        async with self.acquire(query) as connection:
            return await connection.execute(query, *values)
