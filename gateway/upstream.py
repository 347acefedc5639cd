"""The methods of the services over plain bytes: what a handler does not need to read is not parsed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import Any, Self

from grpc import aio

from services.kit.channels import END, Channel, open_channel
from services.kit.in_process import Local

_INTERNAL_ERROR: type[Exception] = aio.InternalError


class Upstream:
    """Channels to the service of each domain. Calls carry the current request's ids and user."""

    def __init__(self, channels: Mapping[str, Channel], local: Local) -> None:
        self._channels = channels
        self._local = local

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        targets: Mapping[str, str],
        *,
        max_message_bytes: int,
        retryable: Mapping[str, Sequence[str]],
        local: Local = MappingProxyType({}),
    ) -> AsyncIterator[Self]:
        """Open a channel to the target of each domain.

        `retryable` names, by domain, the methods (`tiku.llm.v1.LlmService/Embed`) that may be sent again. Services that
        serve in this process (`local`) get calls of one request directly, and everything else over their channel.
        """
        async with AsyncExitStack() as stack:
            channels = {}
            for domain, target in targets.items():
                channel = open_channel(target, retry=retryable.get(domain, ()), max_message_bytes=max_message_bytes)
                channels[domain] = await stack.enter_async_context(channel)
            yield cls(channels, local)

    def unary(self, domain: str, rpc: str) -> Callable[..., aio.UnaryUnaryCall[bytes, bytes]]:
        """Return a method of bytes in, bytes out; it takes a `timeout` in seconds."""
        if domain in self._local and (method := self._local[domain].unary_unary(rpc)):
            return method  # type: ignore[return-value]  # The part of grpc.aio's call that is used here.
        return self._channels[domain].unary_unary(rpc)  # type: ignore[no-any-return]

    def server_stream(self, domain: str, rpc: str) -> Callable[..., aio.UnaryStreamCall[bytes, bytes]]:
        """Return a method of bytes in, a stream of bytes out."""
        if domain in self._local and (method := self._local[domain].unary_stream(rpc)):
            return method  # type: ignore[return-value]
        return self._channels[domain].unary_stream(rpc)  # type: ignore[no-any-return]

    def client_stream(self, domain: str, rpc: str) -> Callable[..., aio.StreamUnaryCall[bytes, bytes]]:
        """Return a method of a stream of bytes in, bytes out; await `connected` before a call."""
        return self._channels[domain].stream_unary(rpc)  # type: ignore[no-any-return]

    async def connected(self, domain: str) -> None:
        """Wait a moment for a lost connection, as calls with one request do by themselves."""
        await self._channels[domain].connected()

    def domains(self) -> list[str]:
        """Return the names of the services."""
        return list(self._channels)


async def next_message(call: aio.UnaryStreamCall[bytes, bytes]) -> bytes | None:
    """Return the next message of a stream; None at its end.

    Raises:
        grpc.RpcError: the call failed.
        asyncio.CancelledError: the call was canceled; this task may not have been.
    """
    raw: Any = await call.read()
    return None if raw is END else raw


class EndedEarlyError(Exception):
    """A call ended before everything was sent; its response says why."""


async def send(call: aio.StreamUnaryCall[bytes, bytes], message: bytes) -> None:
    """Send a message of a client stream; wait while the service is slower than we are.

    On a call that the service has just ended, `call.write` would replace the service's status by an error of its own
    (seen with grpcio 1.82.3), so the method inside it is called.

    Raises:
        EndedEarlyError: the call has ended.
    """
    await call.wait_for_connection()
    if call.done():
        raise EndedEarlyError
    inner: Any = call._cython_call  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        await inner.send_serialized_message(message)
    except _INTERNAL_ERROR as error:
        raise EndedEarlyError from error
