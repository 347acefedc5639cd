"""The layout of PDF pages, mostly on lines made by hand, and some pages through pdfium itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.pdf_layout import Cell, PrintedLine, PrintedPage, write_layout
from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import PDF
from services.docs.domain.wording.wording import told
from services.docs.values.parsed_document import BlockKind, ParsedDocument, ParseError, ParseLimits, ParseReason

FULL = 500.0
LEFT = 72.0


def line(
    text: str, bottom: float, *, left: float = LEFT, right: float = FULL, size: float = 10.0, bold: bool = False
) -> PrintedLine:
    return PrintedLine(text, left, right, bottom, bottom + size, size, bold)


def row(bottom: float, *cells: tuple[str, float]) -> PrintedLine:
    parts = tuple(Cell(text, left, left + 6.0 * len(text)) for text, left in cells)
    return PrintedLine(
        " ".join(text for text, _ in cells), parts[0].left, parts[-1].right, bottom, bottom + 10, 10.0, cells=parts
    )


def laid_out(*pages: list[PrintedLine]) -> ParsedDocument:
    builder = DocumentBuilder(ParseLimits())
    write_layout([PrintedPage(number, 842.0, lines) for number, lines in enumerate(pages, start=1)], builder)
    return builder.finish()


def blocks(parsed: ParsedDocument) -> list[tuple[BlockKind, str]]:
    return [(block.kind, parsed.text[block.start : block.end]) for block in parsed.blocks]


def as_wide(text: str, bottom: float, left: float = LEFT) -> PrintedLine:
    """Return a line that ends where its text does."""
    width = sum(10.0 if ord(char) > 0x2E80 else 5.0 for char in text)
    return line(text, bottom, left=left, right=left + width)


BODY = [line(f"Body text of line {number} runs to the margin", 600 - 14 * number) for number in range(10)]


def test_lines_of_a_paragraph_are_joined_and_divided_words_mended() -> None:
    parsed = laid_out(
        [
            line("Plants turn light into chemical energy by photo-", 700),
            line("synthesis, which is a well-", 686),
            line("known process. It is well-known. The cost is 50-", 672),
            line("60 units", 658, right=200),
        ]
    )
    assert blocks(parsed) == [
        (
            BlockKind.PARAGRAPH,
            (
                "Plants turn light into chemical energy by photosynthesis, which is a well-known process. It is "
                "well-known. The cost is 50-60 units"
            ),
        )
    ]


def test_chinese_lines_are_joined_without_spaces() -> None:
    parsed = laid_out([line("力是物体之间的相互作", 700), line("用，单位是牛顿。", 686, right=300)])
    assert parsed.text == "力是物体之间的相互作用，单位是牛顿。"


def test_paragraphs_part_at_gaps_indents_and_early_ends() -> None:
    parsed = laid_out(
        [
            line("First paragraph fills this line", 700),
            line("and ends early.", 686, right=180),
            line("Second paragraph fills this line", 672),
            line("and runs to the margin too here", 658),
            line("Third, indented, fills this line", 644, left=LEFT + 22),
            line("and is closed by a gap right here", 630),
            line("Fourth after the gap.", 600, right=200),
        ]
    )
    assert [text.split()[0] for _, text in blocks(parsed)] == ["First", "Second", "Third,", "Fourth"]


def test_lines_that_are_all_differently_far_apart_are_read() -> None:
    bottom, lines = 700, []
    for number, step in enumerate((0, 11, 21, 13, 19, 15, 17)):
        bottom -= step
        lines.append(line(f"Theorem {number}", bottom, right=150))
    assert "Theorem 6" in laid_out(lines).text


def test_headings_by_size_with_levels_and_several_lines() -> None:
    parsed = laid_out(
        [
            line("A Long Title That", 790, size=20, right=300),
            line("Takes Two Lines", 767, size=20, right=300),
            line("1 Cells", 730, size=14, right=200),
            line("2 Energy", 712, size=14, right=200),
            *BODY,
        ]
    )
    assert [(block.level, parsed.text[block.start : block.end]) for block in parsed.blocks[:3]] == [
        (1, "A Long Title That Takes Two Lines"),
        (2, "1 Cells"),
        (2, "2 Energy"),
    ]


def test_headings_of_the_text_size_by_weight_or_wording() -> None:
    parsed = laid_out([line("第一章 力学", 700, right=150), line("Key ideas", 660, right=150, bold=True), *BODY])
    assert blocks(parsed)[:2] == [(BlockKind.HEADING, "第一章 力学"), (BlockKind.HEADING, "Key ideas")]


def test_running_headers_and_page_numbers_go_and_repeated_text_stays() -> None:
    pages = [
        [
            line("Biology Handbook", 810, size=8),
            *BODY,
            line("The same closing sentence stands here", 460),
            line(f"第 {number} 页 / 共 3 页", 30, left=280, right=320, size=8),
        ]
        for number in (1, 2, 3)
    ]
    parsed = laid_out(*pages)
    assert "Handbook" not in parsed.text
    assert "页" not in parsed.text
    assert parsed.text.count("The same closing sentence") == 3


def test_text_that_reaches_into_the_margin_stays_even_if_repeated() -> None:
    body = [line(f"Body text of line {number} runs to the margin", 120 - 14 * number) for number in range(6)]
    parsed = laid_out(body, body, body)
    assert parsed.text.count("line 5") == 3


@pytest.mark.parametrize("number", ["7", "- 7 -", "第7页", "第 7 页 共 9 页", "Page 7 of 9", "7 / 9", "vii", "· 7 ·"])
def test_page_numbers_of_many_looks(number: str) -> None:
    assert laid_out([*BODY, line(number, 30, left=290, right=300)]) == laid_out(BODY)


def test_a_paragraph_runs_across_pages() -> None:
    parsed = laid_out(
        [line("This sentence begins on one page and is con-", 100)],
        [line("tinued on the next one.", 780, right=250), line("Another one.", 750, right=200)],
    )
    assert blocks(parsed) == [
        (BlockKind.PARAGRAPH, "This sentence begins on one page and is continued on the next one."),
        (BlockKind.PARAGRAPH, "Another one."),
    ]
    assert [parsed.page_at(parsed.text.index(word)) for word in ("This", "continued", "on the next", "Another")] == [
        1,
        1,
        2,
        2,
    ]


def test_a_paragraph_that_ended_is_not_continued() -> None:
    parsed = laid_out([line("光反应需要光。", 100)], [line("暗反应不需要光", 780), line("直接参与。", 766, right=200)])
    assert [text for _, text in blocks(parsed)] == ["光反应需要光。", "暗反应不需要光直接参与。"]
    assert [block.page for block in parsed.blocks] == [1, 2]


def test_empty_pages_are_counted() -> None:
    parsed = laid_out([], BODY, [], BODY, [])
    assert parsed.page_count == 5
    assert [block.page for block in parsed.blocks] == [2, 4]


def test_table_rows_that_line_up() -> None:
    parsed = laid_out(
        [
            *BODY,
            row(420, ("Quantity", 72), ("Unit", 200)),
            row(404, ("Force", 72), ("newton", 200)),
            row(388, ("Mass", 72), ("kg", 200)),
        ]
    )
    assert blocks(parsed)[-1] == (BlockKind.TABLE, "Quantity | Unit\nForce | newton\nMass | kg")


def test_one_stretched_line_is_no_table() -> None:
    parsed = laid_out([*BODY, row(460, ("A stretched", 72), ("line.", 400))])
    assert {kind for kind, _ in blocks(parsed)} == {BlockKind.PARAGRAPH}


def test_lists_with_hanging_indents_and_captions() -> None:
    parsed = laid_out(
        [
            *BODY,
            line("• The first item fills the whole line", 440),
            line("and hangs.", 426, left=LEFT + 12, right=180),
            line("• Second", 412, right=150),
            line("图 2-1 细胞的结构", 380, left=200, right=300, size=9),
        ]
    )
    assert blocks(parsed)[-3:] == [
        (BlockKind.LIST_ITEM, "The first item fills the whole line and hangs."),
        (BlockKind.LIST_ITEM, "Second"),
        (BlockKind.CAPTION, "图 2-1 细胞的结构"),
    ]


def test_two_columns_in_content_order() -> None:
    left = [line(f"left column line {number}", 700 - 14 * number, right=280) for number in range(5)]
    right = [line(f"right column line {number}", 700 - 14 * number, left=310) for number in range(5)]
    parsed = laid_out([*left[:-1], left[-1]._replace(text="left column line 4 ends."), *right])
    assert parsed.text.index("left column line 4") < parsed.text.index("right column line 0")
    assert len(parsed.blocks) == 2


def test_a_paragraph_goes_on_in_the_next_column_in_the_midst_of_a_sentence() -> None:
    left = [line("Roots of a tree hold the soil in which the", 700 - 14 * number, right=280) for number in range(5)]
    right = [line("water of the spring would carry it away so", 700 - 14 * number, left=310) for number in range(5)]
    (paragraph,) = laid_out([*left, *right]).blocks
    assert paragraph.kind is BlockKind.PARAGRAPH
    short = left[-1]._replace(text="in which the", right=140)
    assert len(laid_out([*left[:-1], short, *right]).blocks) == 2
    beginning = right[0]._replace(text="Water of the spring would carry it away so")
    ended = left[-1]._replace(text="Roots of a tree hold the soil of the hill.")
    assert len(laid_out([*left[:-1], ended, beginning, *right[1:]]).blocks) == 2


@pytest.mark.parametrize(
    ("last", "first", "goes_on"),
    [
        ("内阁有两名副总理，该协议由", ["议会表决通过，联合政府执政至", "议会期满，或任何一党退出。"], True),
        ("内阁有两名副总理，这项协议在", ["1908年由议会表决通过，政府", "执政至议会期满。"], True),
        ("内阁有两名副总理，这项协议由", ["NASA的代表表决通过，政府", "执政至议会期满。"], True),
        ("内阁有两名副总理，该协议由", ["议会表决通过，直到期满。"], True),
        ("内阁有两名副总理，该协议由", ["下一次会议的时间与地点表"], False),
        ("内阁有两名副总理，该协议由", ["1. 议会表决通过，联合政府在", "议会期满时退出。"], False),
        ("内阁有两名副总理，议会通过。", ["议会表决通过，联合政府执政至", "议会期满，或任何一党退出。"], False),
    ],
)
@pytest.mark.parametrize("mark", ["", "3. "], ids=["paragraph", "item"])
def test_a_narrow_chinese_column_goes_on_in_the_next(mark: str, last: str, first: list[str], goes_on: bool) -> None:
    texts = [f"{mark}总统按照两党在议会中的席位，任", "命大臣，并把名单交给议会审议后，", last]
    left = [as_wide(text, 400 - 14 * number) for number, text in enumerate(texts)]
    right = [as_wide(text, 700 - 14 * number, 310) for number, text in enumerate(first)]
    joined = f"{last}{first[0]}" in laid_out([*left, *right]).text.replace(" ", "")
    assert joined is goes_on


@pytest.mark.parametrize("mark", ["1 ", "[2] ", "① ", "* ", "³", "12. "])
def test_notes_at_a_pages_foot_are_told_from_text(mark: str) -> None:
    notes = [line(f"{mark}See the handbook, which says more of it", 120, size=8), line("and of its age.", 110, size=8)]
    parsed = laid_out([*BODY, *notes], BODY)
    assert [kind for kind, _ in blocks(parsed)] == [BlockKind.PARAGRAPH, BlockKind.NOTE, BlockKind.PARAGRAPH]
    large = [found._replace(size=10.0) for found in notes]
    assert BlockKind.NOTE not in {kind for kind, _ in blocks(laid_out([*BODY, *large], BODY))}


@pytest.mark.parametrize("text", ["2.5 grams are in each of them as we saw", "See the handbook, which says more"])
def test_small_print_without_a_mark_is_no_note(text: str) -> None:
    assert BlockKind.NOTE not in {kind for kind, _ in blocks(laid_out([*BODY, line(text, 120, size=8)]))}


def test_a_page_number_right_below_a_note_goes() -> None:
    body = [line(f"Body text of line {number} runs to the margin", 200 - 14 * number) for number in range(10)]
    note = line("1 See the handbook, which says more of it", 60, size=8)
    for number, stays in (("第 3 页", False), ("3 / 9 页", False), ("330", True), ("第三页的表", True)):
        assert (number in laid_out([*body, note, line(number, 46, left=290, right=320)]).text) is stays


def test_a_bracket_stands_on_the_line_of_what_it_opens() -> None:
    upper, lower = "后来的成员开始支持这种方案，包括载人航天飞行中心", "（MSFC）的工程师也确信它的优点，并这样说了。"
    first = as_wide("他的决定成为了转折点，委员会也认识到模式是选择的重要", 700)
    parsed = laid_out([first, as_wide(upper, 686), as_wide(lower, 672)])
    assert [kind for kind, _ in blocks(parsed)] == [BlockKind.PARAGRAPH]
    early = laid_out([first, as_wide(upper[:18], 686), as_wide(lower, 672)])
    assert len(early.blocks) == 2


def test_two_columns_under_a_wide_title_and_over_a_wide_note() -> None:
    words = ["the first snow falls late in the year and", "stays until the end of March in the hills,"]
    left = [line(words[number % 2], 700 - 14 * number, right=275 - 3 * number) for number in range(4)]
    left[-1] = left[-1]._replace(text="stays until the end of March in the hills.")
    right = [line(words[number % 2], 700 - 14 * number, left=310, right=490) for number in range(4)]
    title = line("A wide line of authors and schools that goes across both of the columns", 740)
    note = line("A wide note that goes across both of the columns as well", 600)
    assert [text[:6] for _, text in blocks(laid_out([title, *left, *right, note]))] == [
        "A wide",
        "the fi",
        "the fi",
        "A wide",
    ]


def beside(bottom: float, *cells: tuple[str, float, float]) -> PrintedLine:
    parts = tuple(Cell(*cell) for cell in cells)
    text = " ".join(cell.text for cell in parts)
    return PrintedLine(text, parts[0].left, parts[-1].right, bottom, bottom + 10, 10.0, cells=parts)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a river takes its water from hills and", "the moon has no air and no weather so"),
        ("河流从高山上流下来带走泥沙", "月球上没有空气也没有水和风"),
    ],
)
def test_columns_written_row_by_row(left: str, right: str) -> None:
    rows = [beside(700 - 14 * number, (left, 72, 270), (right, 300, 500)) for number in range(4)]
    rows.append(beside(644, (f"{left} spring.", 72, 270), (right, 300, 500)))
    texts = [text for _, text in blocks(laid_out([line("A heading across both columns", 730), *rows]))]
    assert [text[:2] for text in texts[1:]] == [left[:2], right[:2]]


def test_a_table_with_long_cells_is_no_pair_of_columns() -> None:
    rows = [
        beside(700 - 14 * number, (f"Sentence {number} about a river.", 72, 270), ("Another about the sea.", 300, 500))
        for number in range(5)
    ]
    assert [kind for kind, _ in blocks(laid_out(rows))] == [BlockKind.TABLE]


def test_a_table_written_column_by_column() -> None:
    columns = [(72, ("Tree", "Oak", "Pine")), (200, ("Height", "30 m", "40 m")), (320, ("Leaves", "broad", "needles"))]
    cells = [
        line(text, 400 - 16 * number, left=left, right=left + 40)
        for left, texts in columns
        for number, text in enumerate(texts)
    ]
    parsed = laid_out([*BODY, *cells, line("Trees lose their leaves in the autumn or never", 320)])
    assert blocks(parsed)[1:] == [
        (BlockKind.TABLE, "Tree | Height | Leaves\nOak | 30 m | broad\nPine | 40 m | needles"),
        (BlockKind.PARAGRAPH, "Trees lose their leaves in the autumn or never"),
    ]


@pytest.mark.parametrize(
    ("terms", "values"),
    [
        (("name", "class", "sex", "teacher"), ("alice", "3b", "female", "mr hall")),
        (("osmosis", "diffusion", "erosion"), ("water through a membrane", "particles spread out", "soil goes away")),
        (("姓名", "班级", "教师"), ("王小明", "三年级二班", "李老师和张老师")),
    ],
)
def test_terms_in_small_letters_and_what_stands_beside_them(terms: tuple[str, ...], values: tuple[str, ...]) -> None:
    first = [as_wide(text, 700 - 14 * at) for at, text in enumerate(terms)]
    second = [as_wide(text, 700 - 14 * at, left=200) for at, text in enumerate(values)]
    expected = "\n".join(f"{term} | {value}" for term, value in zip(terms, values, strict=True))
    assert blocks(laid_out([*first, *second])) == [(BlockKind.TABLE, expected)]


def test_the_numbers_of_lines_are_no_terms() -> None:
    numbers = [as_wide(str(at), 700 - 14 * at, left=40) for at in range(4)]
    texts = (
        "the plants take in water through",
        "their roots and bring it to the",
        "leaves by thin tubes where it is",
        "needed",
    )
    lines = [as_wide(text, 700 - 14 * at) for at, text in enumerate(texts)]
    assert BlockKind.TABLE not in {kind for kind, _ in blocks(laid_out([*numbers, *lines]))}


def test_definitions_in_small_letters_are_apart() -> None:
    texts = (
        "acid: sour, gives away protons",
        "base: bitter, takes up protons",
        "salt: what both make together",
        "ion: charged",
    )
    wide = line("A wide line above them shows how far the text of this page goes to the right.", 730)
    parsed = laid_out([wide, *(as_wide(text, 700 - 13 * at) for at, text in enumerate(texts))])
    assert [text for _, text in blocks(parsed)][1:] == list(texts)


def test_lists_side_by_side_are_no_table() -> None:
    cells = [
        line(f"{first + number}. word", 400 - 16 * number, left=left, right=left + 40)
        for left, first in ((72, 1), (200, 4))
        for number in range(3)
    ]
    assert BlockKind.TABLE not in {kind for kind, _ in blocks(laid_out([*BODY, *cells]))}


@pytest.mark.parametrize("by_cell", [False, True])
def test_cells_of_several_lines(by_cell: bool) -> None:
    first, second = row(400, ("Word", 72), ("Meaning", 150), ("Example", 300)), []
    for number, name in enumerate(("tide", "dune")):
        top = 376 - 40 * number
        lower = [line("of the sea", top - 12, left=150, right=220), line("at noon", top - 12, left=300, right=360)]
        if by_cell:
            start = row(top, (name, 72), ("moves because", 150))
            second += [start, lower[0], line("it comes", top, left=300, right=350), lower[1]]
        else:
            second += [row(top, (name, 72), ("moves because", 150), ("it comes", 300)), lower[0].beside(lower[1])]
    text = "moves because of the sea | it comes at noon"
    assert blocks(laid_out([first, *second])) == [
        (BlockKind.TABLE, f"Word | Meaning | Example\ntide | {text}\ndune | {text}")
    ]


def test_text_beside_a_picture_is_one_paragraph_and_short_labels_are_not() -> None:
    beside_picture = [
        line(f"the hens of farm {number} lay an egg and", 700 - 14 * number, right=240) for number in range(4)
    ]
    below = [
        line(f"row {number} goes on and on below the picture to the margin", 644 - 14 * number) for number in range(2)
    ]
    labels = [line(text, 560 - 14 * number, right=110) for number, text in enumerate(["nucleus", "wall", "membrane"])]
    texts = [text for _, text in blocks(laid_out([*beside_picture, *below, *labels]))]
    assert len(texts) == 4
    assert texts[1:] == ["nucleus", "wall", "membrane"]


def test_lettering_of_a_figure_is_one_caption() -> None:
    labels = [line(text, y, left=200, right=260, size=8) for text, y in (("outer membrane", 430), ("stroma", 380))]
    parsed = laid_out([*BODY, *labels, line("Figure 2. A chloroplast.", 350, right=200, size=9)])
    assert blocks(parsed)[1:] == [
        (BlockKind.CAPTION, "outer membrane\nstroma"),
        (BlockKind.CAPTION, "Figure 2. A chloroplast."),
    ]


def test_small_print_is_text() -> None:
    small = line("A footnote runs to the margin in small print", 430, size=8)
    parsed = laid_out([*BODY, small, line("and ends", 420, right=120, size=8)])
    assert blocks(parsed)[-1] == (BlockKind.PARAGRAPH, "A footnote runs to the margin in small print and ends")


def test_tables_of_contents_go() -> None:
    entries = ("1 Cells . . . . . . . . . . 4", "第二章 能量……………… 12", "2.1 Light ........ ix")
    assert laid_out([*(line(text, 750 - 14 * index) for index, text in enumerate(entries)), *BODY]) == laid_out(BODY)


@pytest.mark.parametrize("heading", ["Contents", "目 录", "Table of Contents"])
def test_contents_go_under_their_heading_and_go_on_over_the_page(heading: str) -> None:
    titles = ["Mountains", "Rivers", "Seas", "Deserts"]
    entries = [line(f"{title} ........ {3 + 4 * number}", 700 - 14 * number) for number, title in enumerate(titles)]
    parsed = laid_out([line(heading, 730, right=150), *entries], [line("Index ........ 40", 700)], BODY)
    assert "...." not in parsed.text


def test_contents_go_that_name_headings_of_the_document() -> None:
    titles = ["Mountains", "Rivers", "Seas"]
    entries = [line(f"{title} ........ {number}", 700 - 14 * number) for number, title in enumerate(titles, start=2)]
    chapters = [[line(title, 760, size=16, right=200), *BODY] for title in titles]
    assert "...." not in laid_out(entries, *chapters).text


@pytest.mark.parametrize(
    "texts",
    [
        ("Tea ........ 4", "Milk ........ 6", "Juice ........ 9"),
        ("第一项 铅笔………… 8", "第二项 尺子………… 3", "第三项 本子………… 5"),
        ("2，4，6，8……50", "The next number after 12 is ……14"),
    ],
    ids=["rising prices", "falling prices", "rows of numbers"],
)
def test_leaders_before_what_is_no_page_stay(texts: tuple[str, ...]) -> None:
    parsed = laid_out([*(line(text, 750 - 14 * index, right=200) for index, text in enumerate(texts)), *BODY])
    assert all(text in parsed.text for text in texts)


def test_lines_at_a_slides_foot_are_content_unless_they_are_small() -> None:
    pages = [
        PrintedPage(
            number,
            540.0,
            [
                line(f"Case {number}: zinc in acid", 420, size=18, right=300),
                line("Answer: a salt forms", 40, size=18, right=300),
                line("Chemistry club", 15, size=9, right=160),
            ],
            720.0,
        )
        for number in (1, 2, 3, 4)
    ]
    builder = DocumentBuilder(ParseLimits())
    write_layout(pages, builder)
    text = builder.finish().text
    assert text.count("Answer: a salt forms") == 4
    assert "club" not in text


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        ("a long-", "lasting effect", "a long-lasting effect"),
        ("it was self-", "evident", "it was self-evident"),
        ("about twenty-", "five pupils", "about twenty-five pupils"),
        ("the light was high-", "lighted", "the light was highlighted"),
        ("a rope was short-", "ened", "a rope was shortened"),
        ("the ill-", "ness of the king", "the illness of the king"),
        ("salt-free and salt, then salt-", "rich food", "salt-free and salt, then salt-rich food"),
    ],
)
def test_hyphens_at_a_lines_end(upper: str, lower: str, expected: str) -> None:
    assert laid_out([line(upper, 700), line(lower, 686, right=200)]).text == expected


def test_headers_that_count_pages_go_though_their_words_change() -> None:
    words = enumerate(["Cells", "Light", "Force"], start=1)
    pages = [[line(f"Chapter {number}: {word} {number + 4}", 810, size=9), *BODY] for number, word in words]
    assert "Chapter" not in laid_out(*pages).text


def test_code_keeps_lines_and_indents() -> None:
    code = [
        PrintedLine(text, left, 300, 430 - 12 * index, 440 - 12 * index, 10, monospaced=True)
        for index, (text, left) in enumerate([("def area(r):", 72), ("return 3.14 * r ** 2", 96)])
    ]
    assert blocks(laid_out([*BODY, *code]))[-1] == (BlockKind.CODE, "def area(r):\n    return 3.14 * r ** 2")


def test_a_list_mark_is_no_cell() -> None:
    item = line("2. Reduction", 700)
    assert item.with_cells((Cell("2.", 72, 80), Cell("Reduction", 120, 160))).cells == ()
    cells = item.with_cells((Cell("2.", 72, 80), Cell("Reduction", 90, 160), Cell("ATP", 300, 320))).cells
    assert [cell.text for cell in cells] == ["2. Reduction", "ATP"]


def draw(path: Path, *strings: tuple[float, float, str], angle: float = 0, font: str = "Helvetica") -> None:
    canvas = Canvas(str(path), pagesize=A4)
    canvas.rotate(angle)
    canvas.setFont(font, 11)
    for x, y, text in strings:
        canvas.drawString(x, y, text)
    canvas.showPage()
    canvas.save()


def test_hyphens_and_rows_as_pdfium_tells_them(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    draw(
        path,
        (72, 700, "This is photo-"),
        (72, 686, "synthesis."),
        (72, 600, "Force"),
        (300, 600, "newton"),
        (72, 580, "Mass"),
        (300, 580, "kg"),
    )
    assert parse(path, PDF).text == "This is photosynthesis.\n\nForce | newton\nMass | kg"


def test_a_row_is_read_from_left_to_right_however_it_was_drawn(tmp_path: Path) -> None:
    draw(tmp_path / "a", (480, 700, "(3)"), (72, 700, "Energy is mass times the square of a speed"))
    assert parse(tmp_path / "a", PDF).text == "Energy is mass times the square of a speed (3)"
    rows = [[(400, y, "12"), (240, y, name), (72, y, "Oak")] for y, name in ((700, "tall"), (686, "small"))]
    draw(tmp_path / "b", *rows[0], *rows[1])
    assert parse(tmp_path / "b", PDF).text == "Oak | tall | 12\nOak | small | 12"


def test_a_mark_that_is_drawn_behind_its_line_is_no_line(tmp_path: Path) -> None:
    draw(tmp_path / "a", (90, 700, "A note that says where it is from and of which year"), (72, 704, "2"))
    (only,) = parse(tmp_path / "a", PDF).text.split("\n")
    assert "where it is from" in only


def test_slanted_watermarks_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    draw(path, (300, 100, "WATERMARK"), angle=45)
    with pytest.raises(ParseError) as caught:
        parse(path, PDF)
    assert caught.value.reason is ParseReason.NO_TEXT


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("is_page_turned", [False, True])
def test_turned_text_is_read_as_if_it_stood_upright(tmp_path: Path, turn: int, is_page_turned: bool) -> None:
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setFont("Helvetica", 11)
    if is_page_turned:
        canvas.setPageRotation(turn)
    else:
        canvas.drawString(40, 800, "The figures of the year are printed on this page in the other direction.")
    canvas.translate(300, 420)
    canvas.rotate(turn)
    for x, y, text in (
        (-200, 100, "Clouds are made of drops that are"),
        (-200, 86, "far too small to fall."),
        (-200, 20, "River"),
        (0, 20, "Length"),
        (-200, 4, "Nile"),
        (0, 4, "6650 km"),
    ):
        canvas.drawString(x, y, text)
    canvas.save()
    parsed = parse(path, PDF)
    assert parsed.text.endswith(
        "Clouds are made of drops that are far too small to fall.\n\nRiver | Length\nNile | 6650 km"
    )
    assert parsed.text.startswith("Clouds" if is_page_turned else "The figures")


def test_what_is_filled_into_a_form(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    canvas.drawString(72, 700, "School:")
    canvas.drawString(72, 670, "Day:")
    canvas.drawString(72, 640, "I eat lunch there:")
    canvas.drawString(72, 610, "Thank you.")
    form = canvas.acroForm
    form.textfield(name="school", value="Hill School", x=200, y=695, width=200, height=18)
    form.choice(name="day", value="Friday", options=["Monday", "Friday"], x=200, y=665, width=90, height=18)
    form.checkbox(name="yes", checked=True, x=200, y=636, size=14)
    form.checkbox(name="no", checked=False, x=240, y=636, size=14)
    form.textfield(name="secret", value="hidden", fieldFlags="password", x=200, y=560, width=200, height=18)
    canvas.save()
    assert parse(path, PDF).text.split("\n\n") == [
        "School: Hill School",
        "Day: Friday",
        "I eat lunch there: ☒",
        "Thank you.",
    ]


def test_what_stands_sideways_on_every_page_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    for number in range(3):
        canvas.drawString(72, 700, f"Text of page {number}.")
        canvas.rotate(90)
        canvas.drawString(200, -30, "Downloaded from a library")
        canvas.showPage()
    canvas.save()
    assert "Downloaded" not in parse(path, PDF).text


def test_a_page_of_drawings_says_that_there_is_no_ocr(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    canvas = Canvas(str(path))
    canvas.rect(100, 100, 300, 300, fill=1)
    canvas.showPage()
    canvas.save()
    with pytest.raises(ParseError) as caught:
        parse(path, PDF)
    assert caught.value.reason is ParseReason.NO_TEXT
    assert caught.value.metadata == {"pages": "1", "what": "pdf"}
    assert "OCR" in told(caught.value.reason, caught.value.metadata)


def test_chinese_through_pdfium(tmp_path: Path) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    path = tmp_path / "a.pdf"
    draw(path, (72, 700, "牛顿第一定律，又称惯性定律。"), font="STSong-Light")
    parsed = parse(path, PDF)
    assert (parsed.text, parsed.language) == ("牛顿第一定律，又称惯性定律。", "zh")


@pytest.mark.parametrize(
    ("font", "text"),
    [
        ("STSong-Light", "春眠不觉晓，处处闻啼鸟。"),
        ("MSung-Light", "牛頓第一運動定律，又稱慣性定律。"),
        ("HeiseiMin-W3", "光合成は植物が行う反応です。"),
        ("HYSMyeongJo-Medium", "광합성은식물의반응이다"),
    ],
)
def test_characters_of_a_font_that_no_machine_has_to_have(tmp_path: Path, font: str, text: str) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont(font))
    path = tmp_path / "a.pdf"
    # Each is a text of its own, as programs write that place every character.
    draw(path, *[(72 + 12 * place, 700, character) for place, character in enumerate(text)], font=font)
    assert parse(path, PDF).text == text


def test_exponents_and_indices(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    formula = (("Water is H", 0), ("2", -3), ("O, area in m", 0), ("2", 5), (".", 0))
    for y, pieces in ((700, formula), (660, (("F1 is a key.", 0),))):
        text = canvas.beginText(72, y)
        for piece, rise in pieces:
            text.setFont("Helvetica", 7 if rise else 11)
            text.setRise(rise)
            text.textOut(piece)
        canvas.drawText(text)
    canvas.save()
    assert parse(path, PDF).text == "Water is H₂O, area in m².\n\nF1 is a key."


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (((72, 0, 11, "It is 6 x 10"), (135, 5, 6, "23"), (150, 0, 11, "particles.")), "It is 6 x 10²³ particles."),
        (((72, 0, 11, "The size is 10"), (141, 5, 6, "-9"), (149, 0, 11, "m.")), "The size is 10⁻⁹ m."),
        (((72, 0, 11, "In 2024 12 people came."),), "In 2024 12 people came."),
    ],
)
def test_exponents_of_numbers(
    tmp_path: Path, pieces: tuple[tuple[float, float, float, str], ...], expected: str
) -> None:
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    for x, rise, size, text in pieces:
        canvas.setFont("Helvetica", size)
        canvas.drawString(x, 700 + rise, text)
    canvas.save()
    assert parse(path, PDF).text == expected


@pytest.mark.parametrize("tail", [b"\0" * 6000, b"\r\n--boundary--\r\n" * 400])
def test_bytes_behind_the_end_do_no_harm(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "a.pdf"
    draw(path, (72, 700, "Iron rusts in damp air."))
    path.write_bytes(path.read_bytes() + tail)
    assert parse(path, PDF).text == "Iron rusts in damp air."


def test_an_edition_without_its_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    draw(path, (72, 700, "Iron rusts in damp air."))
    path.write_bytes(path.read_bytes() + b"3 0 obj\n<< /Type /Page >>\nendobj\n")
    with pytest.raises(ParseError) as caught:
        parse(path, PDF)
    assert caught.value.reason is ParseReason.TRUNCATED_FILE


def test_sizes_come_from_the_matrix_too(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    canvas.saveState()
    canvas.scale(2, 2)
    canvas.setFont("Helvetica", 10)
    canvas.drawString(36, 380, "Cells and energy")
    canvas.restoreState()
    canvas.setFont("Helvetica", 10)
    for number in range(5):
        canvas.drawString(72, 700 - 14 * number, "Body text of the page, set in a smaller size than its heading is.")
    canvas.save()
    assert blocks(parse(path, PDF))[0] == (BlockKind.HEADING, "Cells and energy")


def with_letters(path: Path, letters: dict[str, str], *strings: tuple[float, float, str]) -> None:
    """Write a page whose font says which text each letter that is shown stands for, in hexadecimal UTF-16."""
    pairs = "".join(f"<{ord(letter):02x}> <{code}>\n" for letter, code in letters.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Own def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(letters)} beginbfchar\n{pairs}endbfchar\n"
        "endcmap end end"
    )
    shown = "".join(f"BT /F1 11 Tf {x} {y} Td ({text}) Tj ET\n" for x, y, text in strings)
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
            "/Resources << /Font << /F1 4 0 R >> >> >>"
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>",
        f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
        f"<< /Length {len(cmap)} >>\nstream\n{cmap}\nendstream",
    )
    data = "%PDF-1.4\n" + "".join(f"{at} 0 obj\n{body}\nendobj\n" for at, body in enumerate(objects, start=1))
    path.write_text(f"{data}trailer << /Root 1 0 R /Size 7 >>\n%%EOF\n", encoding="latin-1")


def test_letters_beyond_the_first_65536_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    letters = {letter: f"{ord(letter):04x}" for letter in "let be aginso"} | {"X": "d835dc65", "Y": "d835dc66"}
    with_letters(path, letters, (72, 700, "let X be Y"), (72, 686, "again X is X"))
    assert parse(path, PDF).text == "let 𝑥 be 𝑦 again 𝑥 is 𝑥"


def test_what_has_no_text_is_left_out_and_ends_no_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    letters = {letter: f"{ord(letter):04x}" for letter in "a pageofwords"} | {"#": "0003", "%": "0002"}
    with_letters(path, letters, (72, 700, "a page"), (200, 700, "###"), (300, 700, "of %#words"), (72, 600, "%%%"))
    text = parse(path, PDF).text
    assert "a page" in text
    assert "words" in text
    assert text.isprintable()


def test_a_part_of_a_line_that_shows_nothing_is_no_cell() -> None:
    empty = PrintedLine("left right", 72, 400, 700, 710, 10.0).with_cells(
        (Cell("left", 72, 100), Cell("", 200, 210), Cell("right", 300, 400))
    )
    assert [cell.text for cell in empty.cells] == ["left", "right"]
    rows = [empty._replace(bottom=700.0 - 14 * number, top=710.0 - 14 * number) for number in range(6)]
    assert "left | right" in laid_out(rows).text
    assert (
        PrintedLine("left", 72, 210, 700, 710, 10.0).with_cells((Cell("left", 72, 100), Cell("", 200, 210))).cells == ()
    )


def test_text_that_is_larger_than_most_of_a_form_is_no_heading() -> None:
    small = [
        line(f"Field {number} of the form, with a rule that says what belongs there", 700 - 12 * number, size=9.0)
        for number in range(30)
    ]
    words = (
        "the agency found that the child was safe in the home of the family and closed the case after the assessment"
    )
    large = [
        line(f"{number} {words} {'of it ' * (number % 2 * 3)}".strip(), 300 - 13 * number, size=11.0)
        for number in range(8)
    ]
    found = blocks(laid_out([*small, *large]))
    assert BlockKind.HEADING not in {kind for kind, _ in found}
    assert sum(words in text for _, text in found) == 1


def test_words_far_back_and_a_little_lower_are_another_line(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "page.pdf"), pagesize=A4)
    canvas.setFont("Helvetica", 10)
    for number in range(5):
        canvas.drawString(72, 700 - 14 * number, f"Line {number} of a text that is as wide as the page where it stands")
    canvas.drawString(300, 500, "what stands at the right ")
    canvas.drawString(72, 496, "a note at the left")
    canvas.save()
    lines = parse(tmp_path / "page.pdf", PDF).text.split("\n")
    assert {"what stands at the right", "a note at the left"} <= set(lines)
