"""Links between processes that a test cuts, silences or slows: a TCP proxy stands in each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from services.embedded.network import LOOPBACK

LINKS: Mapping[str, tuple[str, str]] = {
    "gateway-docs": ("gateway", "TIKU_DOCS_TARGET"),
    "gateway-retrieval": ("gateway", "TIKU_RETRIEVAL_TARGET"),
    "gateway-exercises": ("gateway", "TIKU_EXERCISES_TARGET"),
    "docs-retrieval": ("docs", "TIKU_RETRIEVAL_TARGET"),
    "docs-llm": ("docs", "TIKU_LLM_TARGET"),
    "docs-postgres": ("docs", "TIKU_POSTGRES_DSN"),
    "retrieval-llm": ("retrieval", "TIKU_LLM_TARGET"),
    "retrieval-qdrant": ("retrieval", "TIKU_QDRANT_URL"),
    "exercises-retrieval": ("exercises", "TIKU_RETRIEVAL_TARGET"),
    "exercises-llm": ("exercises", "TIKU_LLM_TARGET"),
    "exercises-postgres": ("exercises", "TIKU_POSTGRES_DSN"),
}
"""The process that calls, and the variable that tells it where the other end is, by the link's name."""
PROVIDER_LINK = "llm-provider"
OBJECTS_LINK = "docs-objects"

LINKS_VARIABLE = "FAULT_LINKS"
"""What `tests.faults.linked_up` is told: by link, the process, its variable and the proxy's port; and a folder."""

_SLOW_SECONDS = 0.1
_SLOW_BYTES_PER_SECOND = 64 * 1024
_PIECE_BYTES = 16 * 1024
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST."""

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Link:
    """A proxy on a port of its own. It passes everything on until it is told otherwise."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._writers: set[asyncio.StreamWriter] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self._is_cut = False
        self._is_slow = False
        self.port = 0
        self.carried = 0
        """Bytes that came, both ways together."""

    @classmethod
    @asynccontextmanager
    async def open(cls, connect: Connect) -> AsyncIterator[Self]:
        """Listen for the block; `connect` opens a connection to the other end."""
        link = cls(connect)
        server = await asyncio.start_server(link._serve, LOOPBACK, 0)
        link.port = server.sockets[0].getsockname()[1]
        try:
            yield link
        finally:
            server.close()
            link._is_cut = True
            link._reset_all()

    def cut(self) -> None:
        """Reset every connection, and each new one."""
        self._is_cut = True
        self._reset_all()

    def silence(self) -> None:
        """Go on taking connections and bytes, and pass nothing on until `mend`."""
        self._passes.clear()

    def slow(self) -> None:
        """Delay every piece, and bound the bytes in a second."""
        self._is_slow = True

    def mend(self) -> None:
        """Pass everything on again, first what was held back."""
        self._is_cut = self._is_slow = False
        self._passes.set()

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            await self._passes.wait()
            if self._is_cut:
                return
            far, other = await self._connect()
            self._writers.add(other)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, other))
                group.create_task(self._pass(far, writer))
            for one in (writer, other):
                one.close()
        except* OSError:
            pass  # One end is gone, so the other one is reset.
        finally:
            for one in filter(None, (writer, other)):
                self._writers.discard(one)
                if not one.is_closing():
                    _reset(one)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE_BYTES):
            self.carried += len(piece)
            if self._is_slow:
                await asyncio.sleep(_SLOW_SECONDS + len(piece) / _SLOW_BYTES_PER_SECOND)
            await self._passes.wait()
            writer.write(piece)
            await writer.drain()
        await self._passes.wait()
        with contextlib.suppress(OSError):
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    found: socket.socket | None = writer.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@asynccontextmanager
async def open_links(folder: Path) -> AsyncIterator[dict[str, Link]]:
    """Open every link of `LINKS`; `folder` is where `tests.faults.linked_up` writes where each leads."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(Link.open(_written(folder / name))) for name in LINKS}


def variable_of(links: Mapping[str, Link], folder: Path) -> str:
    """Return the value of `LINKS_VARIABLE`."""
    return json.dumps(
        {
            "folder": str(folder),
            "links": {name: [*LINKS[name], link.port] for name, link in links.items() if name in LINKS},
        }
    )


def to_address(address: str) -> Connect:
    """Return how to connect to a fixed address: `host:port`, an URL, or a DSN with a folder of sockets."""

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        url = urlsplit(address if "//" in address else f"//{address}")
        if url.hostname and url.port:
            return await asyncio.open_connection(url.hostname, url.port)
        options = parse_qs(url.query)
        return await asyncio.open_unix_connection(f"{unquote(options['host'][0])}/.s.PGSQL.{options['port'][0]}")

    return connect


def _written(file: Path) -> Connect:
    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await to_address(await asyncio.to_thread(file.read_text))()

    return connect
