"""Files from HTTP into client-streaming RPCs, a piece at a time.

A file comes as the one file part of a `multipart/form-data` body, or is itself the `application/octet-stream` body. Its
description (name, kind and so on) comes from query parameters, or from form fields *before* the file: the description
is the RPC's first message, so a field after the file would be too late.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias
from urllib.parse import quote, unquote_to_bytes

import grpc
from google.protobuf.descriptor import FieldDescriptor
from grpc import aio
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.contract import Operation, descriptor_of, file_messages, message_of
from gateway.exchange import MAX_TIMEOUT_SECONDS, Exchange
from gateway.problems import ProblemError, invalid
from gateway.settings import GatewaySettings
from gateway.transcoding import ToJson, fill_from_query
from gateway.upstream import EndedEarlyError, Upstream, send
from services.kit.errors import FieldViolation

PIECE_BYTES = 256 * 1024
"""Bytes of a file that one message carries. This and the socket's own buffer are all of a file that is in memory."""

_MAX_FIELDS = 32
_MAX_FIELD_BYTES = 64 * 1024
_MAX_PART_HEADERS = 16
_EXTENDED_NAME = re.compile(rb"filename\*\s*=\s*\"?(utf-8|iso-8859-1)'[^']*'([^;\"\s]+)", re.IGNORECASE)
_QUOTED_NAME = re.compile(rb"[A-Za-z0-9._~-]*(?:%[0-9A-F]{2}[A-Za-z0-9._~-]*)+")


@dataclass(frozen=True, slots=True)
class FormField:
    """A form field that is not a file."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FileBegins:
    """The beginning of the file part."""

    name: str


FormItem: TypeAlias = FormField | FileBegins | bytes


class UploadHandler:
    """Serves one client-streaming operation whose messages are a file."""

    def __init__(self, operation: Operation, upstream: Upstream, settings: GatewaySettings) -> None:
        parts = file_messages(descriptor_of(operation.request))
        if parts is None:
            raise TypeError(f"{operation.rpc} does not take a file")
        self._operation = operation
        self._to_json = ToJson(operation.response)
        self._description, self._chunk = parts.description, parts.chunk
        self._method = upstream.client_stream(operation.domain, operation.rpc)
        self._connected = partial(upstream.connected, operation.domain)
        self._timeout = settings.stream_timeout_seconds
        self._bytes_per_second = settings.min_body_bytes_per_second

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Stream one file into the RPC and answer with its response.

        A failure cancels the RPC, so that its service keeps nothing.
        """
        exchange.set_deadline(self._time_for(exchange))
        async with aclosing(self._items(exchange)) as items:
            description = await self._described(exchange, items)
            async with aclosing(_pieces(exchange, items)) as pieces:
                raw = await self._upload(exchange, description, pieces)
        await exchange.respond(200, await self._to_json.encode_async(raw))

    async def _upload(self, exchange: Exchange, description: bytes, pieces: AsyncIterator[bytes]) -> bytes:
        # Nothing of the service is taken before there is something for it: most files are whole by then.
        first = await anext(pieces, b"")
        with exchange.uploading():
            await self._connected()
            call = self._method(timeout=exchange.time_left())
            try:
                return await self._stream(exchange, call, description, first, pieces)
            finally:
                call.cancel()

    def _time_for(self, exchange: Exchange) -> float:
        """Return the seconds for an upload whose client names none: it is not cut while it keeps the least rate."""
        size = exchange.content_length()
        if size is None:
            return MAX_TIMEOUT_SECONDS
        return min(MAX_TIMEOUT_SECONDS, self._timeout + size / self._bytes_per_second)

    async def _items(self, exchange: Exchange) -> AsyncGenerator[FormItem, None]:
        """Yield the upload as form items, whichever way it comes."""
        if exchange.content_type == "multipart/form-data":
            async for item in read_form(exchange):
                yield item
        elif exchange.content_type == "application/octet-stream":
            yield FileBegins("")
            more = True
            while more:
                body, more = await exchange.next_body()
                yield body
        else:
            raise ProblemError(
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                "Send the file as multipart/form-data, or as the body with Content-Type: application/octet-stream "
                "and its name as the query parameter `name`.",
            )

    async def _described(self, exchange: Exchange, items: AsyncIterator[FormItem]) -> bytes:
        """Build the first message from the query and the fields before the file."""
        fields: list[FormField] = []
        async for item in items:
            if isinstance(item, FileBegins):
                return self._first_message(exchange.query, fields, item.name)
            if isinstance(item, FormField):
                fields.append(item)
        raise invalid("The form holds no file.", FieldViolation("file", "is required"), reason="FILE_MISSING")

    def _first_message(self, query: bytes, fields: list[FormField], file_name: str) -> bytes:
        message = self._operation.request()
        description = getattr(message, self._description.name)
        description.SetInParent()
        pairs = [f"{quote(f.name, safe='')}={quote(f.value, safe='')}".encode() for f in fields]
        fill_from_query(description, b"&".join([*filter(None, [query]), *pairs]))
        name = message_of(self._description).fields_by_name.get("name")
        if name is not None and name.type == FieldDescriptor.TYPE_STRING and not description.name:
            if not file_name:
                raise invalid("The file has no name.", FieldViolation("name", "is required"), reason="NAME_MISSING")
            description.name = file_name
        return message.SerializeToString()

    async def _stream(
        self,
        exchange: Exchange,
        call: aio.StreamUnaryCall[bytes, bytes],
        description: bytes,
        first: bytes,
        pieces: AsyncIterator[bytes],
    ) -> bytes:
        """Write everything, each message as soon as the service takes it; return the response."""
        try:
            await send(call, description)
            if first:
                await self._write(call, first)
            async for piece in pieces:
                await self._write(call, piece)
            await call.done_writing()
        except (EndedEarlyError, aio.InternalError, grpc.RpcError):
            # The service ended the call before the file's end; its response says why.
            pass
        raw: bytes = await exchange.result_of(call)
        return raw

    async def _write(self, call: aio.StreamUnaryCall[bytes, bytes], piece: bytes) -> None:
        await send(call, self._operation.request(**{self._chunk.name: piece}).SerializeToString())


async def _pieces(exchange: Exchange, items: AsyncIterator[FormItem]) -> AsyncGenerator[bytes, None]:
    """Yield the file in messages; the first one counts as bytes that wait, because it has no call yet."""
    gathered = bytearray()
    yielded = False
    async for item in items:
        if not isinstance(item, bytes):
            raise _after_the_file(item)
        gathered += item
        if not yielded:
            exchange.keep(len(item))
        if len(gathered) >= PIECE_BYTES:
            yield bytes(gathered)
            yielded = True
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _after_the_file(item: FormItem) -> ProblemError:
    if isinstance(item, FileBegins):
        return invalid("One file a request.", FieldViolation("file", "is given more than once"), reason="FILE_REPEATED")
    assert isinstance(item, FormField)
    return invalid(
        "Form fields stand before the file, or are query parameters.",
        FieldViolation(item.name, "must stand before the file"),
        reason="FIELD_AFTER_FILE",
    )


async def read_form(exchange: Exchange) -> AsyncIterator[FormItem]:
    """Yield the parts of a form as they arrive: fields whole, a file as its beginning and its bytes.

    Raises:
        ProblemError: 400, the form is malformed or ends early; 413, its fields are too large.
        ClientGoneError: the client left.
    """
    form = _Form(exchange.headers.get(b"content-type", b""))
    more = True
    while more:
        body, more = await exchange.next_body()
        for item in form.feed(body):
            yield item
    if not form.complete:
        raise _malformed("it ends before its last boundary")


class _Form:
    """Gathers what the callbacks of a push parser say into form items."""

    def __init__(self, content_type: bytes) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:
            raise _malformed("Content-Type names no boundary of 1 to 70 characters")
        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(
            boundary,
            callbacks,  # type: ignore[arg-type]
            max_header_count=_MAX_PART_HEADERS,
        )
        self._items: list[FormItem] = []
        self._fields = 0
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._field: str | None = None
        self._value = bytearray()
        self.complete = False

    def feed(self, data: bytes) -> list[FormItem]:
        """Return the items that `data` completes."""
        if not data:
            return []
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise _malformed(str(error)) from None
        items, self._items = self._items, []
        return items

    def _on_part_begin(self) -> None:
        self._disposition = b""
        self._field = None
        self._value.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise _malformed("a part has no Content-Disposition: form-data with a name")
        self._fields += 1
        if self._fields > _MAX_FIELDS:
            raise ProblemError(413, "FORM_TOO_LARGE", f"The form has more than {_MAX_FIELDS} parts.")
        name = _text(options[b"name"], "a field's name")
        extended = _EXTENDED_NAME.search(self._disposition)
        if b"filename" in options or extended:
            self._items.append(FileBegins(_file_name(options.get(b"filename", b""), extended)))
        else:
            self._field = name

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._items.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > _MAX_FIELD_BYTES:
            raise ProblemError(413, "FORM_TOO_LARGE", f"A form field is larger than {_MAX_FIELD_BYTES} bytes.")

    def _on_part_end(self) -> None:
        if self._field is not None:
            self._items.append(FormField(self._field, _text(bytes(self._value), self._field)))

    def _on_end(self) -> None:
        self.complete = True


def _file_name(plain: bytes, extended: re.Match[bytes] | None) -> str:
    """Return a file's name from `filename*` (RFC 5987) or else `filename`, in which browsers write UTF-8."""
    if extended is not None:
        raw = unquote_to_bytes(extended[2])
        return raw.decode("latin-1") if extended[1].lower() == b"iso-8859-1" else _text(raw, "the file's name")
    if _QUOTED_NAME.fullmatch(plain):
        # The client of aiohttp, among others, percent-encodes everything but letters, digits and "-._~".
        return _text(unquote_to_bytes(plain), "the file's name")
    # Browsers escape a quote as %22 and leave every other percent sign as it is (WHATWG HTML, multipart/form-data).
    return _text(plain.replace(b"%22", b'"'), "the file's name")


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed(f"{what} is not UTF-8") from None


def _malformed(fault: str) -> ProblemError:
    return ProblemError(400, "MALFORMED_FORM", f"The form cannot be read: {fault}.")
