"""Server streams as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import grpc
import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from grpc import aio

from gateway.binding import Binder
from gateway.codec import Writer
from gateway.contract import Operation, descriptor_of, message_of
from gateway.exchange import Exchange
from gateway.problems import ProblemError, from_error, stopping
from gateway.settings import GatewaySettings
from gateway.upstream import Upstream, next_message
from services.kit.rpc_errors import from_rpc_error

HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_HEARTBEAT = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class EventForm:
    """How the messages of a stream become events.

    A message that only wraps another one is unwrapped. The case of the oneof that is set names the event, its
    value is the data; an integer field `number` is the event's id.
    """

    response: type[Message]
    wrapped: str
    number: str
    choice: str
    writers: Mapping[str, Writer | None]
    """What writes each case of the oneof; None for a scalar."""
    whole: Writer

    @classmethod
    def of(cls, response: type[Message]) -> EventForm:
        """Return the form that follows from a response's descriptor."""
        descriptor = descriptor_of(response)
        wrapped = ""
        if len(descriptor.fields) == 1 and not descriptor.oneofs:
            only = descriptor.fields[0]
            if only.message_type is not None and not only.is_repeated and only.message_type.oneofs:
                wrapped, descriptor = only.name, message_of(only)
        number = descriptor.fields_by_name.get("number")
        numbered = number is not None and number.cpp_type == FieldDescriptor.CPPTYPE_INT64
        choice = next((oneof.name for oneof in descriptor.oneofs if len(oneof.fields) > 1), "")
        cases = descriptor.oneofs_by_name[choice].fields if choice else ()
        writers = {case.name: Writer(message_of(case)) if case.message_type is not None else None for case in cases}
        return cls(response, wrapped, "number" if numbered else "", choice, writers, Writer(descriptor))

    def encode(self, raw: bytes) -> bytes:
        """Encode one serialized message as one event."""
        message: Any = self.response.FromString(raw)
        if self.wrapped:
            message = getattr(message, self.wrapped)
        name: str = "message"
        data, write = message, cast(Writer | None, self.whole)
        if self.choice and (case := message.WhichOneof(self.choice)):
            name, data, write = case, getattr(message, case), self.writers[case]
        event = b"event: %s\n" % name.encode()
        if self.number and (number := getattr(message, self.number)):
            event += b"id: %d\n" % number
        members = {name: data} if write is None else write(data)
        return event + b"data: " + orjson.dumps(members) + b"\n\n"


class EventsHandler:
    """Serves one server-streaming operation."""

    def __init__(self, operation: Operation, upstream: Upstream, settings: GatewaySettings) -> None:
        self._binder = Binder(operation, max_json_bytes=settings.max_json_bytes)
        self._form = EventForm.of(operation.response)
        self._method = upstream.server_stream(operation.domain, operation.rpc)
        self._timeout = settings.stream_timeout_seconds
        self._heartbeat = settings.heartbeat_seconds

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Answer one request with events until the RPC ends or the client leaves."""
        exchange.set_deadline(self._timeout)
        request = await self._binder.bind(exchange, variables)
        call = self._method(request, timeout=exchange.time_left())
        await relay(exchange, call, self._form.encode, heartbeat=self._heartbeat)


async def relay(
    exchange: Exchange,
    call: aio.UnaryStreamCall[bytes, bytes],
    encode: Callable[[bytes], bytes],
    *,
    heartbeat: float,
    last: bytes = b"",
    on_error: Callable[[Exchange, ProblemError], bytes] | None = None,
) -> None:
    """Send each message of a stream as one event, as soon as it comes.

    An error before the first message is raised and becomes a plain response; one after it becomes an event, as does the
    end of the gateway. A client that leaves is noticed at once, not at the next write, and the call is canceled.

    Raises:
        ClientGoneError: the client left.
        grpc.RpcError: the call failed before its first message.
        asyncio.CancelledError: the gateway stopped before it.
    """
    sink = EventSink(exchange, heartbeat)
    try:
        with exchange.canceling(call), sink.beating():
            while (raw := await next_message(call)) is not None:
                await sink.send(encode(raw))
                # uvicorn's send does not yield while the socket takes the bytes: give other tasks their turn.
                await asyncio.sleep(0)
            await sink.end(last)
    except (grpc.RpcError, asyncio.CancelledError) as error:
        if not exchange.started:
            raise
        problem = from_error(from_rpc_error(error)) if isinstance(error, grpc.RpcError) else stopping()
        await sink.end((on_error or _error_event)(exchange, problem))
    finally:
        call.cancel()


class EventSink:
    """Writes events to the client, one at a time."""

    def __init__(self, exchange: Exchange, heartbeat: float) -> None:
        self._exchange = exchange
        self._heartbeat = heartbeat
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._turn = asyncio.Lock()
        self._timer: asyncio.TimerHandle
        self._beat: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Send heartbeats while the stream is silent, for as long as the block runs."""
        self._timer = self._loop.call_later(self._heartbeat, self._look)
        try:
            yield
        finally:
            self._timer.cancel()
            if self._beat is not None:
                self._beat.cancel()

    async def send(self, event: bytes, *, more: bool = True) -> None:
        """Send one event; before the first one, the headers."""
        async with self._turn:
            self._last = self._loop.time()
            if not self._exchange.started:
                await self._exchange.start(200, HEADERS)
            await self._exchange.write(event, more=more)

    async def end(self, event: bytes) -> None:
        """Send the last event and close the response."""
        await self.send(event, more=False)

    def _look(self) -> None:
        """Send a comment, which keeps proxies from closing a silent connection, or look again when one is due."""
        left = self._last + self._heartbeat - self._loop.time()
        if left <= 0 and (self._beat is None or self._beat.done()):
            self._beat = asyncio.create_task(self.send(_HEARTBEAT))
        self._timer = self._loop.call_later(left if left > 0 else self._heartbeat, self._look)


def _error_event(exchange: Exchange, problem: ProblemError) -> bytes:
    """Encode a failure after the stream began as an event that holds the problem details."""
    return b"event: error\ndata: " + orjson.dumps(problem.body(exchange.request_id)) + b"\n\n"
