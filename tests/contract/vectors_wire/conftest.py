"""The servers that must answer Qdrant's gRPC API alike: the embedded one, and a real one where there is one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from services.embedded.network import free_port
from services.embedded.qdrant import qdrant
from tests.engines import engine, on_engine
from tests.late import imported

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient, QdrantClient

_REAL = "TIKU_TEST_QDRANT_URL"


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave out files that a run without engines would collect for nothing: their library takes a second to import."""
    return "not engine" in config.getoption("markexpr") or None


@pytest.fixture(scope="session")
def vectors_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded server's data."""
    return tmp_path_factory.mktemp("vectors")


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=[on_engine("edge"), on_engine("server")])
async def target(request: pytest.FixtureRequest, vectors_folder: Path) -> AsyncIterator[tuple[str, int]]:
    """Host and gRPC port of a server under test."""
    if request.param == "server":
        url = os.environ.get(_REAL)
        if not url:
            pytest.skip(
                f"SKIPPED LOUDLY: {_REAL} names no Qdrant server; set it to http://HOST:6334 to run these on one"
            )
        parts = urlsplit(url)
        yield parts.hostname or "127.0.0.1", parts.port or 6334
        return
    server = qdrant(vectors_folder / "qdrant", free_port(), vectors_folder / "qdrant.log")
    async with engine(server.spec):
        parts = urlsplit(server.url)
        assert parts.hostname is not None
        assert parts.port is not None
        yield parts.hostname, parts.port


@pytest_asyncio.fixture
async def client(target: tuple[str, int]) -> AsyncIterator[AsyncQdrantClient]:
    """The stock asynchronous client."""
    host, port = target
    library = await imported("qdrant_client")
    # In a thread: the client looks up its own version on disk.
    made: AsyncQdrantClient = await asyncio.to_thread(
        library.AsyncQdrantClient, host=host, grpc_port=port, prefer_grpc=True, check_compatibility=False, timeout=30
    )
    yield made
    await made.close()


@pytest.fixture
def local() -> QdrantClient:
    """The client library's own implementation of Qdrant: the reference of answers."""
    from qdrant_client import QdrantClient

    return QdrantClient(":memory:")
