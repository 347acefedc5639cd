"""Loopback ports and readiness probes of the engines and services."""

import socket
from collections.abc import Awaitable, Callable

import grpc

LOOPBACK = "127.0.0.1"
_PROBE_SECONDS = 2.0


def free_port(host: str = LOOPBACK) -> int:
    """A TCP port that nothing listens on at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on ``host:port`` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
        return True


def grpc_probe(target: str, method: str, accept: Callable[[bytes], bool]) -> Callable[[], Awaitable[None]]:
    """A probe that calls a unary RPC with an empty request and raises unless ``accept`` takes the raw answer.

    Raw bytes keep generated code, and with it a client library's memory, out of the supervising process.
    """

    async def probe() -> None:
        async with grpc.aio.insecure_channel(target) as channel:
            answer = await channel.unary_unary(method, None, None)(b"", timeout=_PROBE_SECONDS)
            if not accept(answer):
                raise RuntimeError(f"{target} answered {method}, but is not serving")

    return probe
