"""E-mails (`.eml`) and web pages that a browser saved as one file (`.mht`, `.mhtml`): both are MIME messages."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import decode, read_bytes
from services.docs.adapters.parsers.html import declared_charset, write_fragment, write_html
from services.docs.adapters.parsers.text import write_text
from services.docs.values.parsed_document import BlockKind, ParseError, ParseReason, WarningReason

_HEAD = ("From", "To", "Cc", "Date")
_MOST_BOUNDARIES = 200
"""The library compares each line with the boundary of every part around it, and calls itself for a part in a part."""
_WITHIN = re.compile(rb"boundary=|:\s*message/", re.IGNORECASE)
_LONGEST_HEADER = 64 * 1024
"""The library takes quadratic time to decode a longer one, which then stays as it is written."""
_BOUNDARY = re.compile(rb"^--([!#-~]{1,200})[ \t]*\r?$", re.MULTILINE)
_ENCODED_WORD = re.compile(r"=\?[^\s?]+\?[BbQq]\?[^\s?]*\?=")
_NOT_MISSED = frozenset({"pgp-signature", "pkcs7-signature", "x-pkcs7-signature", "ics"})
"""Files of a mail that no one reads as its text."""
_MARKUP = re.compile(rb"<[^<>]*>|&nbsp;")
_TEXTS = {"text/plain": 1, "text/html": 2, "application/xhtml+xml": 2}
"""What is read, and how well it shows what was written."""


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write who wrote to whom and when, and the message; of a saved page, the page. Attachments are not read."""
    write_mail(read_bytes(path, builder), builder)


def write_mail(data: bytes, builder: DocumentBuilder, *, with_head: bool = True) -> None:
    """Write the text of a MIME message, without its head where it is a part of another file."""
    builder.check_complexity(len(_WITHIN.findall(data)), _MOST_BOUNDARIES, "parts")
    try:
        message = message_from_bytes(data.removeprefix(codecs.BOM_UTF8).lstrip())
        if message.get_content_maintype() == "multipart" and not message.is_multipart():
            message = _divided(message)
    except RecursionError as error:
        raise ParseError(ParseReason.TOO_COMPLEX) from error
    except (MessageError, ValueError, LookupError) as error:
        raise ParseError(ParseReason.CORRUPT_FILE) from error
    is_page = message.get_content_type() == "multipart/related" and not message["To"]
    if with_head and not is_page:
        builder.title = _header(message, "Subject")
        _write_head(message, builder)
    for part in _texts(message, builder):
        if (inner := _inner(part)) is not None:
            _write_head(inner, builder, 2)
        else:
            _write_part(part, builder, is_page=is_page and with_head)


def _write_head(message: Message, builder: DocumentBuilder, level: int = 1) -> None:
    subject = _header(message, "Subject")
    builder.add(BlockKind.HEADING, " ".join(subject.split()), level)
    lines = [f"{name}: {' '.join(text.split())}" for name in _HEAD if (text := _header(message, name))]
    builder.add(BlockKind.PARAGRAPH, "\n".join(lines))


def _header(message: Message, name: str) -> str:
    """Return a header's text; one whose encoding is not known stays as it is written.

    Many programs write letters without the encoding that a header should have.
    """
    value = str(next((value for key, value in message.raw_items() if key.lower() == name.lower()), ""))
    if len(value) > _LONGEST_HEADER:
        return _bare(value, message)
    if value.isascii():
        return _decoded(value)
    return _ENCODED_WORD.sub(lambda word: _decoded(word[0]), _bare(value, message))


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError, MessageError):
        return value


def _bare(value: str, message: Message) -> str:
    """Return a header whose letters are written as bytes, in the encoding of the message's text as far as it fits."""
    data = value.encode("ascii", "surrogateescape")
    try:
        return decode(data, next((charset for part in message.walk() if (charset := part.get_content_charset())), ""))
    except ParseError:
        return data.decode("ascii", "replace")


def _divided(message: Message) -> Message:
    """Return a message of parts whose header names no boundary or a wrong one, by the boundary that its text has."""
    payload = message.get_payload(decode=True)
    found = _BOUNDARY.search(payload) if isinstance(payload, bytes) else None
    if found and isinstance(payload, bytes):
        divided = message_from_bytes(b'Content-Type: multipart/mixed; boundary="%s"\n\n%s' % (found[1], payload))
        if divided.is_multipart():
            message.set_payload(divided.get_payload())
            return message
    message.set_type("text/plain")
    return message


def _texts(message: Message, builder: DocumentBuilder) -> Iterator[Message]:
    """Yield the parts to read: of alternatives the best one, of a page with its pictures the page.

    A message within the message is yielded before its own parts.
    """
    kind = message.get_content_type()
    inner = _inner(message)
    if inner is not None:
        yield message
        yield from _texts(inner, builder)
    elif message.get_content_disposition() == "attachment":
        builder.warn_of_all(WarningReason.PARTS_NOT_READ)
    elif not message.is_multipart():
        if kind in _TEXTS:
            yield message
        elif _is_missed(message):
            builder.warn_of_all(WarningReason.PARTS_NOT_READ)
    else:
        found = [list(_texts(part, builder)) for part in message.get_payload() if isinstance(part, Message)]
        found = [parts for parts in found if parts]
        if kind == "multipart/alternative" and found:
            found = [max(found, key=lambda parts: max(map(_worth, parts)))]
        elif kind == "multipart/related":
            found = found[:1]
        for parts in found:
            yield from parts


def _inner(part: Message) -> Message | None:
    """Return the message that a part holds, as of a mail that was forwarded."""
    payload = part.get_payload() if part.get_content_type() == "message/rfc822" else None
    inner = payload[0] if isinstance(payload, list) and payload else None
    return inner if isinstance(inner, Message) else None


def _worth(part: Message) -> int:
    """Return how well a part shows what was written; one without a letter shows nothing."""
    data = part.get_payload(decode=True)
    has_text = isinstance(data, bytes) and _MARKUP.sub(b"", data).strip() != b""
    return _TEXTS[part.get_content_type()] if has_text else 0


def _is_missed(message: Message) -> bool:
    """Return whether a part that is not read is a file, or parts that cannot be told apart."""
    kind, _, form = message.get_content_type().partition("/")
    return kind == "multipart" or (kind == "application" and bool(message.get_filename()) and form not in _NOT_MISSED)


def _write_part(part: Message, builder: DocumentBuilder, *, is_page: bool) -> None:
    builder.check_deadline()
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return
    charset = part.get_content_charset() or ""
    if part.get_content_type() == "text/plain":
        text = decode(data, charset)
        if str(part.get_param("format", "")).lower() == "flowed":
            text = _unflowed(text, delete_space=str(part.get_param("delsp", "")).lower() == "yes")
        write_text(text, builder)
    elif is_page:
        write_html(decode(data, charset or declared_charset(data)), builder)
    else:
        write_fragment(decode(data, charset or declared_charset(data)), builder)


def _unflowed(text: str, *, delete_space: bool) -> str:
    """Return a text whose lines that end in a space go on in the next one (RFC 3676), each paragraph on a line."""
    lines: list[str] = []
    before = None  # The depth of quotes of the line that goes on.
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip(">"))
        line = line[depth:].removeprefix(" ")
        if before == depth and line != "-- ":
            lines[-1] += line
        else:
            lines.append(f"{'>' * depth} {line}" if depth else line)
        flows = line.endswith(" ") and line != "-- "
        before = depth if flows else None
        if flows and delete_space:
            lines[-1] = lines[-1][:-1]
    return "\n".join(lines)
