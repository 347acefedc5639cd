"""The connection to a service, made anew when it is lost.

gRPC waits longer and longer between its own attempts: up to 2 s for an address that refuses, and up to two minutes for
a name that does not resolve, such as that of a container that is down. A caller would be refused for that long after
the service is back. So a call that finds the connection lost waits a moment, while a new channel is tried at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import grpc

MAX_WAIT_SECONDS = 1.5
"""Longest that a call waits for a lost connection before it is refused."""
_ATTEMPT_SECONDS = 0.7
"""Time that one new channel gets. It is less than half of the longest wait, so each caller sees a whole attempt."""


class ServiceConnection:
    """A channel, and the one that replaces it when the service is reached again."""

    def __init__(self, connect: Callable[[], grpc.aio.Channel]) -> None:
        """Connect by `connect`, whose channels must share no subchannel (and so no back-off) with an earlier one."""
        self.channel = connect()
        self.generation = 0
        """The number of the channel; callables of one with a smaller number must not be used."""
        self._connect = connect
        self._retired: grpc.aio.Channel | None = None
        self._attempt: asyncio.Task[None] | None = None

    def lost(self) -> bool:
        """Return whether a call would be refused without being sent."""
        return self.channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE

    async def regained(self, seconds: float = MAX_WAIT_SECONDS) -> None:
        """Wait until the connection is there again, for `seconds` and for `MAX_WAIT_SECONDS` at most."""
        clock = asyncio.get_running_loop().time
        end = clock() + min(seconds, MAX_WAIT_SECONDS)
        while self.lost() and (left := end - clock()) > 0:
            if self._attempt is None or self._attempt.done():
                self._attempt = asyncio.create_task(self._renew())
            await asyncio.wait([self._attempt], timeout=left)

    async def close(self) -> None:
        """Close the channels and cancel the calls in flight."""
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt])
        for channel in (self._retired, self.channel):
            if channel is not None:
                await channel.close(None)

    async def _renew(self) -> None:
        fresh = self._connect()
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                await fresh.channel_ready()
        except TimeoutError:
            await fresh.close(None)
            return
        except BaseException:
            await fresh.close(None)
            raise
        # A stopping server may still finish calls on the lost channel, so that channel is closed one loss later.
        ended, self._retired, self.channel = self._retired, self.channel, fresh
        self.generation += 1
        if ended is not None:
            await ended.close(None)


class DeferredCall:
    """A call with one request that waits for its connection and then begins, or is refused.

    It is the part of grpc.aio's call that Tiku uses: one can await, iterate, read and cancel it.
    """

    def __init__(self, connection: ServiceConnection, timeout: float, begin: Callable[[float], Any]) -> None:
        """Wait in a task, then start the call by `begin` with what is left of `timeout`, in seconds."""
        self._call = asyncio.create_task(_begun(connection, timeout, begin))

    def cancel(self) -> bool:
        """Cancel the call, whether or not it has begun; return whether it was still running."""
        if self._call.done() and not self._call.cancelled() and self._call.exception() is None:
            return bool(self._call.result().cancel())
        return self._call.cancel()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._response().__await__()

    async def _response(self) -> Any:
        return await (await self._call)

    async def read(self) -> Any:
        """Return the next message of a stream, or grpc.aio.EOF."""
        return await (await self._call).read()

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for message in await self._call:
            yield message


async def _begun(connection: ServiceConnection, timeout: float, begin: Callable[[float], Any]) -> Any:
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout
    await connection.regained(timeout)
    return begin(max(0.0, deadline - clock()))
