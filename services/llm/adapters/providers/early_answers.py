"""Answers that a provider sends before it has read the request, for the SDK's client.

A server refuses a prompt that is too large, or a caller that asks too often, by the head of the request alone, and
ends the connection. httpcore reads nothing while it sends, so the event loop meets the broken pipe first and throws
away what came before it: the caller would hear of a lost connection instead of the refusal.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

_READ_BYTES = 64 * 1024
_INTERIM = b"HTTP/1.1 1"
_INTERIMS = re.compile(rb"(?:HTTP/1\.1 1.*?\r\n\r\n)*", re.DOTALL)
"""Answers that only announce another one."""


def heed_early_answers(client: httpx2.AsyncClient) -> None:
    """Let a client read while it sends, also through the proxies of the environment."""
    # It has no parameter for this that leaves its proxies as they are.
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
        if isinstance(transport, httpx2.AsyncHTTPTransport):
            pool = transport._pool  # noqa: SLF001
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001


class _Backend(httpcore2.AsyncNetworkBackend):
    """Connections of another backend that read while they send."""

    def __init__(self, backend: httpcore2.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._backend.connect_unix_socket(path, timeout, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection that reads while it sends."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._came = b""
        """What was read while a request was sent."""
        self._reading: asyncio.Task[bytes] | None = None
        """Begins with a request, and is what is read next."""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes, unless the answer comes first; httpcore goes on to read it then, as after any failure to send."""
        if not buffer:
            return
        reading = self._reading = self._reading or asyncio.create_task(self._stream.read(_READ_BYTES))
        writing = asyncio.create_task(self._stream.write(buffer, timeout))
        try:
            await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
            while not writing.done() and _has_come(reading):
                self._came += reading.result()
                reading = self._reading = asyncio.create_task(self._stream.read(_READ_BYTES))
                if _has_begun(self._came):
                    raise httpcore2.WriteError("the answer came before all was sent")
                await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
            await writing
        finally:
            await _ended(writing)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what came; what was read while a request was sent comes first."""
        if self._came:
            came, self._came = self._came, b""
            return came
        reading = self._reading
        if reading is None:
            return await self._stream.read(max_bytes, timeout)
        await asyncio.wait((reading,), timeout=timeout)
        if not reading.done():
            raise httpcore2.ReadTimeout
        self._reading = None
        return reading.result()

    async def aclose(self) -> None:
        """Close the connection."""
        if self._reading is not None:
            await _ended(self._reading)
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Return the same over TLS."""
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        return self._stream.get_extra_info(info)


def _has_come(reading: asyncio.Task[bytes]) -> bool:
    """Return whether something came, and not the end."""
    return reading.done() and not reading.cancelled() and reading.exception() is None and bool(reading.result())


def _has_begun(came: bytes) -> bool:
    """Return whether an answer has begun that does more than announce another one."""
    announced = _INTERIMS.match(came)
    begun = came[announced.end() :] if announced else came
    # What came so far may be too little to tell.
    return not _INTERIM.startswith(begun[: len(_INTERIM)])


async def _ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task where it runs, and forget how it ended."""
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()
