"""What every document parser promises: the fake, and the pooled one in a real worker process."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.docs.adapters.parsers.fake import FakeDocumentParser
from services.docs.adapters.parsers.pool import PooledParser, parse_file
from services.docs.adapters.parsers.worker import parse as read
from services.docs.domain.indexing.parsed_files import chunk_parts, text_parts
from services.docs.domain.objects import TEXT_ENCODING
from services.docs.domain.upload.media_types import HTML, MARKDOWN, PDF, SUPPORTED, TEXT
from services.docs.ports import DocumentParser
from services.docs.values.parsed_document import ChunkSettings, ParseError, ParseLimits, ParseReason
from services.kit import ids
from services.kit.errors import Unavailable
from tests.contract.docs_format_parser.study_files import LESSONS, SHEETS, WRITERS
from tests.hostile_files import crowded_page, saving_its_state


@asynccontextmanager
async def pooled(limits: ParseLimits | None = None) -> AsyncIterator[PooledParser]:
    limits = limits or ParseLimits()
    async with PooledParser.open(limits, ChunkSettings()) as parser:
        yield parser


@pytest.fixture(params=["fake", "pooled"])
async def parser(request: pytest.FixtureRequest) -> AsyncIterator[DocumentParser]:
    if request.param == "fake":
        yield FakeDocumentParser()
        return
    async with pooled() as parser:
        yield parser


async def write(media_type: str, folder: Path, number: int = 0) -> Path:
    path = folder / f"lesson{number}"
    await asyncio.to_thread(WRITERS[media_type], LESSONS[number], path)
    return path


async def check(parser: DocumentParser, path: Path, media_type: str, folder: Path) -> tuple[str, list[str]]:
    """Parses a file, compares what is promised, and returns text and chunks."""
    await asyncio.to_thread(folder.mkdir)
    parsed = await parser.parse(path, media_type, folder)
    text = b"".join([part async for part in text_parts(parsed)]).decode(TEXT_ENCODING)
    chunks = [chunk async for part in chunk_parts(parsed, ids.new_id()) for chunk in part]
    assert (len(text), len(chunks)) == (parsed.text_length, parsed.chunk_count)
    assert len(chunks) > 0
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.text for chunk in chunks] == [text[chunk.start : chunk.end] for chunk in chunks]
    assert all(chunk.page <= parsed.page_count for chunk in chunks)
    assert parsed.language in ("zh", "en")
    return text, [chunk.text for chunk in chunks]


async def test_text_and_chunks_agree_and_are_always_the_same(parser: DocumentParser, tmp_path: Path) -> None:
    path = await write(TEXT, tmp_path)
    first = await check(parser, path, TEXT, tmp_path / "first")
    assert await check(parser, path, TEXT, tmp_path / "second") == first


async def test_an_empty_file_is_refused_with_its_reason(parser: DocumentParser, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    await asyncio.to_thread(path.touch)
    with pytest.raises(ParseError) as caught:
        await parser.parse(path, TEXT, tmp_path)
    assert caught.value.reason is ParseReason.EMPTY_FILE


async def test_every_format_in_one_worker(tmp_path: Path) -> None:
    async with pooled() as parser:
        for media_type in SUPPORTED:
            for number, lesson in enumerate(LESSONS):
                folder = tmp_path / f"{SUPPORTED.index(media_type)}-{number}"
                path = await write(media_type, tmp_path, number)
                text, _ = await check(parser, path, media_type, folder)
                for section in lesson.sections if media_type not in SHEETS else ():
                    assert section.heading in text
                    assert all(paragraph in text for paragraph in section.paragraphs)


def imported_for_the_first_file(path: Path, folder: Path) -> list[str]:
    """Parses a file in a worker; returns the modules that were not there before."""
    before = set(sys.modules)
    parse_file(path, TEXT, ParseLimits(), ChunkSettings(), folder)
    return sorted(set(sys.modules) - before)


async def test_a_new_worker_has_all_that_its_first_file_needs(tmp_path: Path) -> None:
    async with pooled() as parser:
        pool, path = parser.lanes[0].pool, await write(TEXT, tmp_path)
        assert await pool.run(imported_for_the_first_file, path, tmp_path, timeout=60) == []
        assert await pool.run(gc.get_freeze_count, timeout=60) > 10_000


async def test_an_error_of_the_file_arrives_whole_and_the_worker_goes_on(tmp_path: Path) -> None:
    async with pooled(ParseLimits(pages=2)) as parser:
        with pytest.raises(ParseError) as caught:
            await parser.parse(await write(PDF, tmp_path), PDF, tmp_path)
        assert caught.value.reason is ParseReason.TOO_MANY_PAGES
        assert caught.value.metadata == {"limit": "2", "found": "3", "what": "pages"}
        with pytest.raises(ParseError) as caught:
            await parser.parse(await write(PDF, tmp_path), MARKDOWN, tmp_path)
        assert caught.value.reason is ParseReason.MEDIA_TYPE_MISMATCH
        await check(parser, await write(HTML, tmp_path), HTML, tmp_path / "after")


async def test_a_cancelled_call_leaves_a_parser_that_works(tmp_path: Path) -> None:
    async with pooled() as parser:
        path = await write(TEXT, tmp_path)
        slow = tmp_path / "slow"
        await asyncio.to_thread(slow.write_bytes, crowded_page(50_000))
        call = asyncio.ensure_future(parser.parse(slow, PDF, tmp_path))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await check(parser, path, TEXT, tmp_path / "after")


async def test_a_short_file_does_not_wait_for_those_that_are_slow(tmp_path: Path) -> None:
    async with pooled() as parser:
        await check(parser, await write(TEXT, tmp_path), TEXT, tmp_path / "warm")
        slow = tmp_path / "slow"
        await asyncio.to_thread(slow.write_bytes, crowded_page(50_000))
        waiting = [asyncio.ensure_future(parser.parse(slow, PDF, tmp_path)) for _ in range(3)]
        await asyncio.sleep(0.1)
        await check(parser, await write(TEXT, tmp_path), TEXT, tmp_path / "between")
        assert not any(call.done() for call in waiting)
        for call in waiting:
            call.cancel()
        await asyncio.wait(waiting)


async def test_a_file_that_has_used_its_time_fails_as_such(tmp_path: Path) -> None:
    async with pooled(ParseLimits(base_seconds=0.3, megabyte_seconds=0.0)) as parser:
        slow = tmp_path / "slow"
        await asyncio.to_thread(slow.write_bytes, crowded_page(20_000))
        with pytest.raises(ParseError) as caught:
            await parser.parse(slow, PDF, tmp_path)
        assert caught.value.reason is ParseReason.PARSE_TIMEOUT
        assert caught.value.metadata == {"limit_seconds": "0.3"}


async def test_what_needs_more_memory_than_a_short_file_goes_on_to_the_last_lane(tmp_path: Path) -> None:
    async with pooled() as parser:
        deep = tmp_path / "deep"
        await asyncio.to_thread(deep.write_bytes, saving_its_state(2_000_000))
        with pytest.raises(Unavailable):
            await parser.lanes[1].pool.run(read, deep, PDF, timeout=120)
        with pytest.raises(ParseError) as caught:
            await parser.parse(deep, PDF, tmp_path)
        assert caught.value.reason is ParseReason.NO_TEXT


async def test_all_lanes_but_the_first_compute_behind_what_serves() -> None:
    async with pooled() as parser:
        first, *others = [await lane.pool.run(os.nice, 0, timeout=60) for lane in parser.lanes]
    assert first < 19, "the tests run so far back that nothing can stand behind them"
    assert others
    assert all(nice > first for nice in others)
