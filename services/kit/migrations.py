"""SQL migrations: numbered files, each applied once, in order, in a transaction of its own."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from pathlib import Path
from typing import Final

import asyncpg

PATIENCE: Final = 60.0
"""Seconds that a service which starts waits for its database."""

_NAME = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")
_NOT_THERE_YET = (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError)
_TRY_AGAIN_SECONDS = 0.5
_CONNECT_SECONDS = 10.0

logger = logging.getLogger(__name__)


async def migrate(dsn: str, schema: str, folder: Path, *, patience: float = 0.0) -> list[str]:
    """Brings `schema` of the database at `dsn` up to the files in `folder`; returns the names applied now.

    Two processes that migrate at once wait for each other. A file that was applied and has changed since is an error:
    what ran elsewhere can no longer be told from it. A server that does not answer yet is waited for, `patience`
    seconds: service and database may be started at the same moment.
    """
    files = await asyncio.to_thread(_read, folder)
    connection = await _connected(dsn, patience)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('tiku migrations'))")
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            await connection.execute(
                f'CREATE TABLE IF NOT EXISTS "{schema}".migrations '
                "(name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            rows = await connection.fetch(f'SELECT name, sha256 FROM "{schema}".migrations')
            known = {row["name"]: row["sha256"] for row in rows}
            applied = []
            for name, text in files:
                digest = hashlib.sha256(text.encode()).hexdigest()
                if name not in known:
                    await connection.execute(f'SET LOCAL search_path TO "{schema}", public')
                    await connection.execute(text)
                    await connection.execute(
                        f'INSERT INTO "{schema}".migrations (name, sha256) VALUES ($1, $2)', name, digest
                    )
                    applied.append(name)
                elif known[name] != digest:
                    raise RuntimeError(f"migration {schema}/{name} was applied and has changed since: add a new file")
            return applied
    finally:
        await connection.close()


async def _connected(dsn: str, patience: float) -> asyncpg.Connection:
    loop = asyncio.get_running_loop()
    latest, told = loop.time() + patience, False
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
        except _NOT_THERE_YET as error:
            if loop.time() >= latest:
                raise
            if not told:
                logger.warning("waiting for the database", extra={"cause": f"{type(error).__name__}: {error}"})
                told = True
        await asyncio.sleep(_TRY_AGAIN_SECONDS)


def _read(folder: Path) -> list[tuple[str, str]]:
    files = sorted(folder.glob("*.sql"))
    if odd := [path.name for path in files if not _NAME.match(path.name)]:
        raise RuntimeError(f"migrations are named NNNN_name.sql, not {odd[0]}")
    return [(path.name, path.read_text(encoding="utf-8")) for path in files]
