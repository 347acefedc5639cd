"""A pool of connections to a real PostgreSQL."""

from __future__ import annotations

import pytest

from services.kit.database import Database, open_pool
from services.kit.errors import Unavailable


@pytest.mark.parametrize(("reset", "timeout"), [(True, "0"), (False, "7s")])
async def test_a_connection_is_reset_unless_told_not_to(postgres_database: str, reset: bool, timeout: str) -> None:
    async with open_pool(postgres_database, application_name="tiku-tests", max_size=1, reset=reset) as pool:
        database = Database(pool)
        assert await database.fetchval("SHOW application_name") == "tiku-tests"
        await database.execute("SET statement_timeout = '7s'")
        assert await database.fetchval("SHOW statement_timeout") == timeout


async def test_a_pool_finds_the_tables_of_its_schema(postgres_database: str) -> None:
    async with open_pool(postgres_database, application_name="tiku-tests", max_size=1, schema="a") as pool:
        database = Database(pool)
        await database.execute("CREATE SCHEMA a")
        await database.execute("CREATE TABLE things (name text)")
        assert await database.fetchval("SELECT count(*) FROM a.things") == 0


async def test_a_statement_that_takes_too_long_is_a_lost_database(postgres_database: str) -> None:
    async with open_pool(postgres_database, application_name="tiku-tests", max_size=1, command_timeout=0.1) as pool:
        with pytest.raises(Unavailable):
            await Database(pool).execute("SELECT pg_sleep(5)")
