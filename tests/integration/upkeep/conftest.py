"""A stack that was filled and stopped, once for all tests here; each takes a copy of its folder."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pickle
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.stack import Up
from tests.fakes.tutor import Tutor
from tests.integration.upkeep import house

pytestmark = pytest.mark.engine


@pytest.fixture(scope="session")
def upkeep_folder() -> Iterator[Path]:
    """A short-named folder: the path of PostgreSQL's socket lies below it and is limited."""
    made = Path(tempfile.mkdtemp(prefix="tiku-upkeep-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def provider() -> AsyncIterator[Tutor]:
    """The chat model and the embedder of every stack here."""
    async with Tutor() as tutor:
        yield tutor


@dataclass(frozen=True, slots=True)
class Filled:
    """The data folder of a stopped stack, its backup, and what was in it."""

    data: Path
    backup: Path
    ids: dict[str, str]
    rows: dict[str, list[str]]
    objects: dict[str, str]
    answers: list[Any]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def filled(upkeep_folder: Path, provider: Tutor, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """This process's copy of a stack that was filled, backed up while it ran, and stopped, once for all processes."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "filled"
    data, contents = upkeep_folder / "filled", shared / "contents"
    async with _held(shared.with_name("filled.lock")):
        if await asyncio.to_thread(contents.exists):
            await asyncio.to_thread(copy_of, shared / "data", data)
        else:
            await asyncio.to_thread(shutil.rmtree, shared, ignore_errors=True)
            await asyncio.to_thread(shared.mkdir)
            found = await _fill(data, shared / "filled.tar", provider)
            await asyncio.to_thread(copy_of, data, shared / "data")
            await asyncio.to_thread(contents.write_bytes, pickle.dumps(found))
    return Filled(data, shared / "filled.tar", **pickle.loads(await asyncio.to_thread(contents.read_bytes)))  # noqa: S301


async def _fill(data: Path, backup: Path, provider: Tutor) -> dict[str, Any]:
    """Fill a stack, back it up while it runs, stop it, and return what was in it."""
    async with house.up(data, provider) as up:
        ids = await house.fill(up.rest)
        dsn = (await up.state())["environment"]["TIKU_POSTGRES_DSN"]
        rows, answers = await house.rows(dsn), await house.answers(up.rest)
        await house.backup(data, backup)
    return {"ids": ids, "rows": rows, "objects": await house.objects(data), "answers": answers}


@asynccontextmanager
async def _held(lock: Path) -> AsyncIterator[None]:
    """Hold a lock that other processes wait for."""
    with await asyncio.to_thread(lock.open, "w") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def restored(filled: Filled, upkeep_folder: Path, provider: Tutor) -> AsyncIterator[Up]:
    """A running stack that came back from the backup; `test_fsck.py` breaks it and mends it, after all others."""
    data = upkeep_folder / "restored"
    await house.restore(data, filled.backup)
    async with house.up(data, provider) as up:
        yield up


@pytest.fixture
def fresh(upkeep_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder that does not exist yet, for another stack."""
    folder = Path(tempfile.mkdtemp(prefix="s", dir=upkeep_folder))
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def copied(filled: Filled, fresh: Path) -> Path:
    """A copy of the filled stack's folder, to be broken."""
    return copy_of(filled.data, fresh)


def copy_of(data: Path, folder: Path) -> Path:
    """Copy the data folder of a stopped stack, with its owners."""
    subprocess.run(["cp", "-a", str(data), str(folder)], check=True)
    shutil.rmtree(folder / "run", ignore_errors=True)
    return folder
