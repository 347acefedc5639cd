"""Word, PowerPoint and Excel of before 2007."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import DOC, PPT, XLS
from services.docs.values.parsed_document import BlockKind, ParsedDocument, ParseError, ParseReason
from tests.contract.docs_format_parser.legacy_files import (
    HEADING,
    IN_CELL,
    LISTED,
    ROW_END,
    cell_record,
    label,
    number,
    outlined,
    presentation,
    record,
    table,
    text_box,
    word_document,
    workbook,
)


def read(data: bytes, media_type: str, folder: Path) -> ParsedDocument:
    path = folder / "file"
    path.write_bytes(data)
    return parse(path, media_type)


def blocks(parsed: ParsedDocument) -> list[tuple[BlockKind, str]]:
    return [(block.kind, parsed.text[block.start : block.end]) for block in parsed.blocks]


def refusal(data: bytes, media_type: str, folder: Path) -> ParseReason:
    with pytest.raises(ParseError) as caught:
        read(data, media_type, folder)
    return caught.value.reason


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('See \x13 HYPERLINK "http://a.b" \x14the page\x15.', "See the page."),
        ("\x13 IF \x13 PAGE \x14 2 \x15 \x14yes\x15 or no", "yes or no"),
        ("Page \x13 PAGE \x15of many", "Page of many"),
        ("a\x01b\x02 non\x1ebreaking soft\x1fly", "ab non-breaking softly"),
        ("one\x0btwo", "one\ntwo"),
        ("光合作用 𝑥 = 2", "光合作用 𝑥 = 2"),
    ],
)
def test_fields_and_marks_of_word(written: str, shown: str, tmp_path: Path) -> None:
    data = word_document([("Before\r", "", 0), (f"{written}\r", "", 0), ("After\r", LISTED, 0)])
    assert blocks(read(data, DOC, tmp_path)) == [
        (BlockKind.PARAGRAPH, "Before"),
        (BlockKind.PARAGRAPH, shown),
        (BlockKind.LIST_ITEM, "After"),
    ]


def test_contents_of_word_go_and_notes_come_last(tmp_path: Path) -> None:
    contents = [("\x13 TOC \\o \x14First\t1\r", "", 0), ("Second\t2\r", "", 0), ("\x15Text.\r", "", 0)]
    data = word_document([*contents, ("First\r", HEADING, 1)], notes="A note: caf\u00e9.\r")
    assert read(data, DOC, tmp_path).text == "Text.\n\nFirst\n\nA note: café."


def test_many_paragraphs_and_two_tables_of_word(tmp_path: Path) -> None:
    def cells(*texts: str) -> list[tuple[str, str, int]]:
        return [*((f"{text}\x07", IN_CELL, 0) for text in texts), ("\x07", ROW_END, 0)]

    many = [(f"Paragraph {at}\r", HEADING if at % 10 == 0 else "", 3) for at in range(50)]
    tables = [*cells("a", "b"), *cells("", "d\x0be"), ("Between\r", "", 0), *cells("one\rtwo", "x")]
    parsed = read(word_document([*many, *tables]), DOC, tmp_path)
    assert [text for kind, text in blocks(parsed) if kind is BlockKind.HEADING] == [
        f"Paragraph {at}" for at in range(0, 50, 10)
    ]
    assert next(text for kind, text in blocks(parsed) if kind is BlockKind.TABLE).startswith("a | b\n")
    assert "Between" in parsed.text


def test_word_files_that_are_refused(tmp_path: Path) -> None:
    assert refusal(word_document([("x\r", "", 0)], flags=0x0100), DOC, tmp_path) is ParseReason.ENCRYPTED_FILE
    old = word_document([("x\r", "", 0)]).replace(struct.pack("<2H", 0xA5EC, 0xC1), struct.pack("<2H", 0xA5DC, 0x65))
    assert refusal(old, DOC, tmp_path) is ParseReason.UNSUPPORTED_MEDIA_TYPE
    torn = word_document([("x\r", "", 0)])
    assert refusal(torn[:3000], DOC, tmp_path) is ParseReason.CORRUPT_FILE


def test_slides_in_their_order_with_boxes_tables_and_notes(tmp_path: Path) -> None:
    refer = record(0x0F9E, struct.pack("<I", 1))
    shapes = (
        text_box(outlined(4, "Beside")) + text_box(refer) + table((("A", "B"), ("", "D"))) + text_box(outlined(4, "*"))
    )
    slides = [
        (outlined(0, "First") + outlined(1, "one\rtwo"), shapes, "Say this.\rAnd that."),
        (outlined(6, "Sec\x0bond"), b"", ""),
    ]
    parsed = read(presentation(slides), PPT, tmp_path)
    assert blocks(parsed) == [
        (BlockKind.HEADING, "First"),
        (BlockKind.PARAGRAPH, "Beside"),
        (BlockKind.LIST_ITEM, "one"),
        (BlockKind.LIST_ITEM, "two"),
        (BlockKind.TABLE, "A | B\n | D"),
        (BlockKind.NOTE, "Say this."),
        (BlockKind.NOTE, "And that."),
        (BlockKind.HEADING, "Sec ond"),
    ]
    assert parsed.page_count == 2


def test_powerpoint_files_that_are_refused(tmp_path: Path) -> None:
    locked = presentation([(outlined(0, "x"), b"", "")], token=0xF3D1C4DF)
    assert refusal(locked, PPT, tmp_path) is ParseReason.ENCRYPTED_FILE
    assert refusal(presentation([(b"", b"", "")]), PPT, tmp_path) is ParseReason.NO_TEXT


def test_cells_of_excel_as_they_are_shown(tmp_path: Path) -> None:
    rows = [
        *(label(0, at, text) for at, text in enumerate(("Day", "Share", "Sum"))),
        *(number(1, at, value, at) for at, value in enumerate((45356.0, 0.125, 3.0))),
        label(3, 1, "Alone"),
    ]
    sheets = [("Marks", 0, rows), ("Secret", 1, [label(0, 0, "hidden")])]
    parsed = read(workbook(sheets, ("yyyy-mm-dd", "0.0%", "General")), XLS, tmp_path)
    assert parsed.text == "Marks\n\nDay | Share | Sum\n2024-03-05 | 12.5% | 3\n\nAlone"
    assert parsed.page_count == 1


def test_a_locked_workbook(tmp_path: Path) -> None:
    data = workbook([("A", 0, [label(0, 0, "x")])])
    fonts = data.index(cell_record(0x31, b"")[:2], 512)
    locked = data[:fonts] + cell_record(0x2F, bytes(2)) + data[fonts + 6 :]
    assert refusal(locked, XLS, tmp_path) is ParseReason.ENCRYPTED_FILE
