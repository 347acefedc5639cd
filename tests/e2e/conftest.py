"""One stack for all end-to-end tests: real engines, real embeddings, a scripted chat provider."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from services import models
from tests.e2e.stack import EMBEDDING_MODEL, Rest, Up, running
from tests.fakes.tutor import MODEL, Tutor

UPLOAD_LIMIT_BYTES = 201 * 1024 * 1024
"""Enough for the upload that no process may hold in memory."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder that share the stack: they measure it, which needs the machine to itself."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()) and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("alone")


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    """A short-named folder: the path of PostgreSQL's socket lies below it and is limited."""
    folder = Path(tempfile.mkdtemp(prefix="tiku-e2e-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_tutor() -> AsyncIterator[Tutor]:
    """The provider of the whole session's stack; tests take `tutor`."""
    async with Tutor() as tutor:
        yield tutor


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(stack_folder: Path, shared_tutor: Tutor) -> AsyncIterator[Up]:
    """The stack that tests share. Its data only grows: a test looks at what it made itself."""
    if await models.path(EMBEDDING_MODEL) is None:
        pytest.skip(f"NO EMBEDDING MODEL, the stack is not tested: tiku models pull {EMBEDDING_MODEL}")
    # Graphs are built when a test asks for one: most tests measure what has nothing to do with them.
    variables = {**environment(shared_tutor), "TIKU_DOCS_GRAPH_ENABLED": "false"}
    async with running(stack_folder / "data", "--graph", **variables) as up:
        yield up


@pytest.fixture
def tutor(shared_tutor: Tutor) -> Iterator[Tutor]:
    """The provider, well-behaved at the beginning and with nothing recorded."""
    shared_tutor.behave()
    shared_tutor.requests.clear()
    shared_tutor.departures.clear()
    yield shared_tutor
    shared_tutor.behave()


@pytest.fixture
def rest(stack: Up, tutor: Tutor) -> Rest:
    """The shared stack's REST API."""
    return stack.rest


def environment(tutor: Tutor) -> dict[str, str]:
    """What a stack is told so that it asks a tutor."""
    return {
        "TIKU_LLM_BASE_URL": tutor.base_url,
        "TIKU_LLM_MODEL": MODEL,
        "TIKU_LLM_API_KEY": "sk-of-the-tests",
        "TIKU_DOCS_MAX_UPLOAD_BYTES": str(UPLOAD_LIMIT_BYTES),
    }
