"""Reading files in worker processes: parsers hold the GIL, and a hostile file must not take the service down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.docs.document import Chunk, ChunkSettings, ParsedDocument, ParseError, ParseLimits, ParseReason
from services.docs.parsers.worker import parse_and_chunk
from services.kit.errors import DeadlineExceeded
from services.kit.workers import WorkerPool

# The parser gives up by itself at its limit, with a better message; killing it is for when it cannot.
_GRACE_SECONDS = 15.0


class PoolReader:
    """Reads files in the processes of a pool."""

    def __init__(self, pool: WorkerPool, limits: ParseLimits, chunking: ChunkSettings) -> None:
        self._pool = pool
        self._limits = limits
        self._chunking = chunking

    async def read(self, path: Path, media_type: str) -> tuple[ParsedDocument, Sequence[Chunk]]:
        try:
            return await self._pool.run(
                parse_and_chunk,
                path,
                media_type,
                self._limits,
                self._chunking,
                timeout=self._limits.seconds + _GRACE_SECONDS,
            )
        except DeadlineExceeded as error:
            raise ParseError(
                ParseReason.PARSE_TIMEOUT,
                f"reading the file took more than {self._limits.seconds:g} seconds: upload it in parts",
            ) from error
