"""Parts of a file that are files of another format, such as what Word inserts without converting it (altChunk)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import decode
from services.docs.adapters.parsers.html import declared_charset, write_fragment
from services.docs.adapters.parsers.mail import write_mail
from services.docs.adapters.parsers.rtf import write_rtf
from services.docs.adapters.parsers.text import write_text
from services.docs.domain.upload.media_types import HTML, MAIL, RTF, TEXT
from services.docs.domain.upload.sniffing import HEAD_BYTES, TAIL_BYTES, sniff
from services.docs.values.parsed_document import ParseError, ParseReason, WarningReason

_NOT_READ = frozenset(
    {ParseReason.CORRUPT_FILE, ParseReason.TRUNCATED_FILE, ParseReason.ENCRYPTED_FILE, ParseReason.INVALID_ENCODING}
    | {ParseReason.MEDIA_TYPE_MISMATCH, ParseReason.UNSUPPORTED_MEDIA_TYPE}
)
"""Faults of a part that leave the rest of its file readable; limits hold for the whole."""


def foreign_media_type(data: bytes, name: str) -> str:
    """Return the media type of a part by its content."""
    media_type = sniff(data[:HEAD_BYTES], name, data[-TAIL_BYTES:])
    # The package's own XML may stand there, which looks like text where it does not begin with a declaration.
    return "application/xml" if media_type == TEXT and name.lower().endswith(".xml") else media_type


@contextmanager
def read_or_warn(builder: DocumentBuilder) -> Iterator[None]:
    """Warn where a part cannot be read; its title is not that of the file."""
    title = builder.title
    try:
        yield
    except ParseError as error:
        if error.reason not in _NOT_READ:
            raise
        builder.warn_of_all(WarningReason.PARTS_NOT_READ)
    finally:
        builder.title = title


def write_foreign(data: bytes, media_type: str, builder: DocumentBuilder) -> None:
    """Write the blocks of a part that is text, a web page or RTF.

    Raises:
        ParseError: UNSUPPORTED_MEDIA_TYPE for any other format, and what the format's own parser raises.
    """
    if media_type == HTML:
        write_fragment(decode(data, declared_charset(data)), builder)
    elif media_type == MAIL:
        write_mail(data, builder, with_head=False)
    elif media_type == RTF:
        write_rtf(data, builder)
    elif media_type == TEXT:
        write_text(decode(data), builder)
    else:
        raise ParseError(ParseReason.UNSUPPORTED_MEDIA_TYPE)
