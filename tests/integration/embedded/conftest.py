"""Folders for engines whose data a test looks after itself."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.embedded.postgres import postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short-named empty folder: a socket's path may have 107 bytes, and pytest's own folders are long."""
    made = Path(tempfile.mkdtemp(prefix="tiku-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster() -> AsyncIterator[Path]:
    """The folder of an empty PostgreSQL cluster that no server runs on, to be copied."""
    made = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tiku-"))
    server = await asyncio.to_thread(postgres, made / "postgres", made / "run", made / "postgres.log")
    assert server.spec.prepare is not None
    await server.spec.prepare()
    yield made / "postgres"
    await asyncio.to_thread(shutil.rmtree, made, ignore_errors=True)


@pytest.fixture
def furnished(folder: Path, cluster: Path) -> Path:
    """A folder that has an empty cluster below `postgres`: to make one takes half a second of processor time."""
    subprocess.run(["cp", "-a", str(cluster), str(folder / "postgres")], check=True)
    return folder
