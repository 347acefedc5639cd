"""The proxy in a link: it passes everything on, and cuts, silences and slows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.linked_up import through
from tests.faults.links import Link, to_address

_SOON = 0.2
_SECONDS = 20.0


@asynccontextmanager
async def _linked() -> AsyncIterator[Link]:
    """A link to a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            writer.write(piece)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(_SECONDS), Link.open(to_address(f"127.0.0.1:{port}")) as link:
        yield link
    server.close()


async def _open(link: Link) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", link.port)


async def test_what_is_sent_arrives_and_an_end_is_an_end() -> None:
    async with _linked() as link:
        reader, writer = await _open(link)
        writer.write(b"x" * 100_000)
        writer.write_eof()
        assert len(await reader.read()) == 100_000
        assert link.carried == 200_000
        writer.close()


async def test_a_cut_resets_connections_and_refuses_new_ones_until_it_is_mended() -> None:
    async with _linked() as link:
        reader, writer = await _open(link)
        writer.write(b"a")
        assert await reader.read(1) == b"a"
        link.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()
        reader, writer = await _open(link)
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()
        link.mend()
        reader, writer = await _open(link)
        writer.write(b"b")
        assert await reader.read(1) == b"b"
        writer.close()


async def test_a_silent_link_takes_bytes_and_passes_them_on_when_it_is_mended() -> None:
    async with _linked() as link:
        old_reader, old_writer = await _open(link)
        old_writer.write(b"a")
        assert await old_reader.read(1) == b"a"
        link.silence()
        new_reader, new_writer = await _open(link)
        for reader, writer in ((old_reader, old_writer), (new_reader, new_writer)):
            writer.write(b"b")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), _SOON)
        link.mend()
        for reader, writer in ((old_reader, old_writer), (new_reader, new_writer)):
            assert await reader.read(1) == b"b"
            writer.close()


async def test_a_slow_link_delays() -> None:
    async with _linked() as link:
        reader, writer = await _open(link)
        link.slow()
        began = asyncio.get_running_loop().time()
        writer.write(b"a")
        assert await reader.read(1) == b"a"
        assert asyncio.get_running_loop().time() - began >= _SOON
        writer.close()


@pytest.mark.parametrize(
    ("address", "led"),
    [
        ("127.0.0.1:1234", "127.0.0.1:9"),
        ("http://127.0.0.1:1234", "http://127.0.0.1:9"),
        (
            "postgresql://me:secret@/postgres?host=%2Frun%2Fhere&port=5432",
            "postgresql://me:secret@127.0.0.1:9/postgres?sslmode=disable",
        ),
    ],
)
def test_an_address_is_led_through_the_proxy(address: str, led: str) -> None:
    assert through(address, 9) == led
