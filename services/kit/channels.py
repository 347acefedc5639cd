"""Channels to other services that pass on the deadline, the ids and the user of the current request.

grpc.aio's client interceptors create several tasks for each call. Here the channel itself adds what every call needs,
at the cost of one Python call.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

from services.kit import context, tracing
from services.kit.connection import DeferredCall, ServiceConnection

END: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # Not in the stubs.
"""What a stream of responses gives behind its last one."""
_OPTIONS: tuple[tuple[str, Any], ...] = (
    # A server answers pings that come more often than every 5 minutes with GOAWAY.
    ("grpc.keepalive_time_ms", 300_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Despite its name this also limits one attempt to connect: 20 s by default, lost on an address that is gone.
    ("grpc.min_reconnect_backoff_ms", 3_000),
    # A container that starts again has another address; by default gRPC looks only every 30 s.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.lb_policy_name", "round_robin"),
    # A new channel must not wait for the back-off of the one that it replaces.
    ("grpc.use_local_subchannel_pool", 1),
)


@contextlib.asynccontextmanager
async def open_channel(
    target: str,
    *,
    default_timeout: float = 30.0,
    retry: Sequence[str] = (),
    max_message_bytes: int = 64 * 1024 * 1024,
) -> AsyncIterator[Channel]:
    """Open a channel to `target` (host:port, unix:path or any gRPC name) for generated stubs.

    A call gets its own `timeout`, or `default_timeout` seconds where it names none, and never more than the current
    request has left; a request whose time is spent raises `DeadlineExceeded` and sends nothing. A call that finds the
    connection lost waits for a new one, `connection.MAX_WAIT_SECONDS` at most. A call that sends a stream does not
    wait: await `connected` before it.

    `retry` names services (`tiku.llm.v1.LlmService`) or methods (`tiku.llm.v1.LlmService/Embed`) that gRPC itself may
    send again when the server is unavailable: those that change nothing when repeated.
    """
    options = [
        *_OPTIONS,
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
    ]
    if retry:
        options.append(("grpc.service_config", service_config(retry)))
    connection = ServiceConnection(lambda: grpc.aio.insecure_channel(target, options=options))
    try:
        yield Channel(connection, default_timeout)
    finally:
        await connection.close()


def service_config(retry: Sequence[str]) -> str:
    """Return gRPC's own configuration for a channel that retries these services and methods; "" stands for all."""
    names = []
    for name in retry:
        service, _, method = name.partition("/")
        names.append({"service": service, "method": method} if method else {"service": service})
    policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps({"methodConfig": [{"name": names, "retryPolicy": policy}]})


def outgoing_metadata() -> tuple[tuple[str, str], ...]:
    """Return the current request's ids, and whose it is, as the next hop expects them."""
    request = context.current()
    metadata = [("x-tiku-user", request.user_id)]
    if request.key:
        metadata.append(("x-tiku-key", request.key))
    if request.organization:
        metadata.append(("x-tiku-organization", request.organization))
    if request.accept_language:
        metadata.append(("accept-language", request.accept_language))
    if request.request_id:
        metadata.append(("x-request-id", request.request_id))
    if header := tracing.traceparent():
        metadata.append(("traceparent", header))
    return tuple(metadata)


class _Call:
    """A method of the channel, as stubs call it."""

    def __init__(
        self,
        connection: ServiceConnection,
        kind: str,
        arguments: Any,
        options: Any,
        default_timeout: float,
        *,
        deferred: bool,
    ) -> None:
        self._connection = connection
        self._kind, self._arguments, self._options = kind, arguments, options
        self._default_timeout = default_timeout
        self._deferred = deferred
        self._generation = connection.generation
        self._inner = self._bind()

    def __call__(self, *arguments: Any, timeout: float | None = None, metadata: Any = None, **options: Any) -> Any:
        seconds = context.time_for(self._default_timeout if timeout is None else timeout)
        metadata = (*outgoing_metadata(), *(metadata or ()))
        if self._deferred and self._connection.lost():
            return DeferredCall(self._connection, seconds, lambda left: self._begin(arguments, left, metadata, options))
        return self._begin(arguments, seconds, metadata, options)

    def _bind(self) -> Any:
        return getattr(self._connection.channel, self._kind)(*self._arguments, **self._options)

    def _begin(self, arguments: Any, timeout: float, metadata: Any, options: Any) -> Any:
        if self._generation != self._connection.generation:
            self._inner = self._bind()
            self._generation = self._connection.generation
        if tracing.on():
            return self._traced(arguments, timeout, metadata, options)
        return self._inner(*arguments, timeout=timeout, metadata=metadata, **options)

    def _traced(self, arguments: Any, timeout: float, metadata: Any, options: Any) -> Any:
        """Begin a call with a span of its own, which ends when the call does."""
        service, _, method = self._arguments[0].removeprefix("/").rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        span = tracing.span(f"{service}/{method}", "CLIENT", attributes)
        metadata = [(name, value) for name, value in metadata if name != "traceparent"]
        metadata.append(("traceparent", span.traceparent))
        call = self._inner(*arguments, timeout=timeout, metadata=metadata, **options)
        call.add_done_callback(lambda call: _ending.add(asyncio.ensure_future(_end(span, call))))
        return call


_ending: set[asyncio.Future[None]] = set()
"""Ends of spans under way, so that none is collected."""


async def _end(span: tracing.Span, call: Any) -> None:
    """End the span of a call that is done with the status that it ended in."""
    code = await call.code()
    span.set("rpc.grpc.status_code", code.value[0])
    if code is grpc.StatusCode.OK:
        span.end()
    elif code is grpc.StatusCode.CANCELLED:
        span.end(asyncio.CancelledError())
    else:
        span.end(RpcFailedError(code.name))
    _ending.difference_update([one for one in _ending if one.done()])


class RpcFailedError(Exception):
    """A call ended in another status than OK; its text is the status."""


class Channel(grpc.aio.Channel):
    """A channel that passes on the current request, and connects anew when it is lost."""

    def __init__(self, connection: ServiceConnection, default_timeout: float) -> None:
        self._connection = connection
        self._default_timeout = default_timeout

    async def connected(self) -> None:
        """Wait for a lost connection, `connection.MAX_WAIT_SECONDS` at most."""
        await self._connection.regained()

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        """Return a method of one request and one response."""
        return self._method("unary_unary", arguments, options, deferred=True)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        """Return a method of one request and a stream of responses."""
        return self._method("unary_stream", arguments, options, deferred=True)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        """Return a method of a stream of requests and one response."""
        return self._method("stream_unary", arguments, options, deferred=False)

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        """Return a method of a stream of requests and a stream of responses."""
        return self._method("stream_stream", arguments, options, deferred=False)

    def _method(self, kind: str, arguments: Any, options: Any, *, deferred: bool) -> _Call:
        return _Call(self._connection, kind, arguments, options, self._default_timeout, deferred=deferred)

    async def close(self, grace: float | None = None) -> None:
        """Close the connection and cancel its calls, whatever `grace` says."""
        await self._connection.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return the state of the present connection."""
        return self._connection.channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the present connection is in another state."""
        await self._connection.channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until the present connection is ready."""
        await self._connection.channel.channel_ready()

    async def __aenter__(self) -> grpc.aio.Channel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
