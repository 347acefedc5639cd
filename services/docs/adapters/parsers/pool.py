"""Reading files in worker processes: parsers hold the GIL, and a hostile file must not take the service down."""

from __future__ import annotations

from pathlib import Path

from services.docs.adapters.parsers.worker import parse_and_chunk
from services.docs.values.parsed_document import ChunkSettings, ParseError, ParseLimits, ParseReason
from services.docs.values.parsed_file import Reading, write_reading
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.workers import WorkerPool

# The parser gives up by itself at its limit, with a better message; killing it is for when it cannot.
_GRACE_SECONDS = 15.0
# A worker may die for a reason of its machine's; one that dies again died of the file.
_TRIES = 2


class PoolReader:
    """Reads files in the processes of a pool."""

    def __init__(self, pool: WorkerPool, limits: ParseLimits, chunking: ChunkSettings) -> None:
        self._pool = pool
        self._limits = limits
        self._chunking = chunking

    async def read(self, path: Path, media_type: str, folder: Path) -> Reading:
        for _ in range(_TRIES):
            try:
                return await self._pool.run(
                    _read,
                    path,
                    media_type,
                    self._limits,
                    self._chunking,
                    folder,
                    timeout=self._limits.seconds + _GRACE_SECONDS,
                )
            except Unavailable:
                continue
            except DeadlineExceeded as error:
                raise ParseError(
                    ParseReason.PARSE_TIMEOUT,
                    f"reading the file took more than {self._limits.seconds:g} seconds: upload it in parts",
                ) from error
        raise ParseError(ParseReason.CORRUPT_FILE, "reading the file ended the program that reads it")


def _read(path: Path, media_type: str, limits: ParseLimits, chunking: ChunkSettings, folder: Path) -> Reading:
    parsed, chunks = parse_and_chunk(path, media_type, limits, chunking)
    return write_reading(parsed, chunks, folder)
