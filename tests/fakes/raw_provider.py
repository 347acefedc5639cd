"""A provider on loopback that sends exactly the bytes it is told to, and keeps what it was asked.

`tests.fakes.openai_server` behaves like a provider; this one behaves like what providers do on bad days: bytes are cut
anywhere, encodings and headers are whatever the test says.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Play:
    """One answer: a status, headers, and pieces of the body, each sent as a chunk of its own."""

    pieces: Sequence[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    """Whether the connection is closed before the body's end."""
    hang: bool = False
    """Silence after the pieces."""


def sse(*events: object, done: bool = True) -> Play:
    """Return a stream of JSON events, each in a piece."""
    pieces = [b"data: " + (event if isinstance(event, bytes) else dumped(event)) + b"\n\n" for event in events]
    return Play(pieces=[*pieces, b"data: [DONE]\n\n"] if done else pieces)


def whole(body: object, status: int = 200, **headers: str) -> Play:
    """Return an answer of one JSON value, or of bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Play(pieces=[body if isinstance(body, bytes) else dumped(body)], status=status, headers=named)


def dumped(value: object) -> bytes:
    """Return JSON as providers write it."""
    return json.dumps(value, ensure_ascii=False).encode()


class RawProvider:
    """The server; an async context manager. `plays` are the next answers, `bodies` what was asked."""

    def __init__(self) -> None:
        self.plays: deque[Play] = deque()
        self.bodies: list[Any] = []
        self.base_url = ""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        self.bodies.append(json.loads(await reader.readexactly(length)))
        play = self.plays.popleft()
        headers = {"Transfer-Encoding": "chunked", "Connection": "close", **play.headers}
        lines = [f"HTTP/1.1 {play.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for piece in play.pieces:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0)
        if play.hang:
            await reader.read()
        if not play.cut:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
