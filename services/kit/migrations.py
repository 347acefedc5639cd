"""SQL migrations: numbered files, each applied once, in order, in a transaction of its own."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from services.kit.start import StartError

MAX_WAIT_SECONDS: Final = 60.0
"""Longest that a service waits for its database when it starts."""

UNFINISHED_RESTORE: Final = "tiku_restore.unfinished"
"""The table that exists from the beginning of a restore to its end; its one row names the backup."""

_NAME = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")
_NOT_THERE_YET = (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError)
_TRY_AGAIN_SECONDS = 0.5
_CONNECT_SECONDS = 10.0

logger = logging.getLogger(__name__)


class MigrationError(StartError):
    """The database cannot be brought up to date; the message says why, in one line without a password."""


class UnfinishedRestoreError(MigrationError):
    """The database holds what a restore that was cut off has left."""


async def migrate(dsn: str, schema: str, folder: Path, *, max_wait: float = 0.0) -> list[str]:
    """Bring `schema` of the database at `dsn` up to the files in `folder`; return the names of those applied now.

    Two processes that migrate at the same time wait for each other. Service and database may be started at the same
    moment, so a server that does not answer yet gets `max_wait` seconds.

    Raises:
        UnfinishedRestoreError: a restore was cut off, so what is there is a part of a backup.
        MigrationError: the address is wrong, the server refuses or cannot read its data, the database comes from a
            newer version, or a file is misnamed or has changed since it was applied.
        OSError: the server does not answer.
    """
    files = await asyncio.to_thread(read_migrations, folder)
    try:
        return await _migrate(dsn, schema, files, max_wait)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        message = " ".join(str(error).split())
        raise MigrationError(
            f"{_place(dsn)} cannot be used: {message}; see to it, or change TIKU_POSTGRES_DSN"
        ) from error


async def _migrate(dsn: str, schema: str, files: list[tuple[str, str]], max_wait: float) -> list[str]:
    connection = await _connect(dsn, max_wait)
    try:
        async with connection.transaction():
            # A service must start on a disk that is nearly full, too: it reads.
            await connection.execute("SET TRANSACTION READ WRITE")
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('tiku migrations'))")
            if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", UNFINISHED_RESTORE):
                raise UnfinishedRestoreError(
                    f"a restore of {await connection.fetchval(f'SELECT file FROM {UNFINISHED_RESTORE}')} was cut off: "
                    "run `tiku restore` again, it begins anew"
                )
            return await migrate_in(connection, schema, files, place=_place(dsn))
    finally:
        await connection.close()


async def migrate_in(
    connection: asyncpg.Connection,
    schema: str,
    files: Sequence[tuple[str, str]],
    *,
    place: str = "the database",
    only: Collection[str] | None = None,
) -> list[str]:
    """Apply migrations, by name and text, within the transaction of `connection`; those named in `only` if it is given.

    Raises:
        MigrationError: the database, which the message calls `place`, comes from a newer version, or a file has
            changed since it was applied.
    """
    await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    await connection.execute(
        f'CREATE TABLE IF NOT EXISTS "{schema}".migrations '
        "(name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await connection.fetch(f'SELECT name, sha256 FROM "{schema}".migrations')
    known = {row["name"]: row["sha256"] for row in rows}
    if newer := sorted(known.keys() - {name for name, _ in files}):
        raise MigrationError(
            f"{place} comes from a newer version of Tiku: this one does not know the migration "
            f"{schema}/{newer[-1]}; start that version, or use another database"
        )
    applied = []
    for name, text in files:
        digest = migration_digest(text)
        if name not in known:
            if only is not None and name not in only:
                continue
            await connection.execute(f'SET LOCAL search_path TO "{schema}", public')
            await connection.execute(text)
            await connection.execute(f'INSERT INTO "{schema}".migrations (name, sha256) VALUES ($1, $2)', name, digest)
            applied.append(name)
        elif known[name] != digest:
            raise MigrationError(f"migration {schema}/{name} was applied and has changed since: add a new file")
    return applied


def migration_digest(text: str) -> str:
    """Return the SHA-256 under which a migration is recorded."""
    return hashlib.sha256(text.encode()).hexdigest()


async def _connect(dsn: str, max_wait: float) -> asyncpg.Connection:
    loop = asyncio.get_running_loop()
    deadline, warned = loop.time() + max_wait, False
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
        except _NOT_THERE_YET as error:
            if loop.time() >= deadline:
                cause = str(error) or type(error).__name__
                raise ConnectionError(f"{_place(dsn)} does not answer: {cause}") from error
            if not warned:
                logger.warning("waiting for the database", extra={"error": f"{type(error).__name__}: {error}"})
                warned = True
        await asyncio.sleep(_TRY_AGAIN_SECONDS)


def _place(dsn: str) -> str:
    """Return where a database is, in words and without a password."""
    try:
        parts = urlsplit(dsn)
        host = parts.hostname or parse_qs(parts.query).get("host", ["localhost"])[0]
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the database of TIKU_POSTGRES_DSN"
    return f"the database {parts.path.lstrip('/') or 'postgres'} at {host}{port}"


def read_migrations(folder: Path) -> list[tuple[str, str]]:
    """Return name and text of each migration in `folder`, in order.

    Raises:
        MigrationError: a file is misnamed.
    """
    files = sorted(folder.glob("*.sql"))
    if misnamed := [path.name for path in files if not _NAME.match(path.name)]:
        raise MigrationError(f"migrations are named NNNN_name.sql, not {misnamed[0]}")
    return [(path.name, path.read_text(encoding="utf-8")) for path in files]
