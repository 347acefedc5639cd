"""The media type of a zip archive or a compound file, from its first and its last bytes."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from services.docs.domain.upload.media_types import (
    BY_SUFFIX,
    DOC,
    DOCX,
    EPUB,
    KEYNOTE,
    NUMBERS,
    ODP,
    ODS,
    ODT,
    OLE,
    OUTLOOK,
    PAGES,
    PPT,
    PPTX,
    VISIO,
    XLS,
    XLSB,
    XLSX,
    XPS,
    ZIP,
)

_LOCAL_ENTRY = struct.Struct("<4s3H4x4x2L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_SIZES_FOLLOW = 8
"""The flag of an entry whose sizes stand behind it."""
_MIMETYPE = re.compile(rb"PK\x03\x04.{26}mimetype(?:.{0,64}?)(application/[a-z0-9.+-]+)", re.DOTALL)
_DIRECTORY_ENTRY = re.compile(rb"PK\x01\x02.{24}(..).{16}", re.DOTALL)
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_CONTENT_TYPES = b"[Content_Types].xml"
_MOST_CONTENT_TYPES = 256 * 1024
_MAIN_PARTS = (
    (re.compile(rb"(?:wordprocessingml\.\w+|ms-word\.\w+\.macroEnabled\w*)\.main\+xml"), DOCX),
    (re.compile(rb"(?:presentationml\.\w+|ms-powerpoint\.\w+\.macroEnabled)\.main\+xml"), PPTX),
    (re.compile(rb"ms-excel\.sheet\.binary"), XLSB),
    (re.compile(rb"(?:spreadsheetml\.\w+|ms-excel\.\w+\.macroEnabled)\.main\+xml"), XLSX),
    (re.compile(rb"ms-visio\.\w+(?:\.macroEnabled)?\.main\+xml"), VISIO),
)
"""What the main part of an Office file is, as its list of content types says."""
_FOLDERS = (
    (b"word/", DOCX),
    (b"ppt/", PPTX),
    (b"xl/", XLSX),
    (b"visio/", VISIO),
    (b"META-INF/container.xml", EPUB),
    (b"FixedDocSeq.fdseq", XPS),
)
_IWORK = frozenset({PAGES, KEYNOTE, NUMBERS})
_OPEN_DOCUMENT = frozenset({ODT, ODP, ODS})
_ARCHIVES = frozenset({DOCX, PPTX, XLSX, EPUB}) | _OPEN_DOCUMENT
_STREAMS = (
    ("WordDocument", DOC),
    ("PowerPoint Document", PPT),
    ("Workbook", XLS),
    ("Book\0", XLS),
    ("__substg1.0", OUTLOOK),
)
"""The streams of compound files that tell their program."""


def sniff_archive(head: bytes, suffix: str, tail: bytes) -> str:
    """Return the media type of a zip archive; one that is not known further is `application/zip`.

    Its list of content types tells it, else the names of its entries, wherever they stand; the file's name decides only
    where neither is within `head` and `tail`.
    """
    if declared := _MIMETYPE.match(head):
        return declared[1].decode("ascii")
    entries = dict(_entries(head))
    for pattern, media_type in _MAIN_PARTS:
        if pattern.search(entries.get(_CONTENT_TYPES, b"")):
            return media_type
    names = {name.replace(b"\\", b"/") for name in _directory_names(tail) or entries}
    for folder, media_type in _FOLDERS:
        if any(name.startswith(folder) for name in names):
            return media_type
    named = BY_SUFFIX.get(suffix, "")
    if not any(names):
        # Torn: its reader says that it is damaged.
        return named if named in _ARCHIVES else ZIP
    if {b"META-INF/manifest.xml", b"content.xml"} <= names:
        return named if named in _OPEN_DOCUMENT else ODT
    if b"Index.zip" in names or any(name.startswith(b"Index/") and name.endswith(b".iwa") for name in names):
        return named if named in _IWORK else PAGES
    is_package = not names.isdisjoint({_CONTENT_TYPES, b"_rels/.rels"})
    return named if is_package and named in {DOCX, PPTX, XLSX} else ZIP


def sniff_compound(head: bytes, suffix: str, tail: bytes) -> str:
    """Return the media type of a compound file, the format of Office programs of before 2007."""
    names = ((stream.encode("utf-16-le"), media_type) for stream, media_type in _STREAMS)
    found = [media_type for name, media_type in names if name in head or name in tail]
    named = BY_SUFFIX.get(suffix, "")
    # A workbook may hold a document and the other way round.
    known = found or (DOC, PPT, XLS, OUTLOOK)
    return named if named in known else next(iter(found), OLE)


def _entries(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names of the first entries, and of the list of content types also what it holds."""
    at = 0
    while at + _LOCAL_ENTRY.size <= len(head):
        signature, _, flags, method, packed, _, name_bytes, extra_bytes = _LOCAL_ENTRY.unpack_from(head, at)
        if signature != _LOCAL_SIGNATURE:
            return
        begin = at + _LOCAL_ENTRY.size
        name, begin = head[begin : begin + name_bytes], begin + name_bytes + extra_bytes
        sized = packed or not flags & _SIZES_FOLLOW
        if name.lower() == _CONTENT_TYPES.lower():
            yield _CONTENT_TYPES, _unpacked(head[begin : begin + packed] if sized else head[begin:], method)
        else:
            yield name, b""
        at = begin + packed if sized else head.find(_LOCAL_SIGNATURE, begin)
        if at < 0:
            return


def _unpacked(data: bytes, method: int) -> bytes:
    if not method:
        return data
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, _MOST_CONTENT_TYPES)
    except zlib.error:
        return b""


def _directory_names(tail: bytes) -> list[bytes]:
    """Return the names in an archive's directory, none where it does not lie within its last bytes."""
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or at + _END.size > len(tail):
        return []
    begin = at - _END.unpack_from(tail, at)[5]
    return [
        tail[entry.end() : entry.end() + int.from_bytes(entry[1], "little")]
        for entry in (_DIRECTORY_ENTRY.finditer(tail, begin, at) if begin >= 0 else ())
    ]
