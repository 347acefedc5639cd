"""Files out of server-streaming RPCs: bytes with ranges and validators (RFC 9110) and a safe disposition."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from google.protobuf.message import Message
from grpc import aio

from gateway.binding import Binder
from gateway.contract import Operation, descriptor_of, file_messages
from gateway.exchange import Exchange
from gateway.problems import ProblemError
from gateway.settings import GatewaySettings
from gateway.upstream import Upstream, next_message
from services.kit import errors

_RANGE = re.compile(rb"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(; ?charset=[A-Za-z0-9._-]+)?")
_PLAIN_NAME = re.compile(r"[^A-Za-z0-9 ._()+,-]")

_SAFE: tuple[tuple[bytes, bytes], ...] = (
    (b"accept-ranges", b"bytes"),
    (b"cache-control", b"private, no-cache"),
    # An uploaded page must never run as part of this site.
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A range of bytes of a file; both ends belong to it."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """The number of bytes."""
        return self.last - self.first + 1


class DownloadHandler:
    """Serves one server-streaming operation whose messages are a file."""

    def __init__(self, operation: Operation, upstream: Upstream, settings: GatewaySettings) -> None:
        parts = file_messages(descriptor_of(operation.response))
        if parts is None:
            raise TypeError(f"{operation.rpc} does not yield a file")
        self._request = operation.request
        self._response = operation.response
        self._parts = parts
        self._binder = Binder(operation, max_json_bytes=settings.max_json_bytes)
        self._method = upstream.server_stream(operation.domain, operation.rpc)
        self._timeout = settings.stream_timeout_seconds

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Answer with the file, a range of it, or what a conditional or HEAD request asks for."""
        exchange.set_deadline(self._timeout)
        request = self._request.FromString(await self._binder.bind(exchange, variables))
        span = None
        wanted = exchange.headers.get(b"range") if exchange.method == "GET" else None
        if wanted is not None:
            # What a range means depends on the size, so a first call asks for that.
            with _reading(self, exchange, request) as reading:
                description = await reading.description()
            if _current(exchange, description):
                span = resolve_range(wanted, description.size_bytes)
        if span is not None:
            request.offset_bytes, request.length_bytes = span.first, span.length  # type: ignore[attr-defined]
        with _reading(self, exchange, request) as reading:
            description = await reading.description()
            await self._respond(exchange, reading, description, span)

    async def _respond(self, exchange: Exchange, reading: _Reading, description: Any, span: ByteRange | None) -> None:
        headers = _headers(description)
        if _matches(exchange.headers.get(b"if-none-match"), _etag(description)):
            await exchange.start(304, headers)
            await exchange.write(b"", more=False)
            return
        partial = span is not None or description.length_bytes != description.size_bytes
        if partial and description.length_bytes:
            first = description.offset_bytes
            headers.append(
                (
                    b"content-range",
                    b"bytes %d-%d/%d" % (first, first + description.length_bytes - 1, description.size_bytes),
                )
            )
        headers.append((b"content-length", b"%d" % description.length_bytes))
        await exchange.start(206 if partial else 200, headers)
        if exchange.method != "HEAD":
            async for chunk in reading.chunks():
                await exchange.write(chunk)
                await asyncio.sleep(0)
        await exchange.write(b"", more=False)

    def open(self, exchange: Exchange, request: Message) -> aio.UnaryStreamCall[bytes, bytes]:
        """Start the RPC."""
        return self._method(request.SerializeToString(), timeout=exchange.time_left())

    def part(self, raw: bytes) -> Any:
        """Return the description or the bytes in a message; None when it holds neither."""
        message = self._response.FromString(raw)
        for field in (self._parts.chunk, self._parts.description):
            if message.HasField(field.name):
                return getattr(message, field.name)
        return None


@contextlib.contextmanager
def _reading(handler: DownloadHandler, exchange: Exchange, request: Message) -> Iterator[_Reading]:
    """Read an RPC, which the end of the block stops, and so does a client that leaves."""
    call = handler.open(exchange, request)
    try:
        with exchange.canceling(call):
            yield _Reading(handler, call)
    finally:
        call.cancel()


class _Reading:
    """An RPC that is being read."""

    def __init__(self, handler: DownloadHandler, call: aio.UnaryStreamCall[bytes, bytes]) -> None:
        self._handler = handler
        self._call = call

    async def description(self) -> Any:
        """Return the description of the file.

        Raises:
            Internal: the service sent none.
        """
        raw = await next_message(self._call)
        part = None if raw is None else self._handler.part(raw)
        if not isinstance(part, Message):
            raise errors.Internal("The service sent no description of the file.")
        return part

    async def chunks(self) -> Any:
        """Yield the bytes as they come."""
        while (raw := await next_message(self._call)) is not None:
            part = self._handler.part(raw)
            if part:
                yield part


def resolve_range(header: bytes, size: int) -> ByteRange | None:
    """Return the bytes that a Range header asks for; None for one to ignore (several ranges, another unit).

    Raises:
        ProblemError: 416, the range is outside the file.
    """
    found = _RANGE.fullmatch(header)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        span = ByteRange(size - length, size - 1)
    else:
        last = int(found[2]) if found[2] else size - 1
        if found[2] and last < int(found[1]):
            return None
        span = ByteRange(int(found[1]), min(last, size - 1))
    if span.length <= 0:
        raise ProblemError(
            416,
            "RANGE_NOT_SATISFIABLE",
            f"The file has {size} bytes.",
            headers=[(b"content-range", b"bytes */%d" % size)],
        )
    return span


def disposition(name: str) -> bytes:
    """Return the Content-Disposition that saves a file under its name, in any script (RFC 6266)."""
    plain = _PLAIN_NAME.sub("_", name).strip(" .") or "file"
    header = f'attachment; filename="{plain}"'
    if plain != name:
        header += "; filename*=UTF-8''" + quote(name.encode("utf-8", "replace"), safe="")
    return header.encode("ascii")


def _headers(description: Any) -> list[tuple[bytes, bytes]]:
    media_type = description.media_type
    if not _MEDIA_TYPE.fullmatch(media_type):
        media_type = "application/octet-stream"
    return [
        (b"content-type", media_type.encode("ascii")),
        (b"content-disposition", disposition(description.name)),
        (b"etag", _etag(description)),
        *_SAFE,
    ]


def _etag(description: Any) -> bytes:
    sha256: str = description.sha256
    return b'"' + sha256.encode("ascii", "replace") + b'"'


def _current(exchange: Exchange, description: Any) -> bool:
    """Return whether If-Range, where given, names the file as it is; if not, the range is ignored."""
    expected = exchange.headers.get(b"if-range")
    return expected is None or expected.strip() == _etag(description)


def _matches(header: bytes | None, etag: bytes) -> bool:
    """Return whether If-None-Match names the file as it is."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix(b"W/") for tag in header.split(b",")]
    return b"*" in tags or etag in tags
