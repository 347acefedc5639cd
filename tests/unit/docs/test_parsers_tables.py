"""Excel, CSV, OpenDocument, RTF, EPUB and notebooks: what is particular to each."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from services.docs.adapters.parsers.cell_formats import shown_number
from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import CSV, NOTEBOOK, ODP, ODS, ODT, RTF, XLSX
from services.docs.domain.wording.wording import told
from services.docs.values.parsed_document import BlockKind, ParsedDocument, ParseError, ParseLimits, ParseReason
from tests.contract.docs_format_parser.study_files import open_document, packed
from tests.unit.docs.office_files import SPACES, text_of, workbook


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        ("45356", "yyyy-mm-dd", "2024-03-05"),
        ("45356.604166667", "m/d/yy h:mm", "2024-03-05 14:30"),
        ("0.5", "h:mm", "12:00"),
        ("0.256", "0.0%", "25.6%"),
        ("84.33333333", "0.00", "84.33"),
        ("0.30000000000000004", "General", "0.3"),
        ("3", "0.00", "3"),
        ("1736", '#,##0 "mm"', "1736"),
        ("12", "[Red]0", "12"),
        ("text", "0.00", "text"),
        ("1e300", "yyyy", "1e+300"),
    ],
)
def test_numbers_as_they_are_shown(value: str, code: str, expected: str) -> None:
    assert shown_number(value, code) == expected


def test_sheets_are_pages_with_their_tables(tmp_path: Path) -> None:
    runs = "<x:r><x:t>Wa</x:t></x:r><x:r><x:t>ter</x:t></x:r><x:rPh><x:t>READING</x:t></x:rPh>"
    shared = f"<x:sst {SPACES}><x:si>{runs}</x:si></x:sst>"
    title = '<x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>Table 1</x:t></x:is></x:c></x:row>'
    row = '<x:row r="2"><x:c r="A2" t="s"><x:v>0</x:v></x:c><x:c r="XFD2"><x:v>100</x:v></x:c></x:row>'
    other = '<x:row r="900000"><x:c r="B1" t="b"><x:v>1</x:v></x:c><x:c t="str"><x:v>f</x:v></x:c></x:row>'
    parsed = workbook(tmp_path, {"One": title + row + other, "Two": row}, sharedStrings=shared)
    assert parsed.text.split("\n\n") == ["One", "Table 1", "Water | 100", "TRUE | f", "Two", "Water | 100"]
    assert parsed.page_count == 2


def test_a_sheet_of_many_rows_repeats_its_header(tmp_path: Path) -> None:
    def row(*cells: str) -> str:
        return "<x:row>" + "".join(f'<x:c t="str"><x:v>{cell}</x:v></x:c>' for cell in cells) + "</x:row>"

    rows = "".join(row(f"pupil {n}", str(n)) for n in range(300))
    parsed = workbook(tmp_path, {"Marks": row("Name", "Mark") + rows})
    tables = [text_of(parsed, block) for block in parsed.blocks if block.kind is BlockKind.TABLE]
    assert len(tables) > 3
    assert all(table.startswith("Name | Mark\n") for table in tables)


def test_millions_of_cells_are_refused(tmp_path: Path) -> None:
    rows = "<x:row>" + '<x:c t="n"><x:v>1</x:v></x:c>' * 20_000 + "</x:row>"
    workbook(tmp_path, {"A": rows})
    with pytest.raises(ParseError) as caught:
        parse(tmp_path / "a.xlsx", XLSX, ParseLimits(xml_marks=50_000))
    assert caught.value.reason is ParseReason.TOO_COMPLEX


def test_a_sheet_whose_cells_are_far_apart_is_refused_before_its_rows_are_filled(tmp_path: Path) -> None:
    letters = [f"{a}{b}" for a in "ABCDEFGHIJKLMNOPQRST" for b in "ABCDEFGHIJKLMNOPQRST"]
    rows = "".join(f'<x:row><x:c r="{letter}1"><x:v>1</x:v></x:c></x:row>' for letter in letters)
    workbook(tmp_path, {"A": rows})
    with pytest.raises(ParseError) as caught:
        parse(tmp_path / "a.xlsx", XLSX, ParseLimits(chars=100_000))
    assert caught.value.reason is ParseReason.TOO_MUCH_TEXT


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a,b\n1,2\n", "a | b\n1 | 2"),
        (b'name;mark\n"Li; Ming";"1\n2"\n', "name | mark\nLi; Ming | 1 2"),
        (b"a\tb, c\n1\t2\n", "a | b, c\n1 | 2"),
        ("姓名,分数\n李,9\n".encode("gb18030"), "姓名 | 分数\n李 | 9"),
        (b"a,b\n\n1,\n", "a | b\n1 |"),
        (b"only lines\nof text\n", "only lines\nof text"),
    ],
)
def test_separated_values(data: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    assert parse(tmp_path / "a", CSV).text == expected


def odf(tmp_path: Path, media_type: str, body: str, styles: str = "") -> ParsedDocument:
    spaces = open_document("").partition("<office:document-content ")[2].partition(">")[0]
    style = 'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"'
    packed(
        tmp_path / "a",
        {
            "content.xml": open_document(body),
            "styles.xml": f"<office:document-styles {spaces} {style}>{styles}</office:document-styles>",
        },
        media_type,
    )
    return parse(tmp_path / "a", media_type)


def test_opendocument_lists_notes_and_formulas(tmp_path: Path) -> None:
    levels = "".join(
        f'<text:list-level-style-number text:level="{n}" style:num-format="{form}" style:num-suffix="." '
        f'text:display-levels="{n}"/>'
        for n, form in ((1, "1"), (2, "a"))
    )
    styles = f'<text:list-style style:name="L">{levels}</text:list-style>'
    inner = "<text:list><text:list-item><text:p>b</text:p></text:list-item></text:list>"
    math = '<math xmlns="http://www.w3.org/1998/Math/MathML"><msup><mi>x</mi><mn>2</mn></msup></math>'
    note = "<text:note-citation>1</text:note-citation><text:note-body><text:p>why</text:p></text:note-body>"
    frame = f"<draw:frame><draw:object>{math}</draw:object></draw:frame>"
    body = (
        "<office:text><text:tracked-changes><text:p>GONE</text:p></text:tracked-changes>"
        f'<text:list text:style-name="L"><text:list-item><text:p>a</text:p>{inner}</text:list-item></text:list>'
        f"<text:p>is<text:s/>{frame}<text:note>{note}</text:note>\n  so</text:p></office:text>"
    )
    assert odf(tmp_path, ODT, body, styles).text.split("\n") == ["1. a", "1.a. b", "", "is x^2 so", "", "why"]


_LEVELS = "".join(
    f'<text:list-level-style-number text:level="{n}" style:num-format="{form}" style:num-prefix="{before}" '
    f'style:num-suffix="{after}" text:display-levels="{n}"/>'
    for n, form, before, after in ((1, "一", "第", "章"), (2, "1", "", ""))
)


def _headings(*headings: str) -> str:
    return "<office:text>" + "".join(headings) + "</office:text>"


def test_opendocument_headings_are_numbered_by_a_list_where_the_outline_has_no_numbers(tmp_path: Path) -> None:
    styles = '<text:outline-style><text:outline-level-style text:level="1" style:num-format=""/></text:outline-style>'
    styles += f'<text:list-style style:name="L">{_LEVELS}</text:list-style>'
    heading = '<text:h text:outline-level="{}">{}</text:h>'
    inner = f"<text:list><text:list-item>{heading.format(2, 'Air')}</text:list-item></text:list>"
    items = f"<text:list-item>{heading.format(1, 'Matter')}{inner}</text:list-item>"
    items += f"<text:list-item>{heading.format(1, 'Force')}</text:list-item>"
    parsed = odf(tmp_path, ODT, _headings(f'<text:list text:style-name="L">{items}</text:list>'), styles)
    assert parsed.text == "第一章 Matter\n\n一.1 Air\n\n第二章 Force"
    assert {block.kind for block in parsed.blocks} == {BlockKind.HEADING}


def test_opendocument_headings_may_start_again_and_hold_their_number(tmp_path: Path) -> None:
    levels = _LEVELS.replace("list-level-style-number", "outline-level-style")
    heading = '<text:h text:outline-level="1"{}>{}</text:h>'
    again = ' text:restart-numbering="true" text:start-value="5"'
    body = _headings(
        heading.format("", "<text:number>第一章</text:number>Matter"),
        heading.format(again, "Force"),
        heading.format("", "Light"),
        heading.format(' text:restart-numbering="true"', "Sound"),
    )
    parsed = odf(tmp_path, ODT, body, f"<text:outline-style>{levels}</text:outline-style>")
    assert parsed.text.split("\n\n") == ["第一章 Matter", "第五章 Force", "第六章 Light", "第一章 Sound"]


def test_an_opendocument_list_goes_on_with_the_list_that_it_names(tmp_path: Path) -> None:
    def listed(attributes: str, *items: str) -> str:
        texts = "".join(f"<text:list-item><text:p>{item}</text:p></text:list-item>" for item in items)
        return f'<text:list text:style-name="L" {attributes}>{texts}</text:list>'

    style = '<text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
    body = _headings(
        listed('xml:id="a"', "one", "two"),
        listed('xml:id="b"', "one"),
        listed('xml:id="c" text:continue-list="a"', "three"),
        listed('text:continue-list="c"', "four"),
        listed('text:continue-list="b"', "two"),
    )
    parsed = odf(tmp_path, ODT, body, f'<text:list-style style:name="L">{style}</text:list-style>')
    assert parsed.text.split("\n") == ["1. one", "2. two", "1. one", "3. three", "4. four", "2. two"]


def test_opendocument_tables_that_repeat_without_end(tmp_path: Path) -> None:
    cell = "<table:table-cell {}><text:p>{}</text:p></table:table-cell>"
    row = f"<table:table-row>{cell.format('', 'a')}{cell.format('', 'b')}</table:table-row>"
    blank = cell.format('table:number-columns-repeated="16384"', "")
    empty = f'<table:table-row table:number-rows-repeated="1048576">{blank}</table:table-row>'
    body = f'<office:spreadsheet><table:table table:name="S">{row}{empty}</table:table></office:spreadsheet>'
    assert odf(tmp_path, ODS, body).text == "S\n\na | b"


def test_opendocument_sheets_that_are_not_shown_are_passed_over(tmp_path: Path) -> None:
    style = '<style:style style:name="{0}"><style:table-properties table:display="{0}"/></style:style>'
    sheet = (
        '<table:table table:name="{0}" table:style-name="{0}"><table:table-row><table:table-cell><text:p>a</text:p>'
        "</table:table-cell></table:table-row></table:table>"
    )
    body = f"<office:spreadsheet>{sheet.format('true')}{sheet.format('false')}</office:spreadsheet>"
    assert odf(tmp_path, ODS, body, style.format("true") + style.format("false")).text == "true\n\na"


def test_opendocument_slides_and_their_notes_are_read_without_what_all_of_them_show(tmp_path: Path) -> None:
    frame = '<draw:frame presentation:class="{0}"><draw:text-box><text:p>{0}</text:p></draw:text-box></draw:frame>'
    frames = "".join(map(frame.format, ("header", "outline", "footer", "date-time", "page-number")))
    notes = f"<presentation:notes>{frames.replace('outline', 'notes')}</presentation:notes>"
    body = f"<office:presentation><draw:page>{frames}{notes}</draw:page></office:presentation>"
    assert odf(tmp_path, ODP, body).text == "outline\n\nnotes"


def test_opendocument_slides_are_read_by_their_places(tmp_path: Path) -> None:
    def frame(text: str, x: int, y: int) -> str:
        place = f'svg:x="{x}cm" svg:y="{y}cm" svg:width="8cm" svg:height="2cm"'
        return f"<draw:frame {place}><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"

    body = (
        f"<office:presentation><draw:page>{frame('low', 0, 9)}{frame('right', 10, 1)}{frame('left', 0, 1)}</draw:page>"
    )
    assert odf(tmp_path, ODP, body + "</office:presentation>").text.split() == ["left", "right", "low"]


def test_an_id_that_stands_twice_and_the_document_type_of_a_formula(tmp_path: Path) -> None:
    formula = '<!DOCTYPE math:math PUBLIC "-//OpenOffice.org//DTD Modified W3C MathML 1.01//EN" "math.dtd">'
    formula += '<math:math xmlns:math="http://www.w3.org/1998/Math/MathML"><math:mi>x</math:mi></math:math>'
    frame = '<draw:frame><draw:object xlink:href="./Object 1" xmlns:xlink="http://www.w3.org/1999/xlink"/></draw:frame>'
    body = f'<office:text><text:p xml:id="a">so {frame} is</text:p><text:p xml:id="a">known</text:p></office:text>'
    odf(tmp_path, ODT, body)
    with zipfile.ZipFile(tmp_path / "a", "a") as archive:
        archive.writestr("Object 1/content.xml", formula)
    assert parse(tmp_path / "a", ODT).text == "so x is\n\nknown"
    with zipfile.ZipFile(tmp_path / "a", "a") as archive:
        archive.writestr("Object 1/content.xml", formula.replace('"math.dtd"', '"math.dtd" [<!ENTITY e "x">]'))
    with pytest.raises(ParseError) as caught:
        parse(tmp_path / "a", ODT)
    assert caught.value.reason is ParseReason.XML_ENTITY


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"{\rtf1\ansi\ansicpg936 \'b9\'e2\'ba\'cf\par}", "光合"),
        (r"{\rtf1{\fonttbl{\f0\fcharset134 SimSun;}}\f0\'cb\'ae \par}", "水"),
        (r"{\rtf1\uc1 \u27700?\u-10179?x\par}", "水"),
        (r"{\rtf1\uc1 a\u-10179?\u-8704?b \u-10174?\u-8377?\par}", "a😀b 𠭇"),
        (r"{\rtf1 one{\footnote \u-10179?\u-8704?}\par}", "one\n\n😀"),
        (r"{\rtf1 x{\super 2} H{\sub 2}O\par}", "x² H₂O"),
        (r"{\rtf1 seen{\v hidden}{\*\unknown no}{\field{\*\fldinst HYPERLINK}{\fldrslt link}}\par}", "seenlink"),
        (r"{\rtf1 one{\footnote two}\par three\par}", "one\n\ntwo\n\nthree"),
        (r"{\rtf1 one{\super\chftn{\*\footnote \pard\plain\s9 two}}\par three\par}", "one\n\ntwo\n\nthree"),
        (r"{\rtf1 so {\mmath{\*\moMath{\mf{\mnum{\mr\mscr0 v}}{\mden{\mr t}}}}{\mmathPict no}}\par}", "so v/t"),
        (
            r"{\rtf1{\*\moMath{\mnary{\mnaryPr{\mchr \u8721?}}{\msub{\mr i=1}}{\msup{\mr n}}{\me{\mr i}}}}\par}",
            "∑_(i=1)^n i",
        ),
        (
            r"{\rtf1{\*\moMath{\md{\mdPr{\mbegChr [}{\mendChr ]}}{\me{\mm{\mmr{\me{\mr 1}}{\me{\mr 2}}}}}}}\par}",
            "[1, 2]",
        ),
        (r"{\rtf1{\*\moMath{\mrad{\mdeg}{\me{\msSup{\me{\mr x}}{\msup{\mr 2}}}}}} is x\par}", "√(x^2) is x"),
        (r"{\rtf1\trowd\intbl a\cell b\cell\row\pard text\par}", "a | b\n\ntext"),
        (r"{\rtf1{\pntext\f1\'B7\tab}item\par{\listtext 2.\tab}second\par}", "item\n2. second"),
        (r"{\rtf1{\*\shpinst{\shptxt boxed\par}}\par}", "boxed"),
        (r"{\rtf1 {\pict\bin3 }}}}after\par}", "after"),
        (r"{\rtf1{\stylesheet{\s1 Body;}{\*\cs7 Teletype;}}\s1{\i0\*\cs7\cf0 The fox}\par}", "The fox"),
        (r"{\rtf1\mac na\'95ve\par}", "naïve"),
        (r"{\rtf1\pc caf\'82\par}", "café"),
        (r"{\rtf1\pca \'d0o\par}", "ðo"),
        (r"{\rtf1\ansicpg1251\'e4\'e0\par}", "да"),
        (r"{\rtf1\ansicpg932\'93\'53\par}", "鉄"),
        (r"{\rtf1{\fonttbl{\f0\fcharset129 Batang;}}\f0\'c3\'b6\par}", "철"),
        (r"{\rtf1 It is {\ul       } or\ul\tab\ulnone .\par}", "It is ____ or____."),
        (r"{\rtf1 {\ul so} is\ul  it\plain  all\par}", "so is it all"),
    ],
)
def test_rtf(source: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(source, encoding="ascii")
    assert expected in parse(tmp_path / "a", RTF).text


def test_rtf_of_items_and_of_headings_with_numbers(tmp_path: Path) -> None:
    styles = r"{\stylesheet{\s1 heading 1;}}"
    body = (
        r"\pard\s1{\listtext\pard\plain 1.\tab}\ilvl0 Matter\par"
        r"\pard\plain{\listtext\pard\plain a)\tab}\ilvl1\ls2 air\par"
        r"{\listtext\pard\plain\f3 \u-3913?\tab}\pard\ilvl2 water\par"
        r"\pard plain\par"
    )
    (tmp_path / "a").write_text(rf"{{\rtf1{styles}{body}}}")
    parsed = parse(tmp_path / "a", RTF)
    assert parsed.text.replace("\n\n", "\n").split("\n") == ["1. Matter", "a) air", "water", "plain"]
    assert [(block.kind, block.level) for block in parsed.blocks] == [
        (BlockKind.HEADING, 1),
        (BlockKind.LIST_ITEM, 2),
        (BlockKind.LIST_ITEM, 3),
        (BlockKind.PARAGRAPH, 0),
    ]


@pytest.mark.parametrize("nested", [r"{\me" * 400 + " x" + "}" * 400, r"\me" * 50_000 + " x"], ids=["groups", "words"])
def test_a_formula_of_rtf_that_is_nested_deeply_is_read(nested: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(r"{\rtf1 a{\*\moMath" + nested + r"}\par}")
    assert parse(tmp_path / "a", RTF).text == "ax"


def test_rtf_of_groups_within_each_other_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(r"{\rtf1 " + "{" * 100_000, encoding="ascii")
    with pytest.raises(ParseError) as caught:
        parse(tmp_path / "a", RTF)
    assert caught.value.reason is ParseReason.TOO_COMPLEX


@pytest.mark.parametrize(
    "source",
    [
        '{"cells": ' + "[" * 5000 + "]" * 5000 + "}",
        "[" * 5000,
        '{"cells": [{"cell_type": "code", "source": "x = [[[", "metadata": '
        + '{"a":' * 3000
        + "1"
        + "}" * 3000
        + "}]}",
    ],
)
def test_a_notebook_of_lists_within_each_other_is_too_complex(source: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(source, encoding="utf-8")
    with pytest.raises(ParseError) as caught:
        parse(tmp_path / "a", NOTEBOOK)
    assert caught.value.reason is ParseReason.TOO_COMPLEX
    assert "1,000 lists" in told(caught.value.reason, caught.value.metadata)


def test_what_a_notebook_shows_instead_of_text(tmp_path: Path) -> None:
    outputs = [
        {
            "data": {
                "text/plain": "<IPython.core.display.Markdown object>",
                "text/markdown": ["## Loss\n", "It *falls*."],
            }
        },
        {"data": {"text/plain": "<IPython.core.display.Math object>", "text/latex": "$$E=mc^2$$"}},
        {"data": {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<ul><li>one<li>two</ul>"}},
        {"data": {"text/plain": "[<matplotlib.lines.Line2D at 0x7f3c>]"}},
        {"data": {"text/plain": "<Figure size 640x480 with 2 Axes>", "image/png": "x"}},
        {"output_type": "error", "ename": "NameError", "evalue": "name 'x' is not defined", "traceback": ["…"]},
        {"text": "\x1b[31mred\x1b[0m <b at last>"},
    ]
    cells = [{"cell_type": "code", "source": "show()", "outputs": outputs}]
    (tmp_path / "a").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert parse(tmp_path / "a", NOTEBOOK).text == (
        "show()\n\nLoss\n\nIt falls.\n\n$$E=mc^2$$\n\none\ntwo\n\nNameError: name 'x' is not defined\n\nred <b at last>"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("sep=;\nName;Mark\nAda;9,5\n", "Name | Mark\nAda | 9,5"),
        ("SEP=,\r\na,b;c\r\n1,2;3\r\n", "a | b;c\n1 | 2;3"),
        ("sep=\t\na\tb\n", "a | b"),
        ("sep\n=1\n", "sep\n=1"),
    ],
)
def test_csv_that_names_its_separator(source: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(source.encode())
    assert parse(tmp_path / "a", CSV).text == expected


@pytest.mark.parametrize("source", ["[1]", "{", '{"cells": 3}', '{"cells": [{"cell_type": 1}]}'])
def test_what_is_no_notebook_is_refused_in_words(source: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(source, encoding="utf-8")
    with pytest.raises(ParseError) as caught:
        parse(tmp_path / "a", NOTEBOOK)
    assert caught.value.reason in {ParseReason.CORRUPT_FILE, ParseReason.NO_TEXT}


@pytest.mark.parametrize("source", ["---\n\n---\nDrops", "---\ntitle: Drops\n---\nof water"])
def test_cells_of_a_notebook_have_no_front_matter(source: str, tmp_path: Path) -> None:
    cells = [{"cell_type": "markdown", "source": source}]
    (tmp_path / "a").write_text(json.dumps({"cells": cells, "nbformat": 4}), encoding="utf-8")
    assert "Drops" in parse(tmp_path / "a", NOTEBOOK).text


@pytest.mark.parametrize(("level", "read"), [(2, 2), (0, 1), (-3, 1), (True, 1), ("3", 1), (None, 1), (99, 6)])
def test_a_heading_of_an_old_notebook_has_a_level(level: object, read: int, tmp_path: Path) -> None:
    cells = [{"cell_type": "heading", "source": "Sums", "level": level}, {"cell_type": "markdown", "source": "Adds."}]
    (tmp_path / "a").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert parse(tmp_path / "a", NOTEBOOK).blocks[0].level == read


def test_a_notebook_with_code_and_what_it_wrote(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Sums\n", "Adds."]},
        {"cell_type": "code", "source": "1 + 1", "outputs": [{"data": {"text/plain": ["2"]}}, {"text": "done\n"}]},
    ]
    (tmp_path / "a").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    parsed = parse(tmp_path / "a", NOTEBOOK)
    assert [(block.kind.value, text_of(parsed, block)) for block in parsed.blocks] == [
        ("HEADING", "Sums"), ("PARAGRAPH", "Adds."), ("CODE", "1 + 1"), ("CODE", "2"), ("CODE", "done"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("<x:c><x:f>SUM(A1:B1)</x:f></x:c>", "=SUM(A1:B1)"),
        ('<x:c t="str"><x:f>A1&amp;" 分"</x:f></x:c>', '=A1&" 分"'),
        ("<x:c><x:f>SUM(A1:B1)</x:f><x:v>12</x:v></x:c>", "12"),
        ('<x:c t="str"><x:f>IF(A1,"","x")</x:f><x:v></x:v></x:c>', ""),
        ('<x:c><x:f t="shared" si="0"/></x:c>', ""),
    ],
)
def test_a_formula_without_its_value_is_shown(cell: str, shown: str, tmp_path: Path) -> None:
    first = '<x:c t="inlineStr"><x:is><x:t>Ada</x:t></x:is></x:c>'
    parsed = workbook(tmp_path, {"Marks": f"<x:row>{first}{cell}</x:row>"})
    assert parsed.text.splitlines()[-1] == (f"Ada | {shown}" if shown else "Ada")
