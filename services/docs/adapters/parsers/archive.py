"""The zip archive of an Office file, whose sizes are checked as its directory claims them, and while it is read.

Nothing is ever written to disk and names are only compared, so a name such as `../../etc/passwd` is harmless. An
archive within the archive is opened only where a parser says so, and then under the same checks.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Self

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.values.parsed_document import ParseError, ParseLimits, ParseReason

_END_OF_DIRECTORY = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_LONGEST_COMMENT = 65_535
_DIRECTORY_BYTES_PER_ENTRY = 512
"""A directory entry is 46 bytes and a name; an Office file's directory never has more than this per entry."""
_LOCAL_HEADER_BYTES = 30
_RATIO_MATTERS_BYTES = 4 * 1024**2
"""Below this size any ratio is harmless; real parts of repetitive XML compress a hundredfold."""
_BLOCK_BYTES = 256 * 1024
_ENTITY_MARK = re.compile(rb"<\0?!\0?(?:D\0?O\0?C\0?T\0?Y\0?P\0?E|E\0?N\0?T\0?I\0?T\0?Y)", re.IGNORECASE)
_MARK_BYTES = 20
Source = Path | io.BytesIO
"""A file, or the bytes of one that stands in another."""
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class Archive:
    """The entries of a zip archive by name; whoever reads one gets what a bomb or an entity would be refused for."""

    def __init__(self, file: zipfile.ZipFile, builder: DocumentBuilder) -> None:
        self._file = file
        self._builder = builder
        self._entries = {entry.filename.replace("\\", "/").lower(): entry for entry in file.infolist()}
        self._marks = 0

    @classmethod
    @contextmanager
    def open(cls, source: Source, builder: DocumentBuilder) -> Iterator[Self]:
        """Open an archive whose directory claims nothing that would be too much.

        Raises:
            ParseError: it is damaged, encrypted or a bomb; so is one that turns out to be while it is read.
        """
        _check_directory_size(source, builder.limits)
        try:
            with zipfile.ZipFile(source) as file:
                _check_claims(file.infolist(), builder.limits)
                yield cls(file, builder)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error) as error:
            raise ParseError(ParseReason.CORRUPT_FILE) from error

    def __contains__(self, name: str) -> bool:
        """Return whether there is an entry of this name, whatever its case, as in Office files."""
        return name.lower() in self._entries

    def read_xml(self, name: str) -> bytes | None:
        """Return an entry's XML, None where there is no entry."""
        return self._read(name, entities=False)

    def read(self, name: str) -> bytes | None:
        """Return an entry whose reader expands no entities, None where there is no entry."""
        return self._read(name, entities=True)

    def _read(self, name: str, *, entities: bool) -> bytes | None:
        if name not in self:
            return None
        with self.open_part(name, entities=entities) as part:
            return b"".join(iter(lambda: part.read(_BLOCK_BYTES), b""))

    @contextmanager
    def open_part(self, name: str, *, entities: bool = False) -> Iterator[CheckedPart]:
        """Open an entry to read it block by block; its XML may declare `entities` only where they are harmless."""
        entry = self._entries[name.lower()]
        with self._file.open(entry) as part:
            yield CheckedPart(part, entry.file_size, self._count, entities)

    def _count(self, marks: int) -> None:
        self._builder.check_deadline()
        self._marks += marks
        self._builder.check_complexity(self._marks, self._builder.limits.xml_marks, "tags")


class CheckedPart:
    """An entry that is refused where it is more than was claimed, or declares a document type or entities in XML."""

    def __init__(self, part: IO[bytes], claimed_bytes: int, count: Callable[[int], None], entities: bool) -> None:
        self._part = part
        self._entities = entities
        self._left = claimed_bytes
        self._count = count
        self._before = b""

    def read(self, size: int = _BLOCK_BYTES) -> bytes:
        """Return the next bytes, none at the end."""
        block = self._part.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise _bomb()
        if not self._entities and _ENTITY_MARK.search(self._before + block):
            raise ParseError(ParseReason.XML_ENTITY)
        self._before = (self._before + block)[-_MARK_BYTES:]
        self._count(block.count(b"<"))
        return block


def _check_directory_size(source: Source, limits: ParseLimits) -> None:
    """Check the archive's end record first, because `zipfile` would load a directory of any size."""
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _END_OF_DIRECTORY.size - _LONGEST_COMMENT))
        tail = file.read()
    position = tail.rfind(_END_SIGNATURE)
    if position < 0 or position + _END_OF_DIRECTORY.size > len(tail):
        raise ParseError(ParseReason.TRUNCATED_FILE)
    directory_bytes = _END_OF_DIRECTORY.unpack_from(tail, position)[5]
    if directory_bytes > limits.zip_entries * _DIRECTORY_BYTES_PER_ENTRY:
        raise _bomb()


def _check_claims(entries: list[zipfile.ZipInfo], limits: ParseLimits) -> None:
    if len(entries) > limits.zip_entries:
        raise _bomb()
    if any(entry.flag_bits & 1 for entry in entries):
        raise ParseError(ParseReason.ENCRYPTED_FILE)
    total = sum(entry.file_size for entry in entries)
    if total > limits.zip_bytes:
        raise _bomb()
    for entry in entries:
        ratio = entry.file_size / max(1, entry.compress_size)
        if entry.file_size > _RATIO_MATTERS_BYTES and ratio > limits.zip_entry_ratio:
            raise _bomb()
    if any(entry.compress_type not in _METHODS for entry in entries):
        raise ParseError(ParseReason.CORRUPT_FILE)
    # Entries that share bytes let a small file claim an enormous content (D. Fifield's overlapping bomb).
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise _bomb()
        end = entry.header_offset + _LOCAL_HEADER_BYTES + len(entry.orig_filename) + entry.compress_size


def _bomb() -> ParseError:
    return ParseError(ParseReason.ZIP_BOMB)
