"""A lost, full or damaged database has an error of its own; a fault of the SQL stays what it is."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from services.kit.database import Database
from services.kit.errors import DataLoss, ResourceExhausted, Unavailable


class _Pool:
    """A pool whose statements raise."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        yield self

    async def _raise(self, query: str, *values: object) -> Any:
        raise self._error

    fetch = fetchrow = fetchval = execute = _raise


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("secret"),
        TimeoutError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.AdminShutdownError("terminating"),
        asyncpg.TooManyConnectionsError("sorry"),
        asyncpg.ConnectionDoesNotExistError("gone"),
    ],
)
@pytest.mark.parametrize("method", ["fetch", "fetchrow", "fetchval", "execute"])
async def test_a_lost_database_is_unavailable(error: Exception, method: str) -> None:
    database: Any = Database(_Pool(error))  # type: ignore[arg-type]
    with pytest.raises(Unavailable) as caught:
        await getattr(database, method)("SELECT 1")
    assert (caught.value.reason, "secret" in caught.value.message) == ("DATABASE_UNAVAILABLE", False)
    assert caught.value.retry_after == 1.0


@pytest.mark.parametrize(
    "error", [asyncpg.DiskFullError("no space: secret"), asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT")]
)
async def test_a_database_without_room_says_what_to_do(error: Exception) -> None:
    with pytest.raises(ResourceExhausted, match="Make room") as caught:
        await Database(_Pool(error)).execute("INSERT")  # type: ignore[arg-type]
    assert (caught.value.reason, "secret" in caught.value.message) == ("DISK_FULL", False)


@pytest.mark.parametrize(
    "error", [asyncpg.DataCorruptedError("invalid page: secret"), asyncpg.IndexCorruptedError("secret")]
)
async def test_a_damaged_database_is_a_loss_of_data(error: Exception) -> None:
    with pytest.raises(DataLoss) as caught:
        await Database(_Pool(error)).fetch("SELECT 1")  # type: ignore[arg-type]
    assert (caught.value.reason, "secret" in caught.value.message) == ("DATABASE_DAMAGED", False)


async def test_without_a_pool_for_it_the_reserve_is_the_database_itself() -> None:
    database = Database(_Pool(ValueError()))  # type: ignore[arg-type]
    assert database.reserve is database


async def test_a_fault_of_the_sql_is_not_hidden() -> None:
    database = Database(_Pool(asyncpg.UndefinedTableError("no such table")))  # type: ignore[arg-type]
    with pytest.raises(asyncpg.UndefinedTableError):
        await database.fetch("SELECT 1")
