"""Which schemas a database has to have."""

from __future__ import annotations

import asyncpg
import pytest

from services.kit.migrations import migrate
from services.registry import SERVICES
from services.upkeep.adapters.stores.postgres import PostgresTables
from services.upkeep.backup import _check
from services.upkeep.errors import UpkeepError
from services.upkeep.servers import SCHEMAS


async def test_a_database_of_before_the_llm_service_had_one_is_backed_up(postgres_database: str) -> None:
    for name in ("docs", "exercises"):
        await migrate(postgres_database, SERVICES[name].schema, SERVICES[name].migrations)
    async with PostgresTables.open(postgres_database, list(SCHEMAS)) as tables:
        await _check(tables)
    connection = await asyncpg.connect(postgres_database)
    try:
        await connection.execute("DROP SCHEMA exercises CASCADE")
    finally:
        await connection.close()
    async with PostgresTables.open(postgres_database, list(SCHEMAS)) as tables:
        with pytest.raises(UpkeepError, match="no schema exercises"):
            await _check(tables)
