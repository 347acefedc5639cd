"""The servers that must answer Qdrant's gRPC API alike: the embedded one, and a real one where there is one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from qdrant_client import AsyncQdrantClient, QdrantClient

from services.embedded.network import free_port
from services.embedded.qdrant import qdrant
from tests.engines import engine, on_engine

_REAL = "TIKU_TEST_QDRANT_URL"


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
    # In a thread: the client looks up its own version on disk.
    made = await asyncio.to_thread(
        AsyncQdrantClient, host=host, grpc_port=port, prefer_grpc=True, check_compatibility=False, timeout=30
    )
    yield made
    await made.close()


@pytest.fixture
def local() -> QdrantClient:
    """The client library's own implementation of Qdrant: the reference of answers."""
    return QdrantClient(":memory:")
