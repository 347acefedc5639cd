"""What the connections of the SDK's client do not tell by themselves.

A server refuses a prompt that is too large, or a caller that asks too often, by the head of the request alone, and
ends the connection. httpcore reads nothing while it sends, so the event loop meets the broken pipe first and throws
away what came before it: the caller would hear of a lost connection instead of the refusal.

And a provider may close an idle connection just when a request is on its way. It has not read it then, and so it may be
sent once more; httpcore says no more than that the connection was lost.
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
_RACE_SECONDS = 1.0
"""As soon as this a provider that closed an idle connection is known to have done so, and not to be at work."""
_INTERIM = b"HTTP/1.1 1"
_INTERIMS = re.compile(rb"(?:HTTP/1\.1 1.*?\r\n\r\n)*", re.DOTALL)
"""Answers that only announce another one."""


class DroppedError(httpcore2.ReadError):
    """A kept connection ended soon after a request was sent, before a byte of its answer."""


def was_dropped(error: BaseException) -> bool:
    """Return whether a request failed since its kept connection had been closed."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, DroppedError):
        behind = behind.__cause__ or behind.__context__
    return behind is not None


def heed_connections(client: httpx2.AsyncClient) -> None:
    """Let a client read while it sends and tell of dropped connections, also through the environment's proxies."""
    # It has no parameter for this that leaves its proxies as they are.
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
        if isinstance(transport, httpx2.AsyncHTTPTransport):
            pool = transport._pool  # noqa: SLF001
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001


class _Backend(httpcore2.AsyncNetworkBackend):
    """Connections of another backend."""

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
    """A connection that reads while it sends, and knows whether it was kept from an earlier request."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._came = b""
        """What was read while a request was sent."""
        self._reading: asyncio.Task[bytes] | None = None
        """Begins with a request, and is what is read next."""
        self._is_kept = False
        self._is_heard = False
        """Whether anything of the answer was read."""
        self._began = 0.0
        """When the request began, on the loop's clock."""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes, unless the answer comes first; httpcore goes on to read it then, as after any failure to send."""
        if not buffer:
            return
        if self._is_heard or not self._began:
            self._is_kept, self._is_heard = self._is_heard, False
            self._began = asyncio.get_running_loop().time()
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
        """Return what came; what was read while a request was sent comes first.

        Raises:
            DroppedError: the connection had been closed before the request came.
        """
        if self._came:
            came, self._came = self._came, b""
            self._is_heard = True
            return came
        try:
            came = await self._next(max_bytes, timeout)
        except httpcore2.ReadError as error:
            if self._was_dropped():
                raise DroppedError(str(error)) from error
            raise
        if not came and self._was_dropped():
            raise DroppedError("the provider closed the connection")
        self._is_heard = self._is_heard or bool(came)
        return came

    def _was_dropped(self) -> bool:
        """Return whether a connection that has ended had done so before the provider read anything of the request."""
        if not self._is_kept or self._is_heard:
            return False
        return asyncio.get_running_loop().time() - self._began < _RACE_SECONDS

    async def _next(self, max_bytes: int, timeout: float | None) -> bytes:
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
