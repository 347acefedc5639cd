"""What a container's health check says of a service that serves, one that cannot, and one that is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.kit import healthcheck
from services.kit.server import App, running


async def not_ready() -> None:
    raise ConnectionError("the database does not answer")


async def comes_to_serve(address: str) -> bool:
    """Whether the check says so within two seconds."""
    for _ in range(40):
        if await healthcheck.grpc_serves(address):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_service_serves_once_it_is_ready() -> None:
    async with running(App("ready", []), "127.0.0.1:0") as server:
        assert await comes_to_serve(server.address)
        _, _, port = server.address.rpartition(":")
        assert await healthcheck.grpc_serves(f"0.0.0.0:{port}")
    assert not await healthcheck.grpc_serves(server.address)


async def test_a_service_that_is_not_ready_does_not_serve() -> None:
    async with running(App("waiting", [], ready=not_ready), "127.0.0.1:0") as server:
        assert not await comes_to_serve(server.address)


@asynccontextmanager
async def web(status: str) -> AsyncIterator[str]:
    """A server that gives every request the status."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readline()
        given = status if asked.startswith(b"GET /healthz ") else "404 Not Found"
        writer.write(f"HTTP/1.1 {given}\r\ncontent-length: 0\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(("status", "serves"), [("200 OK", True), ("503 Service Unavailable", False)])
async def test_a_gateway_serves_when_its_page_says_so(status: str, serves: bool) -> None:
    async with web(status) as address:
        assert await healthcheck.http_serves(address) is serves
    assert not await healthcheck.http_serves(address)


def test_the_exit_code_is_for_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKU_GATEWAY_LISTEN", "127.0.0.1:1")
    assert healthcheck.main() == 1
    monkeypatch.delenv("TIKU_GATEWAY_LISTEN")
    monkeypatch.setenv("TIKU_LISTEN", "127.0.0.1:1")
    assert healthcheck.main() == 1
