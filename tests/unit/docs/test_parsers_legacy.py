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
    list_definitions,
    list_item,
    list_level,
    lists,
    number,
    outlined,
    presentation,
    record,
    styles,
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


STYLES, DEFINITIONS, LISTS = 0xA2, 0x2E2, 0x2EA
EXAM = [list_level(39, "\0、"), list_level(37, "（\1）"), list_level(0, "\2．", follows=2), list_level(28, "\3")]
OUTLINE = [list_level(0, "\0."), list_level(0, "\0.\1"), list_level(0, "\0.\1.\2")]
TABLES: dict[int, bytes | tuple[bytes, bytes]] = {
    DEFINITIONS: list_definitions(EXAM, OUTLINE, [list_level(23, "\uf0b7")], [list_level(3, "\0)", first=3)]),
    LISTS: lists(
        (1, []), (2, []), (3, []), (4, []), (2, [struct.pack("<iI", 7, 0x10)]),
        (2, [struct.pack("<iI", 0, 0x20) + list_level(1, "Part \0")]),
    ),
}  # fmt: skip


def items(*found: tuple[str, int, int]) -> list[tuple[str, bytes, int]]:
    """Paragraphs of lists: text, list and level of each."""
    return [(f"{text}\r", list_item(number, level), 0) for text, number, level in found]


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (
            [("选择", 1, 0), ("基础", 1, 1), ("水", 1, 2), ("甲", 1, 3), ("乙", 1, 3), ("火", 1, 2), ("填空", 1, 0)],
            ["一、选择", "（一）基础", "1．水", "① 甲", "② 乙", "2．火", "二、填空"],
        ),
        ([("a", 2, 0), ("b", 2, 1), ("d", 2, 0), ("e", 2, 2)], ["1. a", "1.1 b", "2. d", "2.1.1 e"]),
        ([("a", 3, 0), ("b", 4, 0), ("c", 4, 0)], ["a", "C) b", "D) c"]),
        ([("a", 2, 0), ("b", 2, 0), ("c", 5, 0), ("d", 5, 1)], ["1. a", "2. b", "7. c", "7.1 d"]),
        ([("a", 6, 0), ("b", 6, 0), ("c", 99, 0)], ["Part I a", "Part II b", "c"]),
        ([("a", 2, 0), ("", 2, 0), ("b", 2, 0)], ["1. a", "3. b"]),
    ],
)  # fmt: skip
def test_numbers_of_lists_of_word(found: list[tuple[str, int, int]], shown: list[str], tmp_path: Path) -> None:
    parsed = read(word_document(items(*found), tables=TABLES), DOC, tmp_path)
    assert parsed.text.split("\n") == shown
    assert {block.kind for block in parsed.blocks} == {BlockKind.LIST_ITEM}


def test_headings_of_word_are_numbered_by_their_styles_and_cells_as_items(tmp_path: Path) -> None:
    numbered = struct.pack("<HHHB", 0x460B, 2, 0x260A, 0), struct.pack("<HB", 0x260A, 1)
    found = styles((0xFFF, b""), (0, numbered[0]), (1, numbered[1]))
    cell = list_item(4) + struct.pack("<HB", 0x2416, 1)
    paragraphs: list[tuple[str, str | bytes, int]] = [
        ("Matter\r", HEADING, 1),
        ("Air\r", HEADING, 2),
        ("Plain\r", list_item(0, style=2), 0),
        ("Water\r", HEADING, 2),
        ("x\x07", cell, 0),
        ("y\x07", cell, 0),
        ("\x07", ROW_END, 0),
    ]
    parsed = read(word_document(paragraphs, tables=TABLES | {STYLES: found}), DOC, tmp_path)
    assert parsed.text.split("\n\n") == ["1. Matter", "1.1 Air", "Plain", "1.2 Water", "C) x | D) y"]


def test_what_of_a_text_of_word_is_raised_underlined_and_hidden(tmp_path: Path) -> None:
    def drawn(code: int, how: int) -> bytes:
        return struct.pack("<HB", code, how)

    manners = {
        "2": drawn(0x2A48, 2),
        "3": drawn(0x2A48, 1),
        "      ": drawn(0x2A3E, 1),
        "key": drawn(0x083C, 1),
        "word": drawn(0x2A3E, 1),
    }
    data = word_document([("H2O fills m3 of      .keyA word more\r", "", 0), ("Next 2\r", "", 0)], manners=manners)
    assert read(data, DOC, tmp_path).text == "H₂O fills m³ of____.A word more\n\nNext 2"


def test_symbols_of_word_are_those_of_their_fonts(tmp_path: Path) -> None:
    def font(name: str) -> bytes:
        encoded = f"{name}\0".encode("utf-16-le")
        return bytes((39 + len(encoded),)) + bytes(39) + encoded

    fonts = struct.pack("<HH", 3, 0) + font("Times") + font("Symbol") + font("Wingdings")
    manners = {
        "(1": struct.pack("<HHH", 0x6A09, 1, 0xF061),
        "(2": struct.pack("<HHH", 0x6A09, 2, 0xF0FC),
        "(3": struct.pack("<HHH", 0x6A09, 9, 0xF062),
    }
    data = word_document(
        [("Angle (1, right (2, none (3, own \uf0b0 (x)\r", "", 0)], manners=manners, tables={0x112: fonts}
    )
    assert read(data, DOC, tmp_path).text == "Angle αα, right ✓✓, none ββ, own ° (x)"
    torn = word_document([("Angle (1\r", "", 0)], manners={"(1": manners["(1"]}, tables={0x112: fonts[:30]})
    assert read(torn, DOC, tmp_path).text.startswith("Angle")


@pytest.mark.parametrize("place", [STYLES, DEFINITIONS, LISTS])
@pytest.mark.parametrize("length", [0, 1, 7, 40])
def test_word_is_read_without_lists_that_are_damaged(place: int, length: int, tmp_path: Path) -> None:
    found = TABLES | {STYLES: styles((0xFFF, b""))}
    torn = found.pop(place)
    whole = torn if isinstance(torn, bytes) else b"".join(torn)
    data = word_document(items(("one", 1, 0)), tables={**found, place: b"\xff" * length + whole[length:][:length]})
    assert read(data, DOC, tmp_path).text.endswith("one")


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
