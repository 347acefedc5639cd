"""The log of a collection's writes: every request that was taken, in order, since the newest image of the collection.

It is a row of files, each named by the number of its first record. A record is a header, the name of the RPC and the
request as it came. A process that is killed may leave half a record at the end of the last file; that write was not
confirmed, and it is cut off. Records are numbered through: the number tells which of them an image already holds.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_HEADER = struct.Struct("<IIQB")
"""Length of name and request together, their CRC-32, number of the record, length of the name."""
_PREFIX = "log-"


@dataclass(frozen=True, slots=True)
class Record:
    """One write: its number, the name of its RPC and the request."""

    number: int
    rpc: str
    request: bytes

    def encode(self) -> bytes:
        """Return the record's bytes in the file."""
        body = self.rpc.encode() + self.request
        return _HEADER.pack(len(body), zlib.crc32(body), self.number, len(self.rpc)) + body


def log_files(folder: Path) -> list[tuple[int, Path]]:
    """Return the log's files with the numbers of their first records, in order."""
    return sorted((int(path.name.removeprefix(_PREFIX)), path) for path in folder.glob(f"{_PREFIX}*"))


class LogReader:
    """Reads a log from a record on, again and again while it grows."""

    def __init__(self, folder: Path, first: int) -> None:
        self._folder = folder
        self._next = first
        self._offsets: dict[Path, int] = {}

    @property
    def next_number(self) -> int:
        """Number of the record that comes next."""
        return self._next

    def read(self) -> Iterator[Record]:
        """Yield what has been added since the last call, up to the first record that is not whole.

        It ends where the log ends now: a log that grows faster than it is read would keep it for ever.
        """
        # A process that did not come to write its first record leaves an empty file, and the file before it goes on.
        for first, path, size in [(first, path, path.stat().st_size) for first, path in log_files(self._folder)]:
            if first <= self._next:
                yield from self._read_file(path, size)

    def _read_file(self, path: Path, size: int) -> Iterator[Record]:
        with path.open("rb") as stream:
            stream.seek(self._offsets.get(path, 0))
            while stream.tell() < size and (record := _read_record(stream)) is not None:
                self._offsets[path] = stream.tell()
                if record.number == self._next:
                    self._next += 1
                    yield record


def _read_record(stream: BinaryIO) -> Record | None:
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    length, checksum, number, name_length = _HEADER.unpack(header)
    body = stream.read(length)
    if len(body) < length or zlib.crc32(body) != checksum:
        return None
    return Record(number, body[:name_length].decode(), body[name_length:])


class LogWriter:
    """Appends to a log. Only one process may hold a writer of a collection."""

    def __init__(self, folder: Path, next_number: int) -> None:
        """Begin a new file, whose first record will have `next_number`; what such a file held was never confirmed.

        It is made when there is something to add, for a full disk may have no room for it.
        """
        self._file = folder / f"{_PREFIX}{next_number:016d}"
        self._descriptor: int | None = None
        self._next = next_number
        self._size = 0
        self._synced = 0

    @property
    def next_number(self) -> int:
        """Number of the record that comes next."""
        return self._next

    def append(self, rpc: str, request: bytes) -> int:
        """Add a record and return its number. It survives the end of this process from now on.

        Raises:
            OSError: the file system did not take it; the log is as it was before.
        """
        if self._descriptor is None:
            self._descriptor = os.open(self._file, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o644)
            os.ftruncate(self._descriptor, 0)
        content = Record(self._next, rpc, request).encode()
        try:
            written = os.write(self._descriptor, content)
            while written < len(content):
                written += os.write(self._descriptor, content[written:])
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(content)
        self._next += 1
        return self._next - 1

    def sync(self) -> None:
        """Have the disk hold what was added, so that it survives a power failure too."""
        size = self._size
        if self._descriptor is not None and size != self._synced:
            os.fdatasync(self._descriptor)
            self._synced = size

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
