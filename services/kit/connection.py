"""The connection to a service, made anew when it is lost.

gRPC waits longer and longer between attempts of its own: up to 2 s for an address that refuses, and up to two minutes
for a name that does not resolve, as a container's does not while it is down. For as long a caller would be refused
after the service is back, although others already reach it. So a call that finds the connection lost waits a moment,
while a fresh channel is tried at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import grpc

PATIENCE = 1.5
"""Most seconds that a call waits for a lost connection before it is refused."""
_ATTEMPT = 0.7
"""Seconds that one fresh channel gets; less than half of the patience, so that each caller sees one from its start."""


class Connection:
    """A channel, and the next one when the service is found again behind another."""

    def __init__(self, connect: Callable[[], grpc.aio.Channel]) -> None:
        """`connect` gives a new channel, which must share no subchannel (and so no back-off) with an earlier one."""
        self.channel = connect()
        self.generation = 0
        """Counts the channels; the callables of an earlier one are not to be used."""
        self._connect = connect
        self._retired: grpc.aio.Channel | None = None
        self._attempt: asyncio.Task[None] | None = None

    def lost(self) -> bool:
        """Whether a call would be refused without being sent."""
        return self.channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE

    async def regained(self, seconds: float = PATIENCE) -> None:
        """Returns when the connection is there again, or after `seconds` (`PATIENCE` at most) without it."""
        clock = asyncio.get_running_loop().time
        end = clock() + min(seconds, PATIENCE)
        while self.lost() and (left := end - clock()) > 0:
            if self._attempt is None or self._attempt.done():
                self._attempt = asyncio.create_task(self._renew())
            await asyncio.wait([self._attempt], timeout=left)

    async def close(self) -> None:
        """Cancels the calls in flight."""
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt])
        for channel in (self._retired, self.channel):
            if channel is not None:
                await channel.close(None)

    async def _renew(self) -> None:
        fresh = self._connect()
        try:
            async with asyncio.timeout(_ATTEMPT):
                await fresh.channel_ready()
        except TimeoutError:
            await fresh.close(None)
            return
        except BaseException:
            await fresh.close(None)
            raise
        # Calls that a stopping server still finishes are in flight on the lost channel, so it goes one loss later.
        ended, self._retired, self.channel = self._retired, self.channel, fresh
        self.generation += 1
        if ended is not None:
            await ended.close(None)


class DeferredCall:
    """A call with one request that begins when its connection is there, or is refused.

    It has as much of grpc.aio's call as Tiku uses: it is awaited, iterated or read, and cancelled.
    """

    def __init__(self, connection: Connection, timeout: float, begin: Callable[[float], Any]) -> None:
        """`begin` starts the call with what is left of `timeout`, in seconds."""
        self._call = asyncio.create_task(_begun(connection, timeout, begin))

    def cancel(self) -> bool:
        """Cancels the call, whether or not it has begun."""
        if self._call.done() and not self._call.cancelled() and self._call.exception() is None:
            return bool(self._call.result().cancel())
        return self._call.cancel()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._response().__await__()

    async def _response(self) -> Any:
        return await (await self._call)

    async def read(self) -> Any:
        """The next message of a stream, or grpc.aio.EOF."""
        return await (await self._call).read()

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for message in await self._call:
            yield message


async def _begun(connection: Connection, timeout: float, begin: Callable[[float], Any]) -> Any:
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout
    await connection.regained(timeout)
    return begin(max(0.0, deadline - clock()))
