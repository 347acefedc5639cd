"""What a client that is no HTTP library can send: bytes, in pieces, on a plain socket."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from tests.waiting import loop_time

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
CHAT = b'{"messages":[{"role":"ROLE_USER","content":"hi"}]}'
POST = b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})")


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back on a connection."""

    statuses: list[int]
    closed: bool
    """Whether the server ended the connection within the time that was waited."""
    seconds: float
    loop_seconds: float
    """The same in `loop_time`."""
    text: bytes


async def sent(url: str, *pieces: bytes, wait: float = 60.0, pause: float = 0.0, until: int = 0) -> Seen:
    """Send pieces one after another and read until the server closes, `until` responses came, or `wait` seconds."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    began = asyncio.get_running_loop().time()
    reader, writer = await asyncio.open_connection(host, int(port))
    got = bytearray()
    writing = asyncio.create_task(_write(writer, pieces, pause))
    closed = False
    try:
        async with asyncio.timeout(wait), loop_time() as turned:
            while not until or len(_STATUS.findall(got)) < until:
                piece = await reader.read(65536)
                if not piece:
                    closed = True
                    break
                got += piece
    except TimeoutError:
        pass
    except ConnectionError:
        closed = True
    finally:
        writing.cancel()
        writer.transport.abort()
    seconds = asyncio.get_running_loop().time() - began
    return Seen([int(status) for status in _STATUS.findall(got)], closed, seconds, turned(), bytes(got))


async def _write(writer: asyncio.StreamWriter, pieces: tuple[bytes, ...], pause: float) -> None:
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
    except ConnectionError:
        pass  # The server has ended it; the reader sees how.


def pieces_of(data: bytes, size: int) -> list[bytes]:
    """Cut bytes into pieces."""
    return [data[start : start + size] for start in range(0, len(data), size)]
