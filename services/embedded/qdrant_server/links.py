"""The server's end of the connection to a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import grpc

from services.embedded.qdrant_server.errors import QdrantError
from services.embedded.qdrant_server.frames import Decoder, Frame, FrameKind, encode

Parts = list[bytes]
_END_SECONDS = 20.0


class WorkerLostError(QdrantError):
    """The worker ended before it answered."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.UNAVAILABLE, "the process that worked on the collection ended")


class PointsNeededError(Exception):
    """A query is to be sent again with points of other collections: names and requests, one after the other."""

    def __init__(self, asked: Parts) -> None:
        super().__init__("points of other collections are needed")
        self.asked = asked


class WorkerLink(asyncio.Protocol):
    """Sends calls to a worker and hands out its answers."""

    def __init__(self, pid: int, kill: Callable[[int], None]) -> None:
        self.pid = pid
        self.ended = asyncio.Event()
        self._kill = kill
        self._decoder = Decoder()
        self._calls: dict[int, asyncio.Future[Parts]] = {}
        self._number = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand out the answers that are complete."""
        for frame in self._decoder.feed(data):
            call = self._calls.pop(frame.call)
            if not call.done():
                _settle(call, frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is not answered: the worker has ended."""
        for call in self._calls.values():
            if not call.done():
                call.set_exception(WorkerLostError())
        self._calls.clear()
        self.ended.set()

    def call(self, kind: FrameKind, parts: Sequence[bytes]) -> asyncio.Future[Parts]:
        """Send a call and return its answer, which comes even if nobody waits for it any more."""
        future: asyncio.Future[Parts] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        if self.ended.is_set() or self._transport is None:
            future.set_exception(WorkerLostError())
            return future
        self._number += 1
        self._calls[self._number] = future
        self._transport.write(encode(self._number, kind, parts))
        return future

    async def control(self, name: str, *arguments: bytes) -> bytes:
        """Return the answer to a command.

        Raises:
            QdrantError: it was refused, or the worker ended.
        """
        answer = await self.call(FrameKind.CONTROL, [name.encode(), *arguments])
        return answer[0]

    async def end(self) -> None:
        """Let the worker end once it has done what it was asked for; kill one that takes too long."""
        if self._transport is not None and not self.ended.is_set():
            self._transport.write_eof()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self.ended.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the worker whatever it does, and return when it is gone."""
        if not self.ended.is_set():
            self._kill(self.pid)
            await self.ended.wait()


def _settle(call: asyncio.Future[Parts], frame: Frame) -> None:
    if frame.kind is FrameKind.ANSWER:
        call.set_result(frame.parts)
    elif frame.kind is FrameKind.NEED:
        call.set_exception(PointsNeededError(frame.parts))
    else:
        code, message = (part.decode() for part in frame.parts)
        call.set_exception(QdrantError(grpc.StatusCode[code], message))


def _seen(call: asyncio.Future[Parts]) -> None:
    if not call.cancelled():
        call.exception()
