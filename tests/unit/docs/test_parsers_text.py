"""Text, Markdown and HTML: what is particular to each."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from services.docs.adapters.parsers.encoding import decode
from services.docs.adapters.parsers.outline import heading_level, is_list_item, without_bullet
from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import HTML, MARKDOWN, TEXT
from services.docs.domain.wording.wording import told
from services.docs.values.parsed_document import BlockKind, ParsedDocument, ParseError, ParseReason


def parse_bytes(source: str | bytes, media_type: str, tmp_path: Path) -> ParsedDocument:
    path = tmp_path / "file"
    path.write_bytes(source.encode() if isinstance(source, str) else source)
    return parse(path, media_type)


def blocks(parsed: ParsedDocument) -> list[tuple[BlockKind, int, str]]:
    return [(block.kind, block.level, parsed.text[block.start : block.end]) for block in parsed.blocks]


PLAIN_TEXT = (
    "第一章 力学\n\n　　力是物体对物体的作用。\n　　重力的方向竖直向下。\n\n"
    "Further Reading\n===============\n\n"
    "The quick brown fox jumps over the lazy dog and then it runs away\n"
    "from the farmer who was sleeping under the tall oak tree in the\ngarden.\n\n"
    "Roses are red\nViolets are blue\n\n• first\n• second\n  continued\n1) third\n"
)


def test_plain_text(tmp_path: Path) -> None:
    parsed = parse_bytes(
        PLAIN_TEXT,
        TEXT,
        tmp_path,
    )
    assert blocks(parsed) == [
        (BlockKind.HEADING, 1, "第一章 力学"),
        (BlockKind.PARAGRAPH, 0, "力是物体对物体的作用。\n重力的方向竖直向下。"),
        (BlockKind.HEADING, 1, "Further Reading"),
        (
            BlockKind.PARAGRAPH,
            0,
            (
                "The quick brown fox jumps over the lazy dog and then it runs away "
                "from the farmer who was sleeping under the tall oak tree in the garden."
            ),
        ),
        (BlockKind.PARAGRAPH, 0, "Roses are red\nViolets are blue"),
        (BlockKind.LIST_ITEM, 1, "first"),
        (BlockKind.LIST_ITEM, 1, "second\ncontinued"),
        (BlockKind.LIST_ITEM, 1, "1) third"),
    ]


def test_hard_wrapped_chinese_is_joined_without_spaces(tmp_path: Path) -> None:
    line = "牛顿第一定律指出一切物体在没有受到外力作用的时候总保持静止状态或"
    parsed = parse_bytes(f"{line}\n{line}\n匀速直线运动状态。\n", TEXT, tmp_path)
    assert parsed.text == f"{line}{line}匀速直线运动状态。"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("第一章 力学", 1),
        ("第3讲：函数", 1),
        ("第二节 摩擦力", 2),
        ("Chapter 4 Waves", 1),
        ("2.3 The cell wall", 2),
        ("2.3.1 Cellulose", 3),
        ("一、选择题", 2),
        ("（三）计算题", 3),
        ("References", 2),
        ("本章小结", 2),
        ("第一章介绍了力学的基本概念。", 0),
        ("2.3 The cell wall ........ 17", 0),
        ("3.14 is the value of pi that we use in all of the following exercises.", 0),
        ("2.5%的学生", 0),
        ("2.5 kg of water were heated", 0),
        ("1.5 V battery", 0),
        ("2.5千克的水被加热", 0),
        ("3.14是圆周率的近似值", 0),
        ("1.2 物质的变化", 2),
        ("1.1 为什么学习物理", 2),
        ("2.2 pH and acids", 2),
        ("A normal sentence", 0),
        ("", 0),
    ],
)
def test_headings_by_wording(line: str, level: int) -> None:
    assert heading_level(line) == level


@pytest.mark.parametrize("line", ["- a", "• 甲", "•甲", "1. one", "2、二", "(3) three", "④ 四", "a) first"])
def test_list_items(line: str) -> None:
    assert is_list_item(line)


@pytest.mark.parametrize(
    "line", ["-5 degrees", "J. R. Smith", "3.14 is pi", "1990 was warm", "A normal line", "--- rule", "甲"]
)
def test_not_list_items(line: str) -> None:
    assert not is_list_item(line)


def test_a_bullet_goes_and_a_number_stays() -> None:
    assert without_bullet("• 甲") == "甲"
    assert without_bullet("1. one") == "1. one"


def test_markdown(tmp_path: Path) -> None:
    parsed = parse_bytes(
        '---\ntitle: "细胞 Cells"\n---\n# 细胞的**结构**\n\n细胞是*生命*活动的\n基本单位，见[维基](http://x)。\n\n'
        "Energy is $E = m_*c^2*$ and costs $5 or $6.\nA second\\\nline `code`.\n\n"
        "3. three\n4. four\n   - nested\n\n> quoted\n\n```py\ndef f():\n\treturn 1\n```\n\n"
        "| a | b |\n|---|---|\n| 1 | **x** |\n\n<div>raw <b>html</b></div>\n",
        MARKDOWN,
        tmp_path,
    )
    assert parsed.title == "细胞 Cells"
    assert blocks(parsed) == [
        (BlockKind.HEADING, 1, "细胞的结构"),
        (BlockKind.PARAGRAPH, 0, "细胞是生命活动的基本单位，见维基。"),
        (BlockKind.PARAGRAPH, 0, "Energy is $E = m_*c^2*$ and costs $5 or $6. A second\nline code."),
        (BlockKind.LIST_ITEM, 1, "3. three"),
        (BlockKind.LIST_ITEM, 1, "4. four"),
        (BlockKind.LIST_ITEM, 2, "nested"),
        (BlockKind.PARAGRAPH, 0, "quoted"),
        (BlockKind.CODE, 0, "def f():\n    return 1"),
        (BlockKind.TABLE, 0, "a | b\n1 | x"),
        (BlockKind.PARAGRAPH, 0, "raw html"),
    ]


def test_html(tmp_path: Path) -> None:
    parsed = parse_bytes(
        "<html><head><title>Cells</title></head><body><header><a>Logo</a></header><h1>The <em>Cell</em></h1>"
        "<p>Water is H<sub>2</sub>O, area x<sup>2</sup><sup>[3]</sup>.\nWrapped &amp; done.</p>"
        "<p>中文换\n行。<br>新行</p><p hidden>HIDDEN</p>"
        "<ol start=3><li>three<ul><li>sub</li></ul></li><li><p>four</p><p>more</p></li></ol>"
        "<table><caption>Tab 1</caption><tr><th>a<th>b<tr><td>1<td>x<br>y</table>"
        "<figure><img alt=z><figcaption>图2 结构</figcaption></figure><pre>x = 1\n  y</pre>"
        "<table><tr><td><h2>In a layout table</h2><p>text</p></td></tr></table>tail <b>bold</b></body></html>",
        HTML,
        tmp_path,
    )
    assert parsed.title == "Cells"
    assert blocks(parsed) == [
        (BlockKind.HEADING, 1, "The Cell"),
        (BlockKind.PARAGRAPH, 0, "Water is H₂O, area x². Wrapped & done."),
        (BlockKind.PARAGRAPH, 0, "中文换行。\n新行"),
        (BlockKind.LIST_ITEM, 1, "3. three"),
        (BlockKind.LIST_ITEM, 2, "sub"),
        (BlockKind.LIST_ITEM, 1, "4. four"),
        (BlockKind.LIST_ITEM, 1, "more"),
        (BlockKind.CAPTION, 0, "Tab 1"),
        (BlockKind.TABLE, 0, "a | b\n1 | x y"),
        (BlockKind.PARAGRAPH, 0, "z"),
        (BlockKind.CAPTION, 0, "图2 结构"),
        (BlockKind.CODE, 0, "x = 1\n  y"),
        (BlockKind.HEADING, 2, "In a layout table"),
        (BlockKind.PARAGRAPH, 0, "text"),
        (BlockKind.PARAGRAPH, 0, "tail bold"),
    ]


def test_html_reads_the_main_part_only(tmp_path: Path) -> None:
    parsed = parse_bytes("<html><body><div>AROUND</div><main><p>正文内容。</p></main></body></html>", HTML, tmp_path)
    assert parsed.text == "正文内容。"


def test_html_in_a_declared_legacy_encoding(tmp_path: Path) -> None:
    page = '<html><head><meta charset="gb2312"></head><body><p>牛顿第一定律</p></body></html>'
    assert parse_bytes(page.encode("gb18030"), HTML, tmp_path).text == "牛顿第一定律"


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("shift_jis", "鉄"), ("x-sjis", "①鉄は錆びる"), ("euc-jp", "鉄は錆びる"), ("iso-2022-jp", "鉄は錆びる"),
        ("euc-kr", "철은"), ("ks_c_5601-1987", "똠방각하"), ("windows-1251", "да"), ("koi8-r", "да"), ("ibm866", "да"),
        ("windows-1250", "kůň"), ("iso-8859-7", "σίδηρος"), ("windows-1255", "ברזל"), ("tis-620", "เหล็ก"),
        ("iso-8859-1", "It’s “so”"), ("us-ascii", "café"), ("gbk", "铁"), ("gb_2312-80", "铁"), ("big5", "鐵會生鏽"),
        ("macintosh", "naïve"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "page",
    [
        '<html><head><meta charset="{}"></head><body><p>{}</p>',
        '<html><meta http-equiv=Content-Type content="text/html; charset={}"><p>{}</p>',
        '<?xml version="1.0" encoding="{}"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>{}</p></body></html>',
    ],
)
def test_a_page_is_read_in_the_encoding_that_it_declares(charset: str, text: str, page: str, tmp_path: Path) -> None:
    names = {"x-sjis": "cp932", "ks_c_5601-1987": "cp949", "iso-8859-1": "cp1252", "us-ascii": "cp1252"}
    names |= {"gb_2312-80": "gb2312", "macintosh": "mac_roman", "tis-620": "cp874"}
    source = page.format(charset, text).encode(names.get(charset, charset))
    assert parse_bytes(source, HTML, tmp_path).text == text


def test_two_ideographs_that_are_valid_utf8_by_chance_are_those_that_were_declared(tmp_path: Path) -> None:
    source = "<meta charset=gb2312><p>校</p>".encode("gb2312")
    assert source.decode("utf-8")
    assert parse_bytes(source, HTML, tmp_path).text == "校"
    assert parse_bytes("<meta charset=gb2312><p>学校</p>", HTML, tmp_path).text == "学校"


def test_a_page_may_have_characters_that_a_program_cut(tmp_path: Path) -> None:
    sentence = "铁在潮湿的空气里会生锈。" * 60
    for charset in ("gbk", "utf-8"):
        source = f"<meta charset={charset}><p>{sentence}".encode(charset) + "铁".encode(charset)[:1] + b"</p>"
        assert sentence in parse_bytes(source, HTML, tmp_path).text
    with pytest.raises(ParseError) as refused:
        parse_bytes(b"<meta charset=gbk><p>" + "铁锈".encode("gbk")[:3] + b"</p>", HTML, tmp_path)
    assert refused.value.reason is ParseReason.INVALID_ENCODING


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        ("鉄は水と酸素で錆びる。", ("euc_jp",)),
        ("东京", ("euc_jp",)),
        ("철은 물과 산소로 녹슨다.", ("cp949",)),
        ("Железо ржавеет.", ("cp1251", "koi8-r", "cp866", "mac_cyrillic")),
        ("да", ("cp1251", "koi8-r", "cp866")),
        ("Žluťoučký kůň", ("cp1250", "iso8859-2")),
        ("Ο σίδηρος", ("cp1253",)),
        ("ברזל מחליד", ("cp1255",)),
        ("الحديد يصدأ", ("cp1256",)),
        ("เหล็กเป็นสนิม", ("cp874",)),
    ],
)
def test_a_line_whose_encoding_nothing_tells_is_refused_with_what_to_do(text: str, encodings: tuple[str, ...]) -> None:
    for encoding in encodings:
        for source in (text.encode(encoding, "ignore"), f"{text}\n{text}\n".encode(encoding, "ignore")):
            with pytest.raises(ParseError) as refused:
                decode(source)
            assert "UTF-8" in told(refused.value.reason, refused.value.metadata)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030", "gbk"])
def test_encodings_of_chinese_text(encoding: str) -> None:
    text = "光合作用是绿色植物利用光能，把二氧化碳和水合成有机物的过程。\n"
    assert decode(text.encode(encoding)) == text


def test_big_endian_with_mark() -> None:
    assert decode(codecs.BOM_UTF16_BE + "力学".encode("utf-16-be")) == "力学"


@pytest.mark.parametrize(
    ("data", "offset", "encoding"),
    [
        ("正确的文本".encode() + b"\xff and more", 15, "utf-8"),
        (b"ascii only, then \xff\xfe\xfa damage", 17, "utf-8"),
        (b"caf\xe9 cr\xe8me, d\xe9j\xe0 vu", 3, "utf-8"),
        (codecs.BOM_UTF16_LE + "力学".encode("utf-16-le") + b"\x01", 6, "utf-16-le"),
        ("完整".encode()[:-1], 3, "utf-8"),
    ],
)
def test_invalid_encoding_names_the_first_bad_byte(data: bytes, offset: int, encoding: str) -> None:
    with pytest.raises(ParseError) as caught:
        decode(data)
    assert caught.value.reason is ParseReason.INVALID_ENCODING
    assert caught.value.metadata == {"byte_offset": str(offset), "encoding": encoding}
    assert str(offset) in told(caught.value.reason, caught.value.metadata)


@pytest.mark.parametrize("media_type", [TEXT, MARKDOWN, HTML])
def test_only_white_space(media_type: str, tmp_path: Path) -> None:
    with pytest.raises(ParseError) as caught:
        parse_bytes(" \n\t\u3000\n", media_type, tmp_path)
    assert caught.value.reason is ParseReason.NO_TEXT


@pytest.mark.parametrize(
    ("source", "media_type"),
    [
        ("<div>" * 1_000 + "deep", HTML),
        ("[" * 10_000 + "deep", MARKDOWN),
        ("*a " * 10_000, MARKDOWN),
        ("（" * 50_000 + "深。" * 50_000, TEXT),
        ("a. " * 100_000, TEXT),
    ],
    ids=["html", "brackets", "stars", "parentheses", "initials"],
)
def test_hostile_nesting_ends_in_time(source: str, media_type: str, tmp_path: Path) -> None:
    assert parse_bytes(source, media_type, tmp_path).text


def markdown_blocks(source: str, tmp_path: Path) -> list[tuple[BlockKind, str]]:
    return [(kind, text) for kind, _, text in blocks(parse_bytes(source, MARKDOWN, tmp_path))]


def test_notes_stand_behind_the_text_that_refers_to_them(tmp_path: Path) -> None:
    source = (
        "Plants[^a] need light^[Not at night.].\n\n[^a]: Most of *them*.\n\n[^b]: Nobody refers to this.\n\n## Next\n"
    )
    assert markdown_blocks(source, tmp_path) == [
        (BlockKind.PARAGRAPH, "Plants need light."),
        (BlockKind.NOTE, "Most of them."),
        (BlockKind.NOTE, "Not at night."),
        (BlockKind.HEADING, "Next"),
        (BlockKind.NOTE, "Nobody refers to this."),
    ]


@pytest.mark.parametrize(
    ("source", "formula"),
    [
        ("$$\nx\n=\ny\n$$\n", "x\n=\ny"),
        ("$$\n- a\n- b\n$$\n", "- a\n- b"),
        ("\\[\nE = mc^2\n\\]\n", "E = mc^2"),
        ("\\begin{align}\na &= b\n\\end{align}\n", "\\begin{align}\na &= b\n\\end{align}"),
        ("So \\(y_1 * y_2*\\) holds.\n", "So $y_1 * y_2*$ holds."),
    ],
)
def test_formulas_in_markdown(source: str, formula: str, tmp_path: Path) -> None:
    assert markdown_blocks(source, tmp_path) == [(BlockKind.PARAGRAPH, formula)]


def test_html_within_markdown(tmp_path: Path) -> None:
    source = (
        "<table>\n<tr><th>Acid</th>\n\n<th>Formula</th></tr>\n\n<tr><td>Nitric</td><td>HNO<sub>3</sub></td></tr>\n</table>\n"
        "\n"
        "After.\n\n<h2 align='center'>Bases</h2>\n\n<details><summary>More</summary>\n\n"
        "**Bold** &amp; plain.\n\n</details>\n"
    )
    assert markdown_blocks(source, tmp_path) == [
        (BlockKind.TABLE, "Acid | Formula\nNitric | HNO₃"),
        (BlockKind.PARAGRAPH, "After."),
        (BlockKind.HEADING, "Bases"),
        (BlockKind.PARAGRAPH, "More"),
        (BlockKind.PARAGRAPH, "Bold & plain."),
    ]


@pytest.mark.parametrize(
    "head",
    ["---\r\ntitle: Clouds\r\ntags: [a]\r\n---\r\n", "---\ntitle: 'Clouds'\n...\n", '+++\ntitle = "Clouds"\n+++\n'],
)
def test_front_matter(head: str, tmp_path: Path) -> None:
    parsed = parse_bytes(f"{head}\nDrops of water.\n", MARKDOWN, tmp_path)
    assert (parsed.title, parsed.text) == ("Clouds", "Drops of water.")


def test_front_matter_may_be_empty(tmp_path: Path) -> None:
    assert parse_bytes("---\n\n---\nDrops of water.\n", MARKDOWN, tmp_path).text == "Drops of water."


def test_a_long_table_repeats_its_header(tmp_path: Path) -> None:
    rows = "".join(f"| E{n} | {n}.5 | an element with the number {n} |\n" for n in range(200))
    tables = markdown_blocks(f"| Symbol | Mass | Meaning |\n|---|---|---|\n{rows}", tmp_path)
    assert len(tables) > 1
    assert all(text.startswith("Symbol | Mass | Meaning\nE") for _, text in tables)


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("## Loops {#loops}", "Loops"),
        ("# 力 {#force .unnumbered lang=zh}", "力"),
        ("Loops {: #loops .big}\n-----", "Loops"),
        ("## The set {x=1}", "The set {x=1}"),
        ("## Map {.5} of {#1}", "Map {.5} of {#1}"),
    ],
)
def test_an_id_behind_a_heading_is_no_part_of_it(heading: str, title: str, tmp_path: Path) -> None:
    assert parse_bytes(f"{heading}\n\nText.\n", MARKDOWN, tmp_path).text == f"{title}\n\nText."


@pytest.mark.parametrize(
    "line", ["> " * 40 + "deep", "".join(f"{'  ' * n}- {n}\n" for n in range(40)) + "  " * 40 + "deep"]
)
def test_what_stands_deep_is_read(line: str, tmp_path: Path) -> None:
    assert parse_bytes(f"# Title\n\n{line}\n", MARKDOWN, tmp_path).text.endswith("deep")


@pytest.mark.parametrize("line", ["> " * 120 + "deep", "> " * 20_000 + "deep\n\nshallow", "- " * 3_000 + "deep"])
def test_what_stands_too_deep_to_be_read_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(ParseError) as caught:
        parse_bytes(f"# Title\n\n{line}\n", MARKDOWN, tmp_path)
    assert (caught.value.reason, caught.value.metadata["limit"]) == (ParseReason.TOO_COMPLEX, "100")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("> [!NOTE]\n> Ice floats on water.", "Ice floats on water."),
        (":::tip\nIce floats on water.\n:::", "Ice floats on water."),
        ("See [[Ice|frozen water]] and [[Clouds]].", "See frozen water and Clouds."),
        ("水是==生命之源==，化学式是H~2~O。", "水是生命之源，化学式是H₂O。"),
        ("The area is 5 m^2^ and the ion is Ca^2+^.", "The area is 5 m² and the ion is Ca²⁺."),
        # None of these is a mark of anything.
        ("In R, x[[1]] is a column, and y[[a, b]] is no link.", "In R, x[[1]] is a column, and y[[a, b]] is no link."),
        ("If x==1 and y==2 then a == b and c == d.", "If x==1 and y==2 then a == b and c == d."),
        ("From 5~10~15 and 2^3^2 to 2^3 and 2^5.", "From 5~10~15 and 2^3^2 to 2^3 and 2^5."),
        ("Code `H~2~O` and `[[x y]]` stay.", "Code H~2~O and [[x y]] stay."),
        ("!!! That is loud.", "!!! That is loud."),
    ],
)
def test_marks_beside_commonmark(source: str, text: str, tmp_path: Path) -> None:
    assert parse_bytes(source, MARKDOWN, tmp_path).text == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("1. What floats?\n   A. Ice\n   B. Iron\n   C. Lead", "1. What floats?\nA. Ice\nB. Iron\nC. Lead"),
        ("哪种物质浮在水面上？\nA、冰\nB、铁", "哪种物质浮在水面上？\nA、冰\nB、铁"),
        ("It was seen by\nB. Franklin and others.", "It was seen by B. Franklin and others."),
    ],
)
def test_options_stand_on_lines_of_their_own(source: str, text: str, tmp_path: Path) -> None:
    assert parse_bytes(source, MARKDOWN, tmp_path).text == text


@pytest.mark.parametrize(
    ("source", "headings"),
    [
        (
            "第一章 雪夜\n那一夜下着大雪。\n第二章 清晨\n天亮了。\n第二章说的是清晨的事。",
            ["第一章 雪夜", "第二章 清晨"],
        ),
        ("第一节 力\n力是物体对物体的作用。\n1.1 定义\n由于吸引而受到的力。", ["第一节 力", "1.1 定义"]),
        ("一、选择题\n1. 水是什么？\nA. 冰\nB. 火\n二、填空题\n1. 铁是____。", ["一、选择题", "二、填空题"]),
        ("Chapter 1\nIt was late.\nChapter 2\nIt was early.", ["Chapter 1", "Chapter 2"]),
        # Parts of sentences and of lists.
        ("It was late.\nSection 3 says so\nand goes on in the next line.", []),
        ("措施有：\n一、加强领导\n二、增加投入", []),
        ("The rules are told in\nSection 3 of the law", []),
    ],
)
def test_headings_that_no_blank_line_parts_from_their_text(source: str, headings: list[str], tmp_path: Path) -> None:
    found = blocks(parse_bytes(source, TEXT, tmp_path))
    assert [text for kind, _, text in found if kind is BlockKind.HEADING] == headings


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("氧化\n: 与氧结合。\n\n还原\n: 失去氧。\n", "氧化\n与氧结合。\n还原\n失去氧。"),
        ("Rust\n:   Iron with oxygen.\n:   It is red.\n\nNext.\n", "Rust\nIron with oxygen.\nIt is red.\n\nNext."),
        ("Rust\n\n:   One paragraph.\n\n    And another.\n", "Rust\nOne paragraph.\nAnd another."),
        ("- list\n\n  Rust\n  : Iron\n", "list\nRust\nIron"),
        ("Time: 3 o'clock\n:) smile\n", "Time: 3 o'clock :) smile"),
    ],
)
def test_terms_and_what_they_mean_stand_on_lines_of_their_own(source: str, text: str, tmp_path: Path) -> None:
    assert parse_bytes(source, MARKDOWN, tmp_path).text == text
