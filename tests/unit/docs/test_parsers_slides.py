"""PowerPoint: what of a slide is read, and in which order."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from services.docs.adapters.parsers.placing import Box, in_reading_order
from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import PPTX
from services.docs.values.parsed_document import (
    BlockKind,
    ParseError,
    ParseReason,
    ReadingWarning,
    WarningReason,
)
from tests.unit.docs.office_files import SPACES, slides, text_of, write


def shape(text: str, place: str = "", placeholder: str = "", properties: str = "", hidden: str = "") -> str:
    at = ""
    if place:
        x, y, width, height = place.split()
        at = f'<a:xfrm><a:off x="{x}" y="{y}"/><a:ext cx="{width}" cy="{height}"/></a:xfrm>'
    marked = f"<p:ph {placeholder}/>" if placeholder else ""
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="x" {hidden}/><p:nvPr>{marked}</p:nvPr></p:nvSpPr><p:spPr>{at}</p:spPr>'
        f"<p:txBody><a:bodyPr/><a:lstStyle/><a:p>{properties}<a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
    )


def lines(*shapes: str) -> str:
    return "".join(shapes)


def test_columns_under_headings_are_read_one_by_one(tmp_path: Path) -> None:
    layout = "".join(
        shape("", place, f'type="body" idx="{n}"')
        for n, place in enumerate(("0 0 40 10", "50 0 40 10", "0 12 40 60", "50 12 40 60"))
    )
    content = [shape(text, "", f'type="body" idx="{n}"') for n, text in enumerate(("A", "B", "a", "b"))]
    parsed = slides(tmp_path, "".join(content), layout=layout)
    assert parsed.text.split() == ["A", "a", "B", "b"]


@pytest.mark.parametrize(
    ("boxes", "order"),
    [
        # Cards in rows, as high as each other.
        ({"a": (0, 0, 10, 10), "b": (20, 0, 30, 10), "c": (0, 20, 10, 30), "d": (20, 20, 30, 30)}, "abcd"),
        # Three headings, each above what it is about.
        ({"A": (0, 0, 9, 2), "B": (10, 0, 19, 2), "C": (20, 0, 29, 2), "a": (0, 3, 9, 20), "b": (10, 3, 19, 20),
          "c": (20, 3, 29, 20)}, "AaBbCc"),
        # A column of boxes beside a high one.
        ({"r": (20, 0, 40, 50), "x": (0, 0, 15, 10), "y": (0, 20, 15, 30)}, "xyr"),
        # A line across all, then two columns, then a line.
        ({"z": (0, 50, 40, 60), "t": (0, 0, 40, 5), "r": (21, 10, 40, 40), "l": (0, 11, 20, 39)}, "tlrz"),
        # What overlaps a little is still one after the other.
        ({"b": (0, 9, 40, 20), "a": (0, 0, 40, 10)}, "ab"),
        # What overlaps wholly is read from its top.
        ({"b": (0, 5, 40, 20), "a": (0, 0, 40, 22)}, "ab"),
    ],
)  # fmt: skip
def test_reading_order(boxes: dict[str, tuple[int, int, int, int]], order: str) -> None:
    for shapes in (list(boxes.items()), list(boxes.items())[::-1]):
        assert "".join(in_reading_order([(Box(*box), name) for name, box in shapes])) == order


def test_what_has_no_place_comes_first_in_its_own_order() -> None:
    assert in_reading_order([(Box(0, 0, 1, 1), "c"), (None, "a"), (None, "b")]) == ["a", "b", "c"]


def test_alternate_content_is_read_once_and_formulas_in_it(tmp_path: Path) -> None:
    formula = "<a14:m><m:oMathPara><m:oMath><m:r><m:t>𝑣=</m:t></m:r><m:f><m:num><m:r><m:t>𝑠</m:t></m:r></m:num>"
    formula += "<m:den><m:r><m:t>𝑡</m:t></m:r></m:den></m:f></m:oMath></m:oMathPara></a14:m>"
    choice = shape("speed ").replace("</a:r></a:p>", f"</a:r>{formula}</a:p>")
    content = f'<mc:AlternateContent><mc:Choice Requires="a14">{choice}</mc:Choice><mc:Fallback>{shape("PICTURE")}'
    assert slides(tmp_path, content + "</mc:Fallback></mc:AlternateContent>").text == "speed v=s/t"


def test_hidden_shapes_are_not_read_and_furniture_neither(tmp_path: Path) -> None:
    content = shape("seen") + shape("KEY", hidden='hidden="1"') + shape("FOOTER", placeholder='type="ftr"')
    assert slides(tmp_path, content).text == "seen"


@pytest.mark.parametrize(
    ("kind", "start", "expected"),
    [
        ("arabicPeriod", "", "1. x"),
        ("arabicParenR", ' startAt="3"', "3) x"),
        ("alphaUcPeriod", "", "A. x"),
        ("alphaLcParenBoth", ' startAt="2"', "(b) x"),
        ("romanUcPeriod", ' startAt="4"', "IV. x"),
        ("circleNumDbPlain", ' startAt="2"', "② x"),
        ("ea1ChsPeriod", ' startAt="3"', "三. x"),
    ],
)
def test_automatic_numbers(kind: str, start: str, expected: str, tmp_path: Path) -> None:
    properties = f'<a:pPr><a:buAutoNum type="{kind}"{start}/></a:pPr>'
    parsed = slides(tmp_path, shape("x", properties=properties))
    assert (parsed.text, parsed.blocks[0].kind) == (expected, BlockKind.LIST_ITEM)


def test_the_layout_says_whether_a_paragraph_has_a_bullet(tmp_path: Path) -> None:
    plain = shape("", "0 0 1 1", 'type="body" idx="1"').replace(
        "<a:lstStyle/>", "<a:lstStyle><a:lvl1pPr><a:buNone/></a:lvl1pPr></a:lstStyle>"
    )
    content = shape("heading", placeholder='type="body" idx="1"') + shape("item", placeholder='idx="2"')
    parsed = slides(tmp_path, content, layout=plain)
    assert {text_of(parsed, block): block.kind for block in parsed.blocks} == {
        "heading": BlockKind.PARAGRAPH,
        "item": BlockKind.LIST_ITEM,
    }


def test_merged_cells_keep_their_columns(tmp_path: Path) -> None:
    def cell(text: str, merged: str = "") -> str:
        return f"<a:tc {merged}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"

    upper = cell("a", 'rowSpan="2"') + cell("b", 'gridSpan="2"') + cell("", 'hMerge="1"')
    lower = cell("", 'vMerge="1"') + cell("c") + cell("d")
    rows = f"<a:tr>{upper}</a:tr><a:tr>{lower}</a:tr>"
    frame = (
        f"<p:graphicFrame><a:graphic><a:graphicData><a:tbl>{rows}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )
    assert slides(tmp_path, frame).text == "a | b |\n | c | d"


CHART = (
    "<c:chartSpace SPACES><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Rain</a:t></a:r></a:p></c:rich></c:tx>"
    "</c:title>"
    "<c:plotArea><c:ser>{}</c:ser></c:plotArea></c:chart></c:chartSpace>"
)


def points(name: str, *values: tuple[int, str], code: str = "") -> str:
    stored = "".join(f'<c:pt idx="{index}"><c:v>{value}</c:v></c:pt>' for index, value in values)
    return f"<c:{name}><c:numCache><c:formatCode>{code}</c:formatCode>{stored}</c:numCache></c:{name}>"


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (
            "<c:tx><c:v>2024</c:v></c:tx>" + points("cat", (0, "May")) + points("val", (0, "0.25"), code="0%"),
            "Rain\n\n| 2024\nMay | 25%",
        ),
        (
            points("xVal", (0, "1")) + points("yVal", (0, "2.5"), (999_999_999, "3")),
            "Rain\n\n1 | 2.5\n | 3",
        ),
    ],
)
def test_figures_of_charts(series: str, expected: str, tmp_path: Path) -> None:
    frame = '<p:graphicFrame><a:graphic><a:graphicData><c:chart r:id="c"/></a:graphicData></a:graphic></p:graphicFrame>'
    parts = {"ppt/chart.xml": CHART.format(series)}
    assert slides(tmp_path, frame, parts=parts).text == expected


DIAGRAM = (
    '<p:graphicFrame><a:graphic><a:graphicData><dgm:relIds r:dm="d"/></a:graphicData></a:graphic></p:graphicFrame>'
)


def diagram(points: str, links: str = "") -> str:
    def point(key: str, kind: str = "node") -> str:
        text = "" if kind == "doc" else f"<dgm:t><a:p><a:r><a:t>{key}</a:t></a:r></a:p></dgm:t>"
        return f'<dgm:pt modelId="{key}" type="{kind}">{text}</dgm:pt>'

    made = "".join(
        point(key, "doc" if key == "doc" else "pres" if key.startswith("p") else "node") for key in points.split()
    )
    rows = (link.split() for link in links.split(", ") if link)
    joined = "".join(f'<dgm:cxn srcId="{above}" destId="{key}" srcOrd="{at}"/>' for above, key, at in rows)
    return f"<dgm:dataModel SPACES><dgm:ptLst>{made}</dgm:ptLst><dgm:cxnLst>{joined}</dgm:cxnLst></dgm:dataModel>"


@pytest.mark.parametrize(
    ("points", "links", "blocks"),
    [
        ("doc c a b", "doc a 0, doc b 1, doc c 2", [(1, "a"), (1, "b"), (1, "c")]),
        ("doc x a b y", "doc a 0, a x 1, a y 0, doc b 1", [(1, "a"), (2, "y"), (2, "x"), (1, "b")]),
        ("doc a p1 b", "doc a 0, doc p1 1, doc b 2", [(1, "a"), (1, "b")]),
        ("a b", "", [(1, "a"), (1, "b")]),
        ("doc a b", "doc a 0, a a 0, a doc 1", [(1, "a"), (1, "b")]),
    ],
)
def test_a_diagram_is_read_in_the_order_of_its_outline(
    points: str, links: str, blocks: list[tuple[int, str]], tmp_path: Path
) -> None:
    parts = {"ppt/diagram.xml": diagram(points, links)}
    parsed = slides(tmp_path, DIAGRAM, parts=parts)
    assert [(block.level, text_of(parsed, block)) for block in parsed.blocks] == blocks


def test_grouped_shapes_are_read_in_their_order(tmp_path: Path) -> None:
    inner = shape("b", "20 0 10 10") + shape("a", "0 0 10 10")
    group = (
        f'<p:grpSp><p:grpSpPr><a:xfrm><a:off x="0" y="50"/><a:ext cx="9" cy="9"/></a:xfrm></p:grpSpPr>{inner}</p:grpSp>'
    )
    parsed = slides(tmp_path, group + shape("first", "0 0 40 10"))
    assert parsed.text.split() == ["first", "a", "b"]


@pytest.mark.parametrize(
    ("shown", "pages"), [(("", 'show="0"', ""), (2,)), (('show="false"', 'show="1"', 'show="0"'), (1, 3)), (("",), ())]
)
def test_hidden_slides_are_read_and_named(shown: tuple[str, ...], pages: tuple[int, ...], tmp_path: Path) -> None:
    slides(tmp_path, *(shape(f"slide {number}") for number in range(len(shown))))
    with zipfile.ZipFile(tmp_path / "a.pptx") as made:
        parts = {name: made.read(name).decode() for name in made.namelist()}
    for number, said in enumerate(shown):
        parts[f"ppt/s{number}.xml"] = parts[f"ppt/s{number}.xml"].replace("<p:sld ", f"<p:sld {said} ")
    with zipfile.ZipFile(tmp_path / "b.pptx", "w") as copy:
        for name, content in parts.items():
            copy.writestr(name, content)
    parsed = parse(tmp_path / "b.pptx", PPTX)
    assert parsed.page_count == len(shown) == parsed.text.count("slide ")
    assert parsed.warnings == ((ReadingWarning(WarningReason.HIDDEN_SLIDES, pages),) if pages else ())


def test_underlined_space_is_a_gap(tmp_path: Path) -> None:
    content = shape("It is ").replace(
        "</a:p>", '<a:r><a:rPr u="sng"/><a:t>       </a:t></a:r><a:r><a:t>.</a:t></a:r></a:p>'
    )
    assert slides(tmp_path, content).text == "It is ____."


def test_a_slide_that_is_missing_is_an_empty_page(tmp_path: Path) -> None:
    ids = '<p:sldIdLst><p:sldId r:id="none"/></p:sldIdLst>'
    path = write(tmp_path / "a", PPTX, {"ppt/presentation.xml": f"<p:presentation {SPACES}>{ids}</p:presentation>"})
    with pytest.raises(ParseError) as caught:
        parse(path, PPTX)
    assert caught.value.reason is ParseReason.NO_TEXT
