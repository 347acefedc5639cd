"""Session-scoped fixtures of real engines: one PostgreSQL and one Qdrant for a whole test run.

A variable exchanges an engine for a server that runs elsewhere: ``TIKU_TEST_POSTGRES_DSN``, ``TIKU_TEST_QDRANT_URL``.
Loaded as a plugin by ``tests/conftest.py``. The fixtures give addresses, so tests connect on loops of their own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from services.embedded.network import free_port
from services.embedded.postgres import postgres
from services.embedded.process import ProcessSpec, SupervisedProcess
from services.embedded.qdrant import qdrant


@pytest.fixture(scope="session")
def engines_folder() -> Iterator[Path]:
    """A short-named folder for the engines' data, removed at the end (unix socket paths are limited)."""
    folder = Path(tempfile.mkdtemp(prefix="tiku-engines-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def engine(spec: ProcessSpec) -> AsyncIterator[SupervisedProcess]:
    """Runs one engine for a block."""
    process = SupervisedProcess(spec)
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_dsn(engines_folder: Path) -> AsyncIterator[str]:
    """The DSN of a PostgreSQL server. It is shared: use schemas of your own, or ``postgres_database``."""
    if given := os.environ.get("TIKU_TEST_POSTGRES_DSN"):
        yield given
        return
    server = await asyncio.to_thread(
        postgres, engines_folder / "postgres", engines_folder / "run", engines_folder / "postgres.log"
    )
    async with engine(server.spec):
        yield server.dsn


@pytest_asyncio.fixture
async def postgres_database(postgres_dsn: str) -> AsyncIterator[str]:
    """The DSN of an empty database that only this test sees."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgres_dsn)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
        parts = urlsplit(postgres_dsn)
        # urlunsplit drops the empty host of a socket DSN, so the path is exchanged in the text.
        fresh = (
            urlunsplit(parts._replace(path=f"/{quote(name)}"))
            if parts.hostname
            else postgres_dsn.replace(f"@{parts.path}", f"@/{quote(name)}", 1)
        )
        yield fresh
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def qdrant_url(engines_folder: Path) -> AsyncIterator[str]:
    """The URL of a Qdrant server's gRPC port. It is shared: use collection names of your own."""
    if given := os.environ.get("TIKU_TEST_QDRANT_URL"):
        yield given
        return
    server = qdrant(engines_folder / "qdrant", free_port(), engines_folder / "qdrant.log")
    async with engine(server.spec):
        yield server.url
