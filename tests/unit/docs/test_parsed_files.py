"""What parsing leaves in its folder, and what happens when a worker does not come back."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest

from services.docs.adapters.parsers.pool import Lane, PooledParser
from services.docs.domain.indexing.parsed_files import chunk_parts, text_parts, write_parsed_file
from services.docs.ports import RetryLaterError
from services.docs.values.parsed_document import (
    ChunkSettings,
    ParsedChunk,
    ParsedDocument,
    ParsedFile,
    ParseError,
    ParseLimits,
    ParseReason,
)
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.workers import WorkerPool

DOCUMENT_ID = "01890000-0000-7000-8000-000000000001"
TEXT = "题库 🙂\nsecond line\n" * 20_000


def parsed() -> ParsedDocument:
    return ParsedDocument(text=TEXT, blocks=(), page_count=7, title="标题", language="zh")


def chunks(count: int) -> list[ParsedChunk]:
    return [
        ParsedChunk(n, n, n + 5, TEXT[n : n + 5], n + 1, ("第一章", "a\nb"), (n + 2, n + 4), "\n\n")
        for n in range(count)
    ]


async def test_text_and_chunks_come_back_as_they_were(tmp_path: Path) -> None:
    file = await asyncio.to_thread(write_parsed_file, parsed(), chunks(450), tmp_path)
    assert (file.page_count, file.text_length, file.language, file.title) == (7, len(TEXT), "zh", "标题")
    assert file.chunk_count == 450
    parts = [part async for part in text_parts(file)]
    assert b"".join(parts).decode("utf-32-le") == TEXT
    assert max(len(part) for part in parts) <= 256 * 1024
    groups = [group async for group in chunk_parts(file, DOCUMENT_ID)]
    assert [len(group) for group in groups] == [200, 200, 50]
    stored = [chunk for group in groups for chunk in group]
    for before, after in zip(chunks(450), stored, strict=True):
        assert (after.ordinal, after.text, after.page) == (before.ordinal, before.text, before.page)
        assert (after.start, after.end, after.heading_path) == (before.start, before.end, before.heading_path)
        assert (after.page_starts, after.gap) == (before.page_starts, before.gap)


async def test_ids_follow_from_document_and_place_alone(tmp_path: Path) -> None:
    file = await asyncio.to_thread(write_parsed_file, parsed(), chunks(3), tmp_path)
    first = [chunk.chunk_id async for group in chunk_parts(file, DOCUMENT_ID) for chunk in group]
    again = [chunk.chunk_id async for group in chunk_parts(file, DOCUMENT_ID) for chunk in group]
    other = [chunk.chunk_id async for group in chunk_parts(file, str(uuid.uuid4())) for chunk in group]
    assert first == again == [str(uuid.uuid5(uuid.UUID(DOCUMENT_ID), f"{n}:{n}:{n + 5}")) for n in range(3)]
    assert not set(first) & set(other)


class Pool:
    """Raises each of `outcomes` in turn, then returns."""

    def __init__(self, *outcomes: Exception) -> None:
        self._outcomes = list(outcomes)
        self.timeouts: list[float] = []

    async def run(self, function: Any, *arguments: Any, timeout: float, cpu_seconds: float) -> ParsedFile:
        self.timeouts.append(timeout)
        if self._outcomes:
            raise self._outcomes.pop(0)
        return ParsedFile(0, 1, "en", "", 1, Path("text"), Path("chunks"))


def parser(pool: Pool) -> PooledParser:
    return PooledParser([Lane(cast(WorkerPool, pool), 10**6, 2.0, 2.0)], ParseLimits(seconds=2.0), ChunkSettings())


async def written(folder: Path) -> Path:
    path = folder / "file"
    await asyncio.to_thread(path.write_bytes, b"text")
    return path


async def test_a_worker_that_dies_once_is_replaced(tmp_path: Path) -> None:
    pool = Pool(Unavailable("The worker process died.", reason="WORKER_DIED"))
    assert (await parser(pool).parse(await written(tmp_path), "text/plain", tmp_path)).language == "en"
    assert len(pool.timeouts) == 2
    assert min(pool.timeouts) >= 2.0


async def test_a_file_that_kills_its_worker_twice_is_to_blame(tmp_path: Path) -> None:
    died = Unavailable("The worker process died.", reason="WORKER_DIED")
    with pytest.raises(ParseError) as caught:
        await parser(Pool(died, died)).parse(await written(tmp_path), "text/plain", tmp_path)
    assert caught.value.reason is ParseReason.TOO_COMPLEX


async def test_a_file_that_takes_too_long(tmp_path: Path) -> None:
    with pytest.raises(ParseError) as caught:
        await parser(Pool(DeadlineExceeded("late"))).parse(await written(tmp_path), "text/plain", tmp_path)
    assert caught.value.reason is ParseReason.PARSE_TIMEOUT
    assert caught.value.metadata == {"limit_seconds": "2"}


def test_the_time_of_a_lane_grows_with_the_file() -> None:
    lane = Lane(cast(WorkerPool, Pool()), file_bytes=1000, least_seconds=1.0, most_seconds=3.0)
    assert [lane.cpu_seconds(size) for size in (0, 500, 1000)] == [1.0, 2.0, 3.0]


async def test_a_file_goes_on_in_the_next_lane_that_takes_its_size(tmp_path: Path) -> None:
    short, small, last = Pool(DeadlineExceeded("late")), Pool(), Pool()
    lanes = [Lane(cast(WorkerPool, pool), size, 1.0, 1.0) for pool, size in ((short, 10), (small, 3), (last, 10))]
    await PooledParser(lanes, ParseLimits(), ChunkSettings()).parse(await written(tmp_path), "text/plain", tmp_path)
    assert [len(pool.timeouts) for pool in (short, small, last)] == [1, 0, 1]


async def test_a_file_that_the_first_lane_does_not_end_is_long(tmp_path: Path) -> None:
    for outcomes, times in (((), 0), ((DeadlineExceeded("late"),), 1)):
        on_long = Mock()
        lanes = [Lane(cast(WorkerPool, pool), 10, 1.0, 1.0) for pool in (Pool(*outcomes), Pool())]
        parser = PooledParser(lanes, ParseLimits(), ChunkSettings())
        await parser.parse(await written(tmp_path), "text/plain", tmp_path, on_long)
        assert on_long.call_count == times


async def test_a_long_file_without_a_seat_is_parsed_no_further(tmp_path: Path) -> None:
    def no_seat() -> None:
        raise RetryLaterError(1.0, "as many long jobs run as may")

    pools = Pool(DeadlineExceeded("late")), Pool()
    lanes = [Lane(cast(WorkerPool, pool), 10, 1.0, 1.0) for pool in pools]
    with pytest.raises(RetryLaterError):
        await PooledParser(lanes, ParseLimits(), ChunkSettings()).parse(
            await written(tmp_path), "text/plain", tmp_path, no_seat
        )
    assert [len(pool.timeouts) for pool in pools] == [1, 0]


def test_time_grows_with_the_size_up_to_the_limit() -> None:
    limits = ParseLimits(seconds=60.0, base_seconds=10.0, megabyte_seconds=20.0)
    assert [limits.of_size(size).seconds for size in (0, 500_000, 10**8)] == [10.0, 20.0, 60.0]
