"""Session-scoped fixtures of real engines: one PostgreSQL and one Qdrant for each process that runs tests.

A variable exchanges an engine for a server that runs elsewhere: `TIKU_TEST_POSTGRES_DSN`, `TIKU_TEST_QDRANT_URL`.
Loaded as a plugin by `tests/conftest.py`. The fixtures give addresses, so tests connect on loops of their own.

Every test on a real engine has the mark `engine`, and `make test-fast` leaves those out. A test that names an engine's
fixture gets the mark at collection; an adapter's parameter gets it from `on_engine`.
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
from _pytest.mark import ParameterSet

from services.embedded.network import free_port
from services.embedded.postgres import postgres
from services.embedded.process import ProcessSpec, SupervisedProcess
from services.embedded.qdrant import qdrant

_ENGINES = {"postgres_dsn", "postgres_database", "qdrant_url"}


def on_engine(adapter: str) -> ParameterSet:
    """Return a parameter for an adapter that needs a real engine."""
    return pytest.param(adapter, marks=pytest.mark.engine)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that name an engine's fixture."""
    for item in items:
        if _ENGINES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("engine")


def _refuse_unmarked(config: pytest.Config) -> None:
    """Fail a test that asks for an engine in a run without engines."""
    if "not engine" in config.getoption("markexpr"):
        pytest.fail("this test starts an engine and has no mark: use on_engine() for its parameter", pytrace=False)


@pytest.fixture(scope="session")
def engines_folder() -> Iterator[Path]:
    """A short-named folder for the engines' data, removed at the end (unix socket paths are limited)."""
    folder = Path(tempfile.mkdtemp(prefix="tiku-engines-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def engine(spec: ProcessSpec) -> AsyncIterator[SupervisedProcess]:
    """Run one engine for a block."""
    process = SupervisedProcess(spec)
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_dsn(engines_folder: Path, pytestconfig: pytest.Config) -> AsyncIterator[str]:
    """The DSN of a PostgreSQL server. It is shared: use schemas of your own, or `postgres_database`."""
    _refuse_unmarked(pytestconfig)
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
async def qdrant_url(engines_folder: Path, pytestconfig: pytest.Config) -> AsyncIterator[str]:
    """The URL of a Qdrant server's gRPC port. It is shared: use collection names of your own."""
    _refuse_unmarked(pytestconfig)
    if given := os.environ.get("TIKU_TEST_QDRANT_URL"):
        yield given
        return
    server = qdrant(engines_folder / "qdrant", free_port(), engines_folder / "qdrant.log")
    async with engine(server.spec):
        yield server.url
