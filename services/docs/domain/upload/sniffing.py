"""The media type of a file from its first bytes; its name only decides between formats that look alike."""

from __future__ import annotations

import re
from pathlib import PurePath

from services.docs.domain.upload.archives import sniff_archive, sniff_compound
from services.docs.domain.upload.media_types import (
    ALSO_NAMED,
    BINARY,
    BY_SUFFIX,
    DOCX,
    EMPTY,
    HTML,
    MAIL,
    MARKDOWN,
    NOTEBOOK,
    OLE,
    PDF,
    PPTX,
    RTF,
    SUFFIXES,
    SUPPORTED,
    TEXT,
    TEXT_FAMILY,
    XLSX,
    ZIP,
    refused_format,
)
from services.docs.domain.upload.text_bytes import as_text
from services.docs.values.parsed_document import ParseError, ParseReason

HEAD_BYTES = 64 * 1024
"""Bytes of a file that `sniff` should get, or the whole file where that is smaller."""

TAIL_BYTES = 256 * 1024
"""Bytes of the end of an archive that `sniff` should get, since its directory stands there."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"{\\rtf", RTF),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ\x90\0", "application/x-executable"),
    (b"%!PS", "application/postscript"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
)
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PACKAGES = frozenset({DOCX, PPTX, XLSX})
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_PDF_REACH = 1024
_TAR_MAGIC_AT = 257

_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|article|main)\b",
    re.IGNORECASE | re.DOTALL,
)
_MAIL_START = re.compile(r"\s*(?:>?From [^\n]*\n)?[!-9;-~]+:")
"""A header, as every MIME message begins with one."""
_XML_START = re.compile(r"\s*<\?xml\b")
_MARKDOWN_HEADING = re.compile(r"^#{1,6} \S", re.MULTILINE)
_MARKDOWN_MARK = re.compile(r"^(?:```|[-*] \S|\|.*\|$|> \S)|\*\*\S.*?\S\*\*|\[[^\]\n]+\]\([^)\s]+\)", re.MULTILINE)


def sniff(head: bytes, name: str = "", tail: bytes = b"") -> str:
    """Return the media type of a file that begins with `head` (ideally `HEAD_BYTES`) and is called `name`.

    Unknown binary content is `application/octet-stream`, no content at all `application/x-empty`. The name decides only
    between formats that are text, and for an archive whose directory is not within `head` and `tail`, its last bytes.
    """
    if not head:
        return EMPTY
    suffix = PurePath(name).suffix.lower()
    if is_archive(head):
        return sniff_archive(head, suffix, tail or head)
    if head.startswith((b"PK\x05\x06", b"PK\x07\x08")):
        return ZIP
    if head.startswith(_OLE_MAGIC):
        return sniff_compound(head, suffix, tail or head)
    if known := _sniff_other(head):
        return known
    if head.lstrip(b"\xef\xbb\xbf\0 \t\r\n").startswith(b"%PDF-"):
        return PDF
    text = as_text(head)
    # Of a text that speaks of PDF, the name tells a PDF with something before its header.
    if (text is None or b"\0" in head or suffix == SUFFIXES[PDF][0]) and b"%PDF-" in head[:_PDF_REACH]:
        return PDF
    if text is None:
        return BINARY
    return _sniff_text(text, suffix)


def is_archive(head: bytes) -> bool:
    """Return whether a file that begins with `head` is a zip archive, of which also the end should be looked at."""
    return head.startswith(b"PK\x03\x04")


def admitted_media_type(head: bytes, name: str, tail: bytes = b"") -> str:
    """Return the media type of an upload that can be parsed; one of `SUPPORTED`.

    Raises:
        ParseError: EMPTY_FILE, ENCRYPTED_FILE or UNSUPPORTED_MEDIA_TYPE, or MEDIA_TYPE_MISMATCH when the name promises
            another format than the content has.
    """
    found = sniff(head, name, tail)
    if found == EMPTY:
        raise ParseError(ParseReason.EMPTY_FILE)
    suffix = PurePath(name).suffix.lower()
    promised = BY_SUFFIX.get(suffix, "")
    # Programs store some formats under the names of others; the content counts.
    promised = found if found in ALSO_NAMED.get(promised, ()) else promised
    _check_promise(head, found, promised, suffix, tail)
    if found not in SUPPORTED:
        raise _unsupported(found)
    return found


def check_content(head: bytes, media_type: str, tail: bytes = b"") -> None:
    """Check that content that begins with `head` is of `media_type`.

    Raises:
        ParseError: it is not, or that type is not one of `SUPPORTED`.
    """
    if media_type not in SUPPORTED:
        raise _unsupported(media_type)
    found = sniff(head, f"file{SUFFIXES[media_type][0]}", tail)
    if found != EMPTY:
        _check_promise(head, found, media_type, "", tail)


def _unsupported(media_type: str) -> ParseError:
    """Return the error for a media type that no parser reads."""
    word = refused_format(media_type)
    return ParseError(ParseReason.UNSUPPORTED_MEDIA_TYPE, {"media_type": media_type, "format": word}, what=word)


def _check_promise(head: bytes, found: str, promised: str, suffix: str, tail: bytes) -> None:
    """Check what is found against what a name's suffix promises, or, where that is empty, what it was stored as."""
    if head.startswith(_OLE_MAGIC) and (
        (promised in _PACKAGES and found == OLE) or _ENCRYPTED_PACKAGE in head or _ENCRYPTED_PACKAGE in tail
    ):
        raise ParseError(ParseReason.ENCRYPTED_FILE)
    if promised and promised != found and found != OLE and not {promised, found} <= TEXT_FAMILY:
        raise _mismatch(found, promised, suffix)


def _mismatch(found: str, promised: str, suffix: str) -> ParseError:
    """Return the error for content that is not what a name promised; without a suffix, what it was stored as."""
    metadata = {"media_type": found, "promised": promised}
    if not suffix:
        return ParseError(ParseReason.MEDIA_TYPE_MISMATCH, metadata, what="stored")
    metadata["suffix"] = suffix
    if found in SUPPORTED:
        return ParseError(ParseReason.MEDIA_TYPE_MISMATCH, {**metadata, "ending": SUFFIXES[found][0]})
    what = "picture" if refused_format(found) == "IMAGE" else "unread"
    return ParseError(ParseReason.MEDIA_TYPE_MISMATCH, metadata, what=what)


def _sniff_other(head: bytes) -> str:
    """Return the media type of a format that no parser reads, or an empty text."""
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], "video/x-msvideo")
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head[_TAR_MAGIC_AT:].startswith(b"ustar"):
        return "application/x-tar"
    return next((media_type for magic, media_type in _MAGIC if head.startswith(magic)), "")


def _sniff_text(text: str, suffix: str) -> str:
    if _HTML_START.match(text):
        return HTML
    named = BY_SUFFIX.get(suffix, "")
    if named == MAIL:
        return MAIL if _MAIL_START.match(text) else TEXT
    if named == NOTEBOOK:
        return NOTEBOOK if text.lstrip().startswith("{") else TEXT
    if named in TEXT_FAMILY:
        return named
    if _XML_START.match(text):
        return "application/xml"
    if not suffix and _MARKDOWN_HEADING.search(text) and _MARKDOWN_MARK.search(text):
        return MARKDOWN
    return TEXT
