"""What every parser owes: the same lesson in each format becomes the same kind of document."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import (
    CSV,
    ODP,
    ODS,
    PDF,
    PPT,
    PPTX,
    SUPPORTED,
    TEXT,
    TEXT_FAMILY,
    XLS,
    XLSX,
)
from services.docs.values.parsed_document import BlockKind, ParsedDocument, ParseError, ParseLimits, ParseReason
from services.language.folding import normalize
from tests.contract.docs_format_parser.study_files import LESSONS, SHEETS, WRITERS, Lesson

PAGED = {PDF: 3, PPTX: 4, PPT: 4, ODP: 4, XLSX: 1, XLS: 1, ODS: 1}
# Exceptions, each with its reason.
NO_TABLES = {TEXT}  # plain text has no notation for tables
NOTES_HOLD_PARAGRAPHS = {PPTX, PPT, ODP}  # the slides' paragraphs are in the speaker notes


@pytest.fixture(params=SUPPORTED)
def media_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=LESSONS, ids=lambda lesson: lesson.language)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    assert isinstance(request.param, Lesson)
    return request.param


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Lesson], Path]:
    """The file of a lesson in a format, written for the first test that asks for it."""
    folder = tmp_path_factory.mktemp("lessons")

    @cache
    def written(media_type: str, lesson: Lesson) -> Path:
        path = folder / f"{SUPPORTED.index(media_type)}-{LESSONS.index(lesson)}"
        WRITERS[media_type](lesson, path)
        return path

    return written


@pytest.fixture
def path(media_type: str, lesson: Lesson, lessons: Callable[[str, Lesson], Path]) -> Path:
    return lessons(media_type, lesson)


@cache
def _parsed(path: Path, media_type: str) -> ParsedDocument:
    return parse(path, media_type)


@pytest.fixture
def parsed(path: Path, media_type: str) -> ParsedDocument:
    return _parsed(path, media_type)


def texts(parsed: ParsedDocument, kind: BlockKind) -> list[str]:
    return [parsed.text[block.start : block.end] for block in parsed.blocks if block.kind is kind]


def test_text_is_normalized(parsed: ParsedDocument) -> None:
    assert parsed.text == normalize(parsed.text)


def test_blocks_are_ordered_and_cover_the_text(parsed: ParsedDocument) -> None:
    assert all(block.start < block.end for block in parsed.blocks)
    assert all(before.end <= after.start for before, after in pairwise(parsed.blocks))
    covered = "".join(parsed.text[block.start : block.end] for block in parsed.blocks)
    assert "".join(covered.split()) == "".join(parsed.text.split())


def test_headings_in_order(parsed: ParsedDocument, lesson: Lesson, media_type: str) -> None:
    if media_type in SHEETS:
        pytest.skip("the format holds tables alone")
    expected = [section.heading for section in lesson.sections]
    if media_type != TEXT:  # an unnumbered title in plain text looks like any short line
        expected.insert(0, lesson.title)
    assert texts(parsed, BlockKind.HEADING) == expected


def test_paragraphs_arrive_whole(parsed: ParsedDocument, lesson: Lesson, media_type: str) -> None:
    if media_type in SHEETS:
        pytest.skip("the format holds tables alone")
    kind = BlockKind.NOTE if media_type in NOTES_HOLD_PARAGRAPHS else BlockKind.PARAGRAPH
    paragraphs = texts(parsed, kind)
    for section in lesson.sections:
        for paragraph in section.paragraphs:
            assert paragraph in paragraphs


def test_list_items_without_bullets(parsed: ParsedDocument, lesson: Lesson, media_type: str) -> None:
    if media_type in SHEETS:
        pytest.skip("the format holds tables alone")
    assert texts(parsed, BlockKind.LIST_ITEM) == [item for section in lesson.sections for item in section.items]


def test_table_is_one_block(parsed: ParsedDocument, lesson: Lesson, media_type: str) -> None:
    if media_type in NO_TABLES:
        pytest.skip("plain text has no notation for tables")
    assert texts(parsed, BlockKind.TABLE) == ["\n".join(" | ".join(row) for row in lesson.table)]


def test_title_and_language(parsed: ParsedDocument, lesson: Lesson, media_type: str) -> None:
    if media_type not in SHEETS:
        assert parsed.language == lesson.language
    untitled = {TEXT: lesson.sections[0].heading, CSV: ""}
    assert parsed.title == untitled.get(media_type, lesson.title)


def test_pages(parsed: ParsedDocument, media_type: str, lesson: Lesson) -> None:
    assert parsed.page_count == PAGED.get(media_type, 0)
    assert len(parsed.page_starts) == parsed.page_count
    assert list(parsed.page_starts) == sorted(parsed.page_starts)
    for block in parsed.blocks:
        assert block.page == parsed.page_at(block.start)
    if media_type not in SHEETS:
        second = parsed.text.index(lesson.sections[1].heading)
        assert parsed.page_at(second) == {PDF: 2, PPTX: 3, PPT: 3, ODP: 3}.get(media_type, 0)


def test_furniture_is_gone(parsed: ParsedDocument) -> None:
    for word in ("NAVIGATION", "SCRIPT", "FOOTER", "RUNNING HEADER", "color: red", "- 1 -"):
        assert word not in parsed.text


def test_same_file_same_document_across_processes(path: Path, media_type: str, parsed: ParsedDocument) -> None:
    assert parse(path, media_type) == parsed
    assert pickle.loads(pickle.dumps(parsed)) == parsed  # noqa: S301


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ParseLimits(seconds=-1.0), ParseReason.PARSE_TIMEOUT),
        (ParseLimits(chars=20), ParseReason.TOO_MUCH_TEXT),
        (ParseLimits(file_bytes=20), ParseReason.FILE_TOO_LARGE),
    ],
)
def test_limits_are_kept(path: Path, media_type: str, limits: ParseLimits, reason: ParseReason) -> None:
    with pytest.raises(ParseError) as caught:
        parse(path, media_type, limits)
    assert caught.value.reason is reason


def test_page_limit(path: Path, media_type: str) -> None:
    if media_type not in PAGED:
        pytest.skip("the format has no pages")
    with pytest.raises(ParseError) as caught:
        parse(path, media_type, ParseLimits(pages=PAGED[media_type] - 1))
    assert caught.value.reason is ParseReason.TOO_MANY_PAGES
    assert caught.value.metadata.pop("what") in {"pages", "slides", "sheets"}
    assert caught.value.metadata == {"limit": str(PAGED[media_type] - 1), "found": str(PAGED[media_type])}


def test_empty_file(tmp_path: Path, media_type: str) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(ParseError) as caught:
        parse(empty, media_type)
    assert caught.value.reason is ParseReason.EMPTY_FILE


@pytest.mark.parametrize("written", SUPPORTED)
def test_content_of_another_format(written: str, lessons: Callable[[str, Lesson], Path]) -> None:
    path = lessons(written, LESSONS[0])
    for claimed in SUPPORTED:
        if claimed == written or {claimed, written} <= TEXT_FAMILY:
            continue
        with pytest.raises(ParseError) as caught:
            parse(path, claimed)
        assert caught.value.reason is ParseReason.MEDIA_TYPE_MISMATCH
