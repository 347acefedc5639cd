"""Compound files, in which Office programs of before 2007 keep their streams."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path

from xlrd.compdoc import CompDoc

from services.docs.adapters.parsers.office import office_faults
from services.docs.values.parsed_document import ParseError, ParseReason


class Compound:
    """The streams of a compound file."""

    def __init__(self, data: mmap) -> None:
        # The library tells what it noticed on a file that it is given.
        self._file = CompDoc(data, logfile=io.StringIO())

    def stream(self, name: str) -> bytes:
        """Return a stream of the root, empty where there is none."""
        return bytes(self._file.get_named_stream(name) or b"")


@contextmanager
def compound_file(path: Path) -> Iterator[Compound]:
    """Open a compound file; what a library or a parser raises on a damaged one becomes CORRUPT_FILE."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data, office_faults():
        yield Compound(data)


def encrypted() -> ParseError:
    """Return the error of a file that cannot be read without its password."""
    return ParseError(ParseReason.ENCRYPTED_FILE)
