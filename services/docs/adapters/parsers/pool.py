"""Parsing files in worker processes: parsers hold the GIL, and a hostile file must not end the service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.docs.adapters.parsers.worker import parse_and_chunk
from services.docs.domain.indexing.parsed_files import write_parsed_file
from services.docs.values.parsed_document import ChunkSettings, ParsedFile, ParseError, ParseLimits, ParseReason
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.workers import WorkerPool

_GRACE_SECONDS = 15.0
"""The parser stops by itself at its limit, with a better message; the pool kills the worker only where it cannot."""
_TRIES = 2
"""A worker may die because of its machine; a second worker that dies on the same file died because of the file."""


@dataclass(frozen=True, slots=True)
class PooledParser:
    """Parses files in the processes of a pool."""

    pool: WorkerPool
    limits: ParseLimits
    chunking: ChunkSettings

    async def parse(self, path: Path, media_type: str, folder: Path) -> ParsedFile:
        """Parse in a worker, and once more in another one where the first one dies."""
        for _ in range(_TRIES):
            try:
                return await self.pool.run(
                    _parse,
                    path,
                    media_type,
                    self.limits,
                    self.chunking,
                    folder,
                    timeout=self.limits.seconds + _GRACE_SECONDS,
                )
            except Unavailable:
                continue
            except DeadlineExceeded as error:
                raise ParseError(
                    ParseReason.PARSE_TIMEOUT,
                    f"reading the file took more than {self.limits.seconds:g} seconds: upload it in parts",
                ) from error
        raise ParseError(ParseReason.CORRUPT_FILE, "reading the file ended the program that reads it")


def _parse(path: Path, media_type: str, limits: ParseLimits, chunking: ChunkSettings, folder: Path) -> ParsedFile:
    parsed, chunks = parse_and_chunk(path, media_type, limits, chunking)
    return write_parsed_file(parsed, chunks, folder)
