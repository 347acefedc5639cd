"""Session-scoped fixtures of real engines: one PostgreSQL and one Qdrant for each process that runs tests.

A variable exchanges an engine for a server that runs elsewhere: `TIKU_TEST_POSTGRES_DSN`, `TIKU_TEST_QDRANT_URL`,
`TIKU_TEST_NEO4J_URL`. Neo4j is none of Tiku's engines; without a server, tests take the one of `tests/shared.py`.
Loaded as a plugin by `tests/conftest.py`. The fixtures give addresses, so tests connect on loops of their own.

Every test on a real engine has the mark `engine`, and `make test-fast` leaves those out. A test that names an engine's
fixture gets the mark at collection; an adapter's parameter gets it from `on_engine`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio
from _pytest.mark import ParameterSet

from services.embedded.arcadedb import arcadedb
from services.embedded.network import bolt_probe, free_port, free_ports
from services.embedded.postgres import postgres
from services.embedded.process import ProcessSpec, SupervisedProcess
from services.embedded.qdrant import qdrant
from services.kit.migrations import migrate
from services.registry import SERVICES, Service
from tests.shared import NEO4J

_ENGINES = {"postgres_dsn", "qdrant_url", "arcadedb_server", "neo4j_server"}


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
        await _wait_for_no_disk(server.dsn)
        yield server.dsn


async def _wait_for_no_disk(dsn: str) -> None:
    """Have a server write behind its clients' backs: what tests store in it need not survive the machine.

    Otherwise each database that a test drops waits until all that was written is on the disk.
    """
    connection = await asyncpg.connect(dsn)
    try:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


@asynccontextmanager
async def _database(server: str, template: str = "template1") -> AsyncIterator[str]:
    """Make a database for a block; give its name.

    To copy the template's files takes a fifth of the time that it takes to log each of their pages, which is the
    server's default.
    """
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        yield name
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()


def _dsn_of(server: str, name: str) -> str:
    """Return the DSN of another database on a server."""
    parts = urlsplit(server)
    # urlunsplit drops the empty host of a socket DSN, so the path is exchanged in the text.
    return (
        urlunsplit(parts._replace(path=f"/{quote(name)}"))
        if parts.hostname
        else server.replace(f"@{parts.path}", f"@/{quote(name)}", 1)
    )


@pytest_asyncio.fixture
async def postgres_database(postgres_dsn: str) -> AsyncIterator[str]:
    """The DSN of an empty database that only this test sees."""
    async with _database(postgres_dsn) as name:
        yield _dsn_of(postgres_dsn, name)


def _template(service: Service) -> Any:
    """Make the fixture of a database with a service's tables; it is migrated once for all tests."""

    @pytest_asyncio.fixture(scope="session", loop_scope="session")
    async def template(postgres_dsn: str) -> AsyncIterator[str]:
        async with _database(postgres_dsn) as name:
            await migrate(_dsn_of(postgres_dsn, name), service.schema, service.migrations)
            yield name

    return template


docs_template = _template(SERVICES["docs"])
exercises_template = _template(SERVICES["exercises"])
llm_template = _template(SERVICES["llm"])


@pytest_asyncio.fixture
async def docs_database(postgres_dsn: str, docs_template: str) -> AsyncIterator[str]:
    """The DSN of a database that only this test sees, with the empty tables of docs."""
    async with _database(postgres_dsn, docs_template) as name:
        yield _dsn_of(postgres_dsn, name)


@pytest_asyncio.fixture
async def exercises_database(postgres_dsn: str, exercises_template: str) -> AsyncIterator[str]:
    """The DSN of a database that only this test sees, with the empty tables of exercises."""
    async with _database(postgres_dsn, exercises_template) as name:
        yield _dsn_of(postgres_dsn, name)


@pytest_asyncio.fixture
async def llm_database(postgres_dsn: str, llm_template: str) -> AsyncIterator[str]:
    """The DSN of a database that only this test sees, with the empty tables of llm."""
    async with _database(postgres_dsn, llm_template) as name:
        yield _dsn_of(postgres_dsn, name)


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


@dataclass(frozen=True, slots=True)
class BoltServer:
    """A graph engine that tests share, and how to enter it; use owners of your own."""

    url: str
    user: str = ""
    password: str = ""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def arcadedb_server(engines_folder: Path, pytestconfig: pytest.Config) -> AsyncIterator[BoltServer]:
    """The embedded ArcadeDB."""
    _refuse_unmarked(pytestconfig)
    port, http_port = free_ports(2)
    server = await asyncio.to_thread(
        arcadedb, engines_folder / "arcadedb", port, http_port, engines_folder / "arcadedb.log"
    )
    async with engine(server.spec):
        yield BoltServer(server.url, server.user, server.password)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def neo4j_server(engines_folder: Path, pytestconfig: pytest.Config) -> AsyncIterator[BoltServer]:
    """A Neo4j server: that of `TIKU_TEST_NEO4J_URL`, without a password, or one that is at hand."""
    _refuse_unmarked(pytestconfig)
    if given := os.environ.get("TIKU_TEST_NEO4J_URL"):
        yield BoltServer(given)
        return
    if not await asyncio.to_thread(lambda: NEO4J.exists() and shutil.which("java")):
        pytest.skip(f"no Neo4j: set TIKU_TEST_NEO4J_URL, or NEO4J to a start script (not {NEO4J}), with Java in PATH")
    port = free_port()
    spec = ProcessSpec(
        name="neo4j",
        command=[str(NEO4J), str(engines_folder / "neo4j"), str(port)],
        log_file=engines_folder / "neo4j.log",
        probe=bolt_probe("127.0.0.1", port),
        environment={"NEO4J_HEAP": "512m"},
        stop_signal=signal.SIGKILL,
    )
    async with engine(spec):
        yield BoltServer(f"bolt://127.0.0.1:{port}")
