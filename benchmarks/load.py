"""A client that costs little, so that what is measured is the server: HTTP/1.1 over bare asyncio protocols.

One `Connection` sends one prepared request at a time over a kept-alive connection and reads the answer to its end,
by Content-Length or by chunks. It understands no more of HTTP than the servers measured here send.
"""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit


def prepare(method: str, path: str, body: bytes = b"", *, accept: str = "application/json") -> bytes:
    """Return the bytes of a request."""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One kept-alive connection; `ask` gives the status and the size of the answer's body."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._body_start = 0
        self._end = 0
        """Size of head and body; 0 for a body in chunks, whose last one ends it."""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._sent_at = 0.0
        self.first_byte_seconds = 0.0
        """Time from the last request to the first byte of its answer's body."""

    @classmethod
    async def open(cls, url: str) -> Connection:
        """Connect to the host and port of `url`."""
        host, _, port = urlsplit(url).netloc.rpartition(":")
        _, protocol = await asyncio.get_running_loop().create_connection(cls, host, int(port))
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send `request` and waits for the whole answer: its status and its body as it came (chunks undecoded)."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self.first_byte_seconds = 0.0
        self._sent_at = loop.time()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._buffer += data
        if not self._body_start and not self._read_head():
            return
        size = len(self._buffer)
        if not self.first_byte_seconds and size > self._body_start:
            self.first_byte_seconds = asyncio.get_running_loop().time() - self._sent_at
        if self._answer is None or (size < self._end if self._end else not self._buffer.endswith(b"0\r\n\r\n")):
            return
        end = self._end or size
        status, body = int(self._buffer[9:12]), bytes(self._buffer[self._body_start : end])
        del self._buffer[:end]
        self._body_start = 0
        answer, self._answer = self._answer, None
        answer.set_result((status, body))

    def _read_head(self) -> bool:
        """Whether the head of an answer is there; it says where the body ends."""
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return False
        self._body_start = head_end + 4
        head = bytes(self._buffer[:head_end]).lower()
        if b"transfer-encoding: chunked" in head:
            self._end = 0
        else:
            self._end = self._body_start + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """End what waits for an answer."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


@dataclass(frozen=True, slots=True)
class Load:
    """What a number of concurrent clients saw."""

    requests: int
    seconds: float
    latencies: list[float]
    """Seconds of each request."""
    failures: int
    first_bytes: list[float]
    """Seconds to the first byte of each answer's body."""
    body_bytes: int

    @property
    def per_second(self) -> float:
        """Requests that succeeded, per second."""
        return (self.requests - self.failures) / self.seconds

    @property
    def p95(self) -> float:
        """Seconds within which 95 % of the requests were answered."""
        return statistics.quantiles(self.latencies, n=20)[-1] if len(self.latencies) > 1 else self.latencies[0]

    @property
    def p50(self) -> float:
        """The median latency in seconds."""
        return statistics.median(self.latencies)


async def run(url: str, request: bytes, *, concurrency: int, seconds: float, least: int = 1) -> Load:
    """Let `concurrency` clients ask again as soon as they are answered, for `seconds` and `least` times each.

    The last answers count too.
    """
    loop = asyncio.get_running_loop()
    connections = [await Connection.open(url) for _ in range(concurrency)]
    latencies: list[float] = []
    first_bytes: list[float] = []
    failures = body_bytes = 0
    start = loop.time()
    end = start + seconds

    async def client(connection: Connection) -> None:
        nonlocal failures, body_bytes
        answers = 0
        while (asked := loop.time()) < end or answers < least:
            status, body = await connection.ask(request)
            latencies.append(loop.time() - asked)
            first_bytes.append(connection.first_byte_seconds)
            body_bytes += len(body)
            failures += status != 200
            answers += 1

    await asyncio.gather(*(client(connection) for connection in connections))
    took = loop.time() - start
    for connection in connections:
        connection.close()
    return Load(len(latencies), took, latencies, failures, first_bytes, body_bytes)
