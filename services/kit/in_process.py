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
from services.kit.channels import outgoing_metadata
from services.kit.interceptors import StagedHandlers

_MOST_WAITING = 16
"""Messages of a stream that wait for their reader; behind them the handler waits."""
_END: Any = aio.EOF  # type: ignore[attr-defined]  # Not in the stubs.

Metadata = tuple[tuple[str, str], ...]


class InProcess:
    """The methods of a service that serves in this process, for callers that hand over bytes and get bytes."""

    def __init__(self, handlers: StagedHandlers) -> None:
        self._handlers = handlers

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
            return kind(behavior, serialize, request, context.time_for(timeout), outgoing_metadata())

        return call


class _Call:
    """One call under way, and what its handler and the stages around it see of it.

    It is the part of grpc.aio's `ServicerContext` that they use, and of its client's call.
    """

    def __init__(
        self,
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
        self._is_late = False
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._trailers: tuple[tuple[str, Any], ...] = ()
        self._timer = loop.call_at(self._deadline, self._end_late)
        self._task: asyncio.Task[Any] = loop.create_task(behavior(request, self))
        self._task.add_done_callback(self._ended)

    def cancel(self) -> bool:
        """Cancel the call; return whether it was still running."""
        return self._task.cancel()

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
        self._is_late = True
        self._task.cancel()

    def _ended(self, _: object) -> None:
        self._timer.cancel()
        if not self._task.cancelled():
            self._task.exception()  # Marks it as retrieved: whoever canceled the call does not ask how it ended.

    def _failure(self) -> BaseException:
        """Return what the caller sees of a call that did not end well, as over gRPC."""
        if not self._task.cancelled():
            code = self._code if isinstance(self._task.exception(), aio.AbortError) else None
            return _error(code or grpc.StatusCode.UNKNOWN, self._details, self._trailers)
        if self._is_late:
            return _error(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        return asyncio.CancelledError()


class UnaryCall(_Call):
    """A call with one response, to be awaited."""

    def __await__(self) -> Generator[Any, None, bytes]:
        try:
            response = yield from self._task
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if not self._is_late or (waiting is not None and waiting.cancelling()):
                raise
            raise self._failure() from None
        except Exception:
            raise self._failure() from None
        return self._serialize(response)


class StreamCall(_Call):
    """A call with a stream of responses, to be read."""

    def __init__(self, *arguments: Any) -> None:
        self._waiting: deque[bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        super().__init__(*arguments)

    async def read(self) -> Any:
        """Return the next message, or grpc.aio.EOF.

        Raises:
            grpc.RpcError: the call failed.
        """
        while not self._waiting:
            if self._task.done():
                if self._task.cancelled() or self._task.exception() is not None:
                    raise self._failure()
                return _END
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        message = self._waiting.popleft()
        _wake(self._writer)
        return message

    async def write(self, message: Any) -> None:
        """Pass a message on; wait while the reader is far behind."""
        self._waiting.append(self._serialize(message))
        _wake(self._reader)
        while len(self._waiting) >= _MOST_WAITING:
            self._writer = self._loop.create_future()
            try:
                await self._writer
            finally:
                self._writer = None

    def _ended(self, done: object) -> None:
        super()._ended(done)
        _wake(self._reader)


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _error(code: grpc.StatusCode, details: str, trailers: tuple[tuple[str, Any], ...] = ()) -> aio.AioRpcError:
    return aio.AioRpcError(code, aio.Metadata(), aio.Metadata(*trailers), details=details, debug_error_string=None)


Local = Mapping[str, InProcess]
"""Services that serve in this process, by domain."""
