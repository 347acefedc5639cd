"""The file of a backup: a plain tar that is written and read as a stream, and every byte of which is accounted for.

Rows, texts and vectors are gzip members, because they shrink; files are stored as they are, because most of them are
compressed already. `tar xf FILE && sha256sum -c SHA256SUMS` reads and checks a backup without Tiku.

Everything here blocks: call it in threads.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from services.upkeep.contents import SUMS, is_member
from services.upkeep.errors import UpkeepError

PART_BYTES: Final = 1024 * 1024
_BLOCK = tarfile.BLOCKSIZE
_GZIP_LEVEL = 1
_GZIP_WINDOW = 31
"""zlib's window of 15 bits, with the header and checksum of gzip."""
_MODE = 0o600
"""A backup holds what its owner's users have written."""


class Member(NamedTuple):
    """A member of a tar: the bytes `[offset, offset + size)` of the file."""

    name: str
    offset: int
    size: int


class ArchiveWriter:
    """Writes `FILE.partial`, which `finish` renames; whatever ends before that leaves no FILE."""

    def __init__(self, file: Path) -> None:
        if not file.name:
            raise UpkeepError(f"{str(file)!r} names no file: give the backup a name")
        self._target = file
        self._partial = file.with_name(f"{file.name}.partial")
        self._sums: list[str] = []
        self._file = self._open()
        self._begin = 0
        self._name = ""
        self._hash = hashlib.sha256()
        self._gzip: zlib._Compress | None = None

    def _open(self) -> BinaryIO:
        # What a killed backup left is written over, but only once it is certain that no living one has it.
        try:
            file = os.fdopen(os.open(self._partial, os.O_RDWR | os.O_CREAT, _MODE), "r+b")
        except OSError as error:
            raise UpkeepError(f"cannot write {self._target}: {error.strerror}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._target.exists():
                raise UpkeepError(f"{self._target} exists already: choose another name, or remove it")
            if not _is_at(file, self._partial):
                raise BlockingIOError
            file.truncate(0)
        except BlockingIOError:
            file.close()
            raise UpkeepError(f"another backup writes {self._partial}") from None
        except BaseException:
            self._partial.unlink(missing_ok=True)
            file.close()
            raise
        return file

    def begin(self, name: str) -> None:
        """Begin a member; one whose name ends in `.gz` is compressed."""
        assert is_member(name), name
        self._name, self._begin, self._hash = name, self._file.tell(), hashlib.sha256()
        self._gzip = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW) if name.endswith(".gz") else None
        # The size is not known yet, so the header is written again at the end.
        self._file.write(bytes(_BLOCK))

    def write(self, data: bytes) -> None:
        """Add bytes to the member."""
        self._put(self._gzip.compress(data) if self._gzip else data)

    def end(self) -> str:
        """End the member, and return the SHA-256 of what is stored."""
        if self._gzip:
            self._put(self._gzip.flush())
        end = self._file.tell()
        self._file.seek(self._begin)
        size = end - self._begin - _BLOCK
        self._file.write(_header(self._name, size))
        self._file.seek(end)
        self._file.write(bytes(-size % _BLOCK))
        digest = self._hash.hexdigest()
        self._sums.append(f"{digest}  {self._name}\n")
        return digest

    def drop(self) -> None:
        """Take back the member that was begun, or the last one that was ended."""
        if self._sums and self._sums[-1].endswith(f"  {self._name}\n"):
            self._sums.pop()
        self._file.seek(self._begin)
        self._file.truncate()

    def add(self, name: str, data: bytes) -> None:
        """Add a whole member."""
        self.begin(name)
        self.write(data)
        self.end()

    def finish(self) -> int:
        """List all members, write everything to the disk, give the file its name, and return its size in bytes.

        Raises:
            UpkeepError: somebody else has made a file of this name meanwhile.
        """
        self.add(SUMS, "".join(self._sums).encode())
        self._file.write(bytes(2 * _BLOCK))
        size = self._file.tell()
        self._file.flush()
        os.fsync(self._file.fileno())
        try:
            # Unlike a rename, a link replaces nothing.
            self._target.hardlink_to(self._partial)
        except FileExistsError:
            raise UpkeepError(f"{self._target} exists already: choose another name, or remove it") from None
        except OSError:
            self._partial.rename(self._target)
        self._partial.unlink(missing_ok=True)
        self._file.close()
        with contextlib.suppress(OSError):
            folder = os.open(self._target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return size

    def discard(self) -> None:
        """Remove what was written, unless it was finished."""
        if not self._file.closed:
            self._partial.unlink(missing_ok=True)
            self._file.close()

    def _put(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)


class ArchiveReader:
    """Reads a backup; the file stays open, so that what was verified is what is read."""

    def __init__(self, file: Path) -> None:
        try:
            self._file: BinaryIO = file.open("rb")
        except OSError as error:
            raise UpkeepError(f"{file}: {error.strerror}") from None
        self._path = file
        self.size = os.fstat(self._file.fileno()).st_size

    def members(self) -> Iterator[Member]:
        """Yield each member; the next one may be asked for whether or not this one was read.

        Raises:
            UpkeepError: the file is not a backup, or has been cut off or changed.
        """
        at = 0
        while True:
            self._file.seek(at)
            block = self._file.read(_BLOCK)
            if block == bytes(_BLOCK):
                if self._file.read() != bytes(_BLOCK):
                    raise self._broken("it does not end where its last member ends")
                return
            if len(block) < _BLOCK:
                raise self._broken("it was cut off" if at else "it is not one")
            member = self._member(block, at)
            end = member.offset + member.size
            at = end + -end % _BLOCK
            if at + 2 * _BLOCK > self.size:
                raise self._broken("it was cut off")
            self._file.seek(end)
            if self._file.read(at - end) != bytes(at - end):
                raise self._broken(f"bytes behind {member.name} were changed")
            yield member

    def parts(self, member: Member) -> Iterator[bytes]:
        """Yield what is stored of a member, in parts of 1 MiB."""
        at, end = member.offset, member.offset + member.size
        while at < end:
            self._file.seek(at)
            part = self._file.read(min(PART_BYTES, end - at))
            if not part:
                raise self._broken("it was cut off")
            yield part
            at += len(part)

    def content(self, member: Member) -> Iterator[bytes]:
        """Yield the content of a member, decompressed, in parts of at most 1 MiB.

        Raises:
            UpkeepError: the member has been changed since it was verified.
        """
        if not member.name.endswith(".gz"):
            yield from self.parts(member)
            return
        gzip = zlib.decompressobj(wbits=_GZIP_WINDOW)
        try:
            for part in self.parts(member):
                while part:
                    if data := gzip.decompress(part, PART_BYTES):
                        yield data
                    part = gzip.unconsumed_tail
            while data := gzip.decompress(gzip.unconsumed_tail, PART_BYTES):
                yield data
        except zlib.error:
            raise self._broken(f"{member.name} is damaged") from None
        if not gzip.eof or gzip.unused_data:
            raise self._broken(f"{member.name} is damaged")

    def read(self, member: Member, limit: int) -> bytes:
        """Return the content of a small member.

        Raises:
            UpkeepError: it has more than `limit` bytes.
        """
        if member.size > limit:
            raise self._broken(f"{member.name} is too large")
        return b"".join(self.content(member))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _member(self, block: bytes, at: int) -> Member:
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, UnicodeError):
            raise self._broken("it is not one" if not at else "a header was changed") from None
        # A backup has no header but those that the writer makes: not a bit of one may differ.
        if not is_member(info.name) or block != _header(info.name, info.size):
            raise self._broken("it is not one" if not at else "a header was changed")
        return Member(info.name, at + _BLOCK, info.size)

    def _broken(self, why: str) -> UpkeepError:
        return UpkeepError(f"{self._path} is not a whole backup: {why}")


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Return whether a path still names an open file: one that finished has moved it, and it is then a backup."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = _MODE
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")
