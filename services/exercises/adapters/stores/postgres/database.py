"""The connections that the stores share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.kit.database import Database, open_pool

SCHEMA = "exercises"
MIGRATIONS = Path(__file__).parent / "migrations"


@asynccontextmanager
async def open_database(dsn: str, *, connections: int, statement_seconds: float) -> AsyncIterator[Database]:
    """Open at most `connections` to a database; a statement that takes longer than `statement_seconds` is an error."""
    async with open_pool(
        dsn,
        application_name="tiku-exercises",
        max_size=connections,
        schema=SCHEMA,
        command_timeout=statement_seconds,
        reset=False,  # No statement here sets anything that outlives its transaction.
    ) as pool:
        yield Database(pool)


async def ping(database: Database) -> None:
    """Ask the database for a sign of life."""
    await database.fetchval("SELECT 1")
