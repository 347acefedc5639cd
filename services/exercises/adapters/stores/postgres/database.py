"""The connections that the stores share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from services.kit.database import Database, open_pool

SCHEMA = "exercises"
MIGRATIONS = Path(__file__).parent / "migrations"
_RESERVE_CONNECTIONS = 2


@asynccontextmanager
async def open_database(dsn: str, *, connections: int, statement_seconds: float) -> AsyncIterator[Database]:
    """Open at most `connections` to a database; a statement that takes longer than `statement_seconds` is an error."""
    # No statement here sets anything that outlives its transaction, so connections need no reset.
    opened = partial(
        open_pool,
        dsn,
        application_name="tiku-exercises",
        schema=SCHEMA,
        command_timeout=statement_seconds,
        reset=False,
    )
    async with opened(max_size=connections) as pool, opened(max_size=_RESERVE_CONNECTIONS, reserve=True) as reserve:
        yield Database(pool, reserve)


async def ping(database: Database) -> None:
    """Ask the database for a sign of life.

    Raises:
        Unavailable: it gives none.
    """
    await database.fetchval("SELECT 1")
