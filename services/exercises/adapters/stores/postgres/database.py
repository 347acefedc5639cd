"""The pool of connections that the stores share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from services.kit.database import Database

SCHEMA = "exercises"
MIGRATIONS = Path(__file__).parents[1] / "migrations"


@asynccontextmanager
async def open_database(dsn: str, *, connections: int, statement_seconds: float) -> AsyncIterator[Database]:
    """Open at most `connections` to a database; a statement that takes longer than `statement_seconds` is an error."""
    pool = await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=connections,
        reset=_keep_connection,
        command_timeout=statement_seconds,
        server_settings={"search_path": SCHEMA, "application_name": "tiku-exercises"},
    )
    try:
        yield Database(pool)
    finally:
        await pool.close()


async def _keep_connection(_: object) -> None:
    """Leave a connection as it is when it goes back into the pool.

    No statement here sets anything that outlives its transaction, and asyncpg rolls back an open one itself. Its own
    reset is one more round trip each time.
    """


async def ping(database: Database) -> None:
    """Ask the database for a sign of life.

    Raises:
        Unavailable: it gives none.
    """
    await database.fetchval("SELECT 1")
