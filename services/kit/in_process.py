"""Calls of a service that serves in the same process: the same bytes, stages and statuses, without gRPC in between.

Two thirds of what a small call costs over gRPC are its sockets, threads and frames. Where caller and service share a
process nothing of that is needed: here a call is a task of its own that runs the handler.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import Any

import grpc
from grpc import aio

from services.kit import context
from services.kit.channels import END, outgoing_metadata
from services.kit.interceptors import StagedHandlers

_MOST_WAITING = 16
"""Messages of a stream that wait for their reader; behind them the handler waits."""

Metadata = tuple[tuple[str, str], ...]


class InProcess:
    """The methods of a service that serves in this process, for callers that hand over bytes and get bytes."""

    def __init__(self, handlers: StagedHandlers) -> None:
        self._handlers = handlers
        self._tasks: set[asyncio.Task[Any]] = set()
        """Of handlers at work, also of calls that ended before them."""

    async def stop(self, seconds: float) -> None:
        """Cancel what is still at work, and wait so long at most until it is done with what it does in the end."""
        for task in self._tasks:
            if not task.cancelling():  # A second time would cut short what it does in the end.
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    def unary_unary(self, method: str) -> Callable[..., UnaryCall] | None:
        """Return a method (`/tiku.llm.v1.LlmService/Chat`) that takes bytes and a `timeout`; None for no such one."""
        return self._method(method, UnaryCall, streams=False)

    def unary_stream(self, method: str) -> Callable[..., StreamCall] | None:
        """Return a method whose responses are a stream; None where the service has none of that name."""
        return self._method(method, StreamCall, streams=True)

    def _method(self, method: str, kind: Any, *, streams: bool) -> Callable[..., Any] | None:
        handler: Any = self._handlers.handler(method)
        if handler is None or handler.request_streaming or handler.response_streaming is not streams:
            return None
        behavior = handler.unary_stream if streams else handler.unary_unary
        serialize = handler.response_serializer

        def call(request: bytes, *, timeout: float) -> Any:
            return kind(self._tasks, behavior, serialize, request, context.time_for(timeout), outgoing_metadata())

        return call


class _Call:
    """One call under way, and what its handler and the stages around it see of it.

    It is the part of grpc.aio's `ServicerContext` that they use, and of its client's call. A call that is canceled or
    late is over at once for who made it, as over gRPC, whatever its handler still does.
    """

    def __init__(
        self,
        tasks: set[asyncio.Task[Any]],
        behavior: Callable[..., Any],
        serialize: Callable[[Any], bytes],
        request: bytes,
        timeout: float,
        metadata: Metadata,
    ) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._serialize = serialize
        self._metadata = metadata
        self._deadline = loop.time() + timeout
        self._cut: BaseException | None = None
        """What the caller is told of a call that did not wait for its handler."""
        self._waiter: asyncio.Future[None] | None = None
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._trailers: tuple[tuple[str, Any], ...] = ()
        self._timer = loop.call_at(self._deadline, self._end_late)
        self._tasks = tasks
        self._task: asyncio.Task[Any] = loop.create_task(behavior(request, self))
        tasks.add(self._task)
        self._task.add_done_callback(self._ended)

    def cancel(self) -> bool:
        """Cancel the call; return whether it was still running."""
        return self._end(asyncio.CancelledError())

    def invocation_metadata(self) -> Metadata:
        """Return what the caller says of itself."""
        return self._metadata

    def time_remaining(self) -> float:
        """Return the seconds until the caller stops waiting."""
        return max(0.0, self._deadline - self._loop.time())

    def code(self) -> grpc.StatusCode | None:
        """Return the status that was set, if one was."""
        return self._code

    def set_code(self, code: grpc.StatusCode) -> None:
        """Set the status."""
        self._code = code

    def set_details(self, details: str) -> None:
        """Set the status' message."""
        self._details = details

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> None:
        """End the call with a status; it raises in the handler."""
        self._code, self._details, self._trailers = code, details, tuple(trailing_metadata)
        raise aio.AbortError

    def _end_late(self) -> None:
        self._end(_error(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"))

    def _end(self, told: BaseException) -> bool:
        """End the call before its handler; return whether that was still at work."""
        if self._cut is not None or self._task.done():
            return False
        self._cut = told
        self._task.cancel()
        _wake(self._waiter)
        return True

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._timer.cancel()
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Marks it as retrieved: whoever canceled the call does not ask how it ended.
        _wake(self._waiter)

    async def _news(self) -> None:
        """Wait until there is something to tell the caller; a caller that is canceled cancels the call."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.cancel()
            raise
        finally:
            self._waiter = None

    def _result(self) -> Any:
        """Return what the handler of a call that is over returned.

        Raises:
            grpc.RpcError: the call failed, as over gRPC.
            asyncio.CancelledError: it was canceled.
        """
        if self._cut is not None:
            raise self._cut
        if self._task.cancelled():
            raise asyncio.CancelledError
        if (error := self._task.exception()) is not None:
            code = self._code if isinstance(error, aio.AbortError) else None
            raise _error(code or grpc.StatusCode.UNKNOWN, self._details, self._trailers)
        return self._task.result()


class UnaryCall(_Call):
    """A call with one response, to be awaited."""

    def __await__(self) -> Generator[Any, None, bytes]:
        return self._response().__await__()

    async def _response(self) -> bytes:
        if self._cut is None and not self._task.done():
            await self._news()
        return self._serialize(self._result())


class StreamCall(_Call):
    """A call with a stream of responses, to be read."""

    def __init__(self, *arguments: Any) -> None:
        self._waiting: deque[bytes] = deque()
        self._writer: asyncio.Future[None] | None = None
        super().__init__(*arguments)

    async def read(self) -> Any:
        """Return the next message, or grpc.aio.EOF.

        Raises:
            grpc.RpcError: the call failed.
        """
        while self._cut is not None or not self._waiting:
            if self._cut is not None or self._task.done():
                self._result()
                return END
            await self._news()
        message = self._waiting.popleft()
        _wake(self._writer)
        return message

    async def write(self, message: Any) -> None:
        """Pass a message on; wait while the reader is far behind.

        Raises:
            asyncio.CancelledError: nobody reads any more.
        """
        if self._cut is not None:
            raise asyncio.CancelledError
        self._waiting.append(self._serialize(message))
        _wake(self._waiter)
        while len(self._waiting) >= _MOST_WAITING:
            self._writer = self._loop.create_future()
            try:
                await self._writer
            finally:
                self._writer = None


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _error(code: grpc.StatusCode, details: str, trailers: tuple[tuple[str, Any], ...] = ()) -> aio.AioRpcError:
    return aio.AioRpcError(code, aio.Metadata(), aio.Metadata(*trailers), details=details, debug_error_string=None)


Local = Mapping[str, InProcess]
"""Services that serve in this process, by domain."""
