"""The tables of the services' schemas as streams of bytes, in PostgreSQL's own text format.

COPY needs no program of the server's version, works through any connection, and its text format is read by every later
version. One read-only transaction sees one instant, and nobody waits for it.
"""

from __future__ import annotations

import graphlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import asyncpg

from services.kit.migrations import UNFINISHED_RESTORE, migrate_in
from services.upkeep.contents import TableRows
from services.upkeep.errors import UpkeepError

_APPLICATION = "tiku-upkeep"
_CONNECT_SECONDS = 10.0
_SETTINGS = {
    "application_name": _APPLICATION,
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "search_path": "pg_catalog",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
"""How values are written, whatever the server's defaults are."""
_NOT_ROWS = "migrations"
_QUEUE = "pgqueuer"
"""Tables of the queue, which has entries even where nobody has stored anything."""
_RESTORE_SCHEMA = UNFINISHED_RESTORE.partition(".")[0]


MigrationFiles = Sequence[tuple[str, str]]
"""Name and text of each migration of a schema."""


class PostgresTables:
    """Every table of `schemas` over one connection."""

    def __init__(self, connection: asyncpg.Connection, schemas: Sequence[str]) -> None:
        self.connection = connection
        self._schemas = list(schemas)

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, schemas: Sequence[str]) -> AsyncIterator[Self]:
        """Connect for the block.

        Raises:
            UpkeepError: the server does not answer, or refuses.
        """
        try:
            connection = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS, server_settings=_SETTINGS)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise UpkeepError(f"PostgreSQL cannot be reached: {error or type(error).__name__}") from error
        try:
            yield cls(connection, schemas)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise UpkeepError(f"PostgreSQL refused: {' '.join(str(error).split())}") from error
        finally:
            # A transaction that was not committed ends with its connection.
            connection.terminate()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        """See one instant for the block."""
        async with self.connection.transaction(isolation="repeatable_read", readonly=True):
            yield

    async def migrations(self) -> dict[str, dict[str, str]]:
        """Return the applied migrations of each schema that exists, by name with their SHA-256."""
        found: dict[str, dict[str, str]] = {}
        for schema in self._schemas:
            if await self.connection.fetchval("SELECT to_regclass($1)::text", f"{schema}.{_NOT_ROWS}"):
                rows = await self.connection.fetch(f'SELECT name, sha256 FROM "{schema}".{_NOT_ROWS} ORDER BY name')
                found[schema] = {row["name"]: row["sha256"] for row in rows}
        return found

    async def tables(self) -> list[TableRows]:
        """Return every table but those of migrations, each after the tables that it refers to."""
        rows = await self.connection.fetch(
            """
            SELECT n.nspname, c.relname, array(
                SELECT attname::text FROM pg_attribute
                WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
            ) AS columns, array(
                SELECT confrelid FROM pg_constraint WHERE conrelid = c.oid AND contype = 'f' AND confrelid <> c.oid
            ) AS parents, c.oid
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> $2
            ORDER BY 1, 2
            """,
            self._schemas,
            _NOT_ROWS,
        )
        tables = {row["oid"]: TableRows(row["nspname"], row["relname"], row["columns"]) for row in rows}
        order = graphlib.TopologicalSorter({row["oid"]: row["parents"] for row in rows}).static_order()
        return [tables[oid] for oid in order if oid in tables]

    async def sequences(self) -> dict[str, int]:
        """Return the last value of each sequence that was used."""
        rows = await self.connection.fetch(
            "SELECT schemaname || '.' || sequencename AS name, last_value FROM pg_sequences "
            "WHERE schemaname = ANY($1) AND last_value IS NOT NULL ORDER BY 1",
            self._schemas,
        )
        return {row["name"]: row["last_value"] for row in rows}

    async def copy_out(self, table: TableRows, write: Callable[[bytes], Coroutine[Any, Any, None]]) -> int:
        """Give every row of a table to `write`, part by part, and return their number."""
        done = await self.connection.copy_from_table(
            table.name, schema_name=table.schema, columns=table.columns, output=write, format="text"
        )
        return int(done.rpartition(" ")[2])

    async def copy_in(self, table: TableRows, parts: AsyncIterator[bytes]) -> int:
        """Store rows that `copy_out` gave, and return their number.

        Raises:
            UpkeepError: the rows do not fit the table.
        """
        try:
            done = await self.connection.copy_to_table(
                table.name, schema_name=table.schema, columns=table.columns, source=parts, format="text"
            )
        except asyncpg.PostgresError as error:
            raise UpkeepError(f"the rows of {table.schema}.{table.name} do not fit: {error}") from error
        return int(done.rpartition(" ")[2])

    async def set_sequences(self, values: Mapping[str, int]) -> None:
        """Let sequences go on after these values; one that does not exist any more is left out."""
        for name, value in values.items():
            await self.connection.execute("SELECT setval(to_regclass($1), $2)", name, value)

    async def row_counts(self) -> dict[str, int]:
        """Return the number of rows of each table that has any, without those of the queue."""
        counts = {}
        for table in await self.tables():
            if not table.name.startswith(_QUEUE):
                count = await self.connection.fetchval(f'SELECT count(*) FROM "{table.schema}"."{table.name}"')
                if count:
                    counts[table.name] = count
        return counts

    async def users(self) -> list[str]:
        """Return the names under which services are connected to this database."""
        rows = await self.connection.fetch(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name LIKE 'tiku-%' AND application_name <> $1 ORDER BY 1",
            _APPLICATION,
        )
        return [row[0] for row in rows]

    async def recreate(self, migrations: Mapping[str, Mapping[str, str]], files: Mapping[str, MigrationFiles]) -> None:
        """Make every schema anew, without rows, as far as `migrations` goes."""
        for schema in self._schemas:
            await self.connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
            await migrate_in(self.connection, schema, files[schema], only=migrations.get(schema, {}))
        await self._reset_path()

    async def bring_up_to_date(self, files: Mapping[str, MigrationFiles]) -> None:
        """Apply the migrations that are left."""
        for schema in self._schemas:
            await migrate_in(self.connection, schema, files[schema])
        await self._reset_path()

    async def _reset_path(self) -> None:
        await self.connection.execute("SET LOCAL search_path TO pg_catalog")

    async def unfinished_restore(self) -> str | None:
        """Return the backup whose restore was cut off; None without one."""
        if not await self.connection.fetchval("SELECT to_regclass($1)::text", UNFINISHED_RESTORE):
            return None
        name: str = await self.connection.fetchval(f"SELECT file FROM {UNFINISHED_RESTORE}")
        return name

    async def begin_restore(self, file: str) -> None:
        """Mark the database as half restored, so that no service starts on it.

        Raises:
            UpkeepError: another restore runs.
        """
        if not await self.connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended('tiku restore', 0))"):
            raise UpkeepError("another restore of this stack runs")
        async with self.connection.transaction():
            # The lock of migrations: a service that is just starting has seen the mark, or is seen.
            await self.connection.execute("SELECT pg_advisory_xact_lock(hashtext('tiku migrations'))")
            await self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_RESTORE_SCHEMA}")
            await self.connection.execute(f"DROP TABLE IF EXISTS {UNFINISHED_RESTORE}")
            await self.connection.execute(
                f"CREATE TABLE {UNFINISHED_RESTORE} AS SELECT $1::text AS file, now() AS began", file
            )

    async def end_restore(self) -> None:
        """Take the mark away."""
        await self.connection.execute(f"DROP SCHEMA {_RESTORE_SCHEMA} CASCADE")
