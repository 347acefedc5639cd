"""Loopback ports, and probes that tell whether a server is ready."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

import grpc

from services.kit.addresses import bound, with_port

LOOPBACK = "127.0.0.1"
_PROBE_SECONDS = 2.0


def free_ports(count: int, host: str = LOOPBACK) -> list[int]:
    """Return `count` different TCP ports that nothing listens on at the moment.

    Raises:
        services.kit.addresses.ListenError: the host is none of this machine's.
    """
    with contextlib.ExitStack() as listeners:
        return [int(listeners.enter_context(bound(host, 0)).getsockname()[1]) for _ in range(count)]


def free_port(host: str = LOOPBACK) -> int:
    """Return a TCP port that nothing listens on at the moment."""
    return free_ports(1, host)[0]


class RefusedAnswerError(RuntimeError):
    """A process answered a probe, and not as it should."""


def grpc_probe(target: str, method: str, accept: Callable[[bytes], bool]) -> Callable[[], Awaitable[None]]:
    """Return a probe that calls a unary RPC with an empty request and raises unless `accept` takes the raw answer.

    It works on bytes, so that the supervising process need not load generated code.
    """

    async def probe() -> None:
        # Connections of its own: what others of this process failed to connect to waits longer and longer.
        async with grpc.aio.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            try:
                answer = await channel.unary_unary(method, None, None)(b"", timeout=_PROBE_SECONDS)
            except grpc.aio.AioRpcError as error:
                raise RuntimeError(f"{target} does not answer {method}: {error.code().name}") from error
            if not accept(answer):
                raise RefusedAnswerError(f"{target} answered {method}, but is not serving")

    return probe


async def http_get(host: str, port: int, path: str) -> tuple[int, bytes]:
    """Return the status and the body of `GET path`.

    Raises:
        OSError: nobody listens there, or the connection was lost.
        RuntimeError: the answer is not HTTP.
        TimeoutError: the answer did not come within 2 seconds.
    """
    async with asyncio.timeout(_PROBE_SECONDS):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {with_port(host, port)}\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read(-1)
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    match head.split(maxsplit=2):
        case [_, status, *_] if status.isdigit():
            return int(status), body
    raise RuntimeError(f"http://{with_port(host, port)}{path} answered {head[:100]!r}")


def http_probe(host: str, port: int, path: str) -> Callable[[], Awaitable[None]]:
    """Return a probe that raises unless `GET path` is answered with 200."""

    async def probe() -> None:
        status, _ = await http_get(host, port, path)
        if status != 200:
            raise RuntimeError(f"http://{with_port(host, port)}{path} answered {status}")

    return probe


_BOLT_HELLO = bytes.fromhex("6060b01700000404000000040000000000000000")
"""The preamble of Bolt, and versions that the client would speak: 4.4, 4.0."""


def bolt_probe(host: str, port: int) -> Callable[[], Awaitable[None]]:
    """Return a probe that raises unless a server agrees on a version of Bolt."""

    async def probe() -> None:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_BOLT_HELLO)
                version = await reader.readexactly(4)
            finally:
                writer.close()
        if not any(version):
            raise RuntimeError(f"{host}:{port} speaks no Bolt that Tiku knows")

    return probe


_HELLO, _GOODBYE, _BEGIN, _RUN, _PULL, _COMMIT = 0x01, 0x02, 0x11, 0x10, 0x3F, 0x12
_EVERYTHING = bytes.fromhex("a1816eff")
"""The map of `n` and -1."""


async def bolt_ask(host: str, port: int, user: str, password: str, statements: Sequence[str]) -> bytes:
    """Run statements over Bolt, each in a transaction, and return all that the server says until it hangs up.

    It loads no driver, which takes 31 MB.
    """
    account = {"user_agent": "tiku", "scheme": "basic", "principal": user, "credentials": password}
    messages: list[tuple[int, *tuple[bytes, ...]]] = [(_HELLO, _packed_map(account))]
    for statement in statements:
        run = _packed_text(statement), _packed_map({}), _packed_map({})
        messages += ((_BEGIN, _packed_map({})), (_RUN, *run), (_PULL, _EVERYTHING), (_COMMIT,))
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_BOLT_HELLO)
        for kind, *fields in (*messages, (_GOODBYE,)):
            body = bytes((0xB0 + len(fields), kind)) + b"".join(fields)
            writer.write(len(body).to_bytes(2, "big") + body + b"\0\0")
        return await reader.read(-1)
    finally:
        writer.close()


def _packed_text(text: str) -> bytes:
    data = text.encode()
    return bytes((0xD0, len(data))) + data


def _packed_map(values: Mapping[str, str]) -> bytes:
    pairs = (_packed_text(name) + _packed_text(value) for name, value in values.items())
    return bytes((0xA0 + len(values),)) + b"".join(pairs)
