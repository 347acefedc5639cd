"""Parsing files in worker processes: parsers hold the GIL, and a hostile file must not end the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from services.docs.adapters.parsers.builder import timed_out
from services.docs.adapters.parsers.worker import parse_and_chunk, prepare_worker
from services.docs.domain.indexing.parsed_files import write_parsed_file
from services.docs.values.parsed_document import ChunkSettings, ParsedFile, ParseError, ParseLimits, ParseReason
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.workers import WorkerPool

_PRELOAD = ("services.docs.adapters.parsers.preload",)
_GRACE_SECONDS = 1.0
"""The parser stops by itself at its limit; the pool kills the worker only where it cannot."""
_WALL_SECONDS = 30.0
_WALL_FACTOR = 10.0
"""A worker that runs for less than a tenth of the time in which it waits for no core hangs."""
_TRIES = 2
"""A worker may die because of its machine; a second worker that dies on the same file died because of the file."""
_SHORT_LANES = ((256 * 1024, 0.03, 0.1, 2), (4 * 1024**2, 1.0, 2.0, 1))
"""Of the lanes before the last: the largest file, the processor seconds that an empty and that file may take, workers.

An honest file of 1 kB takes 10 ms. Two workers, since one that is killed is back only after as long as it may take.
"""
_SHORT_MEMORY_SHARE = 8
"""What a lane before the last gets of a file's memory: three times all of it would be more than a container has."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Workers for files of at most `file_bytes`, which take from `least_seconds` to `most_seconds` by their size."""

    pool: WorkerPool
    file_bytes: float
    least_seconds: float
    most_seconds: float

    def cpu_seconds(self, file_bytes: int) -> float:
        """Return how long a file of this size may take of a processor."""
        return self.least_seconds + (self.most_seconds - self.least_seconds) * file_bytes / self.file_bytes


@dataclass(frozen=True, slots=True)
class PooledParser:
    """Parses a file in the first lane that takes its size; one that needs more starts again in the next lane.

    So a file waits only for files as short as itself, and for the moment in which the others show that they are not.
    The last lane takes every file, with as much time as a file of its size may take and as much memory as any.
    """

    lanes: Sequence[Lane]
    limits: ParseLimits
    chunking: ChunkSettings

    @classmethod
    @asynccontextmanager
    async def open(cls, limits: ParseLimits, chunking: ChunkSettings, *, workers: int = 1) -> AsyncIterator[Self]:
        """Open the short lanes, and a last one of `workers`; all but the first compute behind what serves."""
        rules = (
            *_SHORT_LANES,
            (float("inf"), limits.seconds, limits.seconds, workers),
        )
        async with AsyncExitStack() as stack:
            lanes: list[Lane] = []
            for file_bytes, least_seconds, most_seconds, count in rules:
                is_last = len(lanes) == len(_SHORT_LANES)
                memory = limits.memory_bytes // (1 if is_last else _SHORT_MEMORY_SHARE)
                prepare = partial(prepare_worker, memory, aside=bool(lanes))
                pool = await stack.enter_async_context(WorkerPool(count, prepare, preload=_PRELOAD))
                lanes.append(Lane(pool, file_bytes, least_seconds, most_seconds))
            yield cls(lanes, limits, chunking)

    async def parse(
        self, path: Path, media_type: str, folder: Path, on_long: Callable[[], None] | None = None
    ) -> ParsedFile:
        """Parse in the lanes that take the file, one after the other; a file that the first does not end is long."""
        size = (await asyncio.to_thread(path.stat)).st_size
        limits = self.limits.of_size(size)
        *short, last = (lane for lane in self.lanes if size <= lane.file_bytes)

        async def parse_in(lane: Lane, seconds: float) -> ParsedFile:
            if on_long is not None and lane is not self.lanes[0]:
                on_long()
            return await lane.pool.run(
                parse_file,
                path,
                media_type,
                limits,
                self.chunking,
                folder,
                cpu_seconds=min(seconds, limits.seconds + _GRACE_SECONDS),
                timeout=_WALL_SECONDS + seconds * _WALL_FACTOR,
            )

        for lane in short:
            try:
                return await parse_in(lane, lane.cpu_seconds(size))
            except (DeadlineExceeded, Unavailable):
                continue
            except ParseError as error:
                if error.reason is not ParseReason.OUT_OF_MEMORY:
                    raise
        for _ in range(_TRIES):
            try:
                return await parse_in(last, limits.seconds + _GRACE_SECONDS)
            except DeadlineExceeded as error:
                raise timed_out(limits) from error
            except Unavailable:
                continue
        raise ParseError(ParseReason.TOO_COMPLEX)


def parse_file(path: Path, media_type: str, limits: ParseLimits, chunking: ChunkSettings, folder: Path) -> ParsedFile:
    """Read a file and write its text and chunks into `folder`; this blocks, and is what a worker runs."""
    parsed, chunks = parse_and_chunk(path, media_type, limits, chunking)
    return write_parsed_file(parsed, chunks, folder)
