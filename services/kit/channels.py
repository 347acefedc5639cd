"""Channels to other services, through which deadline, ids and user travel on their own.

grpc.aio's client interceptors build several tasks a call; here the channel itself adds what every call needs, at the
price of one Python call.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

from services.kit import context, errors

_OPTIONS: tuple[tuple[str, Any], ...] = (
    (
        "grpc.keepalive_time_ms",
        300_000,
    ),  # Pings more often than every 5 minutes earn a GOAWAY from the server.
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Despite its name also how long one attempt to connect may take: 20 s by default, spent on an address that is gone.
    ("grpc.min_reconnect_backoff_ms", 3_000),
    # A container that starts again has another address; gRPC's own rule is to look no more often than every 30 s.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.lb_policy_name", "round_robin"),
)


@contextlib.asynccontextmanager
async def open_channel(
    target: str,
    *,
    default_timeout: float = 30.0,
    retry: Sequence[str] = (),
    max_message_bytes: int = 64 * 1024 * 1024,
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to `target` (host:port, unix:path or any gRPC name) for generated stubs.

    Each call gets the smaller of its own `timeout`, or `default_timeout` seconds where it names none, and what is
    left of the current request; a request whose time is spent raises `DeadlineExceeded` and sends nothing.

    `retry` names services (`tiku.llm.v1.LlmService`) or methods (`tiku.llm.v1.LlmService/Embed`) that may be sent
    again, by gRPC itself, when the server is unavailable: those that change nothing when repeated.
    """
    options = [
        *_OPTIONS,
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
    ]
    if retry:
        options.append(("grpc.service_config", _service_config(retry)))
    channel = grpc.aio.insecure_channel(target, options=options)
    try:
        yield _Channel(channel, default_timeout)
    finally:
        await channel.close(None)


def _service_config(retry: Sequence[str]) -> str:
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
    """The current request's ids and user, as the next hop expects them."""
    request = context.current()
    metadata = [("x-tiku-user", request.user_id)]
    if request.request_id:
        metadata.append(("x-request-id", request.request_id))
        metadata.append(("traceparent", context.traceparent(request.trace_id)))
    return tuple(metadata)


def time_for(timeout: float) -> float:
    """Seconds that an outgoing call gets: `timeout`, or less where the current request has less left."""
    left = context.remaining()
    if left is None:
        return timeout
    if left <= 0:
        raise errors.DeadlineExceeded("The time allowed for this request is spent.")
    return min(timeout, left)


class _Call:
    """A method of the channel as stubs call it."""

    def __init__(self, inner: Any, default_timeout: float) -> None:
        self._inner = inner
        self._default_timeout = default_timeout

    def __call__(self, *arguments: Any, timeout: float | None = None, metadata: Any = None, **options: Any) -> Any:
        return self._inner(
            *arguments,
            timeout=time_for(self._default_timeout if timeout is None else timeout),
            metadata=(*outgoing_metadata(), *(metadata or ())),
            **options,
        )


class _Channel(grpc.aio.Channel):
    """A channel that knows the current request."""

    def __init__(self, inner: grpc.aio.Channel, default_timeout: float) -> None:
        self._inner = inner
        self._default_timeout = default_timeout

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        return _Call(self._inner.unary_unary(*arguments, **options), self._default_timeout)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        return _Call(self._inner.unary_stream(*arguments, **options), self._default_timeout)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        return _Call(self._inner.stream_unary(*arguments, **options), self._default_timeout)

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        return _Call(self._inner.stream_stream(*arguments, **options), self._default_timeout)

    async def close(self, grace: float | None = None) -> None:
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()

    async def __aenter__(self) -> grpc.aio.Channel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
