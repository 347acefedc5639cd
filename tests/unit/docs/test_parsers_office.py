"""PowerPoint and Word: what is particular to each."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.opc.packuri import PackURI as WordURI
from docx.opc.part import Part as WordPart
from docx.oxml import parse_xml
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI
from pptx.oxml import parse_xml as parse_drawing
from pptx.util import Inches

from services.docs.adapters.parsers.formulas import math_text
from services.docs.adapters.parsers.markup import subscript, superscript, table_text
from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import DOCX, PPTX
from services.docs.values.parsed_document import BlockKind, ParsedDocument

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
DIAGRAM = 'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
OFFICE_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = f'xmlns:r="{OFFICE_RELATIONS}"'
M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def blocks(parsed: ParsedDocument) -> list[tuple[BlockKind, int, str]]:
    return [(block.kind, block.level, parsed.text[block.start : block.end]) for block in parsed.blocks]


def test_slides_in_reading_order(tmp_path: Path) -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "光反应\v与暗反应"

    def box(left: float, top: float, text: str, shapes: object = slide.shapes) -> None:
        shape = shapes.add_textbox(Inches(left), Inches(top), Inches(3), Inches(1))  # type: ignore[attr-defined]
        shape.text_frame.text = text

    box(1, 6, "bottom")
    box(5, 2.0, "right")
    box(1, 2.2, "left")
    group = slide.shapes.add_group_shape()
    box(5, 4, "grouped right", group.shapes)
    box(1, 4, "grouped left", group.shapes)
    presentation.save(str(tmp_path / "a"))
    assert blocks(parse(tmp_path / "a", PPTX)) == [
        (BlockKind.HEADING, 2, "光反应与暗反应"),
        (BlockKind.PARAGRAPH, 0, "left"),
        (BlockKind.PARAGRAPH, 0, "right"),
        (BlockKind.PARAGRAPH, 0, "grouped left"),
        (BlockKind.PARAGRAPH, 0, "grouped right"),
        (BlockKind.PARAGRAPH, 0, "bottom"),
    ]


def test_bullets_levels_numbers_and_scripts(tmp_path: Path) -> None:
    presentation = Presentation()
    cover = presentation.slides.add_slide(presentation.slide_layouts[0])
    cover.shapes.title.text, cover.placeholders[1].text = "生物", "第三章"
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "水"
    frame = slide.placeholders[1].text_frame
    frame.text = "组成"
    formula = frame.add_paragraph()
    formula.level = 1
    formula.add_run().text = "H"
    index = formula.add_run()
    index.text = "2"
    index.font._element.set("baseline", "-25000")
    formula.add_run().text = "O"
    for text in ("first", "second"):
        numbered = frame.add_paragraph()
        numbered.text = text
        numbered._p.get_or_add_pPr().append(
            parse_drawing(
                '<a:buAutoNum xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" type="arabicPeriod"/>'
            )
        )
    presentation.slides.add_slide(presentation.slide_layouts[6])
    presentation.save(str(tmp_path / "a"))
    parsed = parse(tmp_path / "a", PPTX)
    assert blocks(parsed) == [
        (BlockKind.HEADING, 1, "生物"),
        (BlockKind.PARAGRAPH, 0, "第三章"),
        (BlockKind.HEADING, 2, "水"),
        (BlockKind.LIST_ITEM, 1, "组成"),
        (BlockKind.LIST_ITEM, 2, "H₂O"),
        (BlockKind.LIST_ITEM, 1, "1. first"),
        (BlockKind.LIST_ITEM, 1, "2. second"),
    ]
    assert parsed.page_count == 3
    assert parsed.title == "生物"


def test_merged_cells_and_notes(tmp_path: Path) -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    table.cell(0, 0).merge(table.cell(0, 1))
    table.cell(0, 0).text, table.cell(1, 0).text, table.cell(1, 1).text = "合并", "甲", "乙"
    slide.notes_slide.notes_text_frame.text = "提醒学生。\n第二点。"
    presentation.save(str(tmp_path / "a"))
    assert blocks(parse(tmp_path / "a", PPTX)) == [
        (BlockKind.TABLE, 0, "合并 |\n甲 | 乙"),
        (BlockKind.NOTE, 0, "提醒学生。"),
        (BlockKind.NOTE, 0, "第二点。"),
    ]


def test_diagrams_charts_and_captions(tmp_path: Path) -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    data = CategoryChartData()  # type: ignore[no-untyped-call]
    data.categories = ["甲"]
    data.add_series("数量", (1,))  # type: ignore[no-untyped-call]
    place = (Inches(1), Inches(1), Inches(4), Inches(2))
    chart = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "植物的数量"
    caption = slide.shapes.add_textbox(Inches(1), Inches(3), Inches(4), Inches(1))
    caption.text_frame.text = "图1  数量的比较"
    points = "".join(
        f'<dgm:pt modelId="{number}" type="{kind}"><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>'
        for number, (kind, text) in enumerate([("doc", "DOC"), ("node", "蒸发"), ("pres", "PRES"), ("node", "降水")])
    )
    xml = f"<dgm:dataModel {DIAGRAM} {A}><dgm:ptLst>{points}</dgm:ptLst></dgm:dataModel>"
    part = Part(PackURI("/ppt/diagrams/data1.xml"), "application/xml", slide.part.package, xml.encode())
    relation = slide.part.relate_to(part, f"{OFFICE_RELATIONS}/diagramData")
    frame = slide.shapes.add_table(1, 1, Inches(1), Inches(5), Inches(4), Inches(1))
    graphic = frame._element.graphic.graphicData
    graphic.remove(graphic[0])
    graphic.set("uri", "http://schemas.openxmlformats.org/drawingml/2006/diagram")
    graphic.append(parse_drawing(f'<dgm:relIds {DIAGRAM} {RELATIONS} r:dm="{relation}"/>'))
    presentation.save(str(tmp_path / "a"))
    assert blocks(parse(tmp_path / "a", PPTX)) == [
        (BlockKind.CAPTION, 0, "植物的数量"),
        (BlockKind.TABLE, 0, "| 数量\n甲 | 1"),
        (BlockKind.CAPTION, 0, "图1 数量的比较"),
        (BlockKind.LIST_ITEM, 1, "蒸发"),
        (BlockKind.LIST_ITEM, 1, "降水"),
    ]


def test_footnotes_come_last(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Text with a note.")
    notes = (
        f'<w:footnotes {W}><w:footnote w:id="-1" w:type="separator"><w:p><w:r><w:t>SEPARATOR</w:t></w:r></w:p>'
        '</w:footnote><w:footnote w:id="1"><w:p><w:r><w:t>来源：课本。</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )
    part = WordPart(WordURI("/word/footnotes.xml"), "application/xml", notes.encode(), document.part.package)
    document.part.relate_to(part, f"{OFFICE_RELATIONS}/footnotes")
    document.save(str(tmp_path / "a"))
    assert blocks(parse(tmp_path / "a", DOCX)) == [
        (BlockKind.PARAGRAPH, 0, "Text with a note."),
        (BlockKind.NOTE, 0, "来源：课本。"),
    ]


def test_headings_by_outline_level_and_code_by_style(tmp_path: Path) -> None:
    document = docx.Document()
    outlined = document.styles.add_style("Lesson", WD_STYLE_TYPE.PARAGRAPH)
    outlined.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {W} w:val="1"/>'))
    derived = document.styles.add_style("Sub Lesson", WD_STYLE_TYPE.PARAGRAPH)
    derived.base_style = outlined
    document.styles.add_style("Source Code", WD_STYLE_TYPE.PARAGRAPH)
    document.add_paragraph("第一课", style="Sub Lesson")
    document.add_paragraph("x = 1", style="Source Code")
    document.save(str(tmp_path / "a"))
    assert blocks(parse(tmp_path / "a", DOCX)) == [(BlockKind.HEADING, 2, "第一课"), (BlockKind.CODE, 0, "x = 1")]


def test_word_structure(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("牛顿定律", 0)
    document.add_heading("第一定律", 1)
    paragraph = document.add_paragraph("a in m/s")
    paragraph.add_run("2").font.superscript = True
    document.add_paragraph("质量", style="List Number")
    document.add_paragraph("速度", style="List Number")
    document.add_paragraph("图1 受力", style="Caption")
    table = document.add_table(2, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    table.cell(1, 0).merge(table.cell(1, 1)).text = "merged"
    inner = table.cell(0, 1).add_table(1, 1)
    inner.cell(0, 0).text = "inner"
    document.add_heading("Level two", 2)
    document.save(str(tmp_path / "a"))
    parsed = parse(tmp_path / "a", DOCX)
    assert blocks(parsed) == [
        (BlockKind.HEADING, 1, "牛顿定律"),
        (BlockKind.HEADING, 2, "第一定律"),
        (BlockKind.PARAGRAPH, 0, "a in m/s²"),
        (BlockKind.LIST_ITEM, 1, "1. 质量"),
        (BlockKind.LIST_ITEM, 1, "2. 速度"),
        (BlockKind.CAPTION, 0, "图1 受力"),
        (BlockKind.TABLE, 0, "a | b inner\nmerged |"),
        (BlockKind.HEADING, 3, "Level two"),
    ]
    assert parsed.title == "牛顿定律"


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>", "kept"),
        ("<w:ins><w:r><w:t>inserted</w:t></w:r></w:ins>", "inserted"),
        ("<w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:tab/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r>", "a\nb c-d"),
        ("<w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink>", "link"),
        ("<w:r><w:instrText>PAGE</w:instrText><w:t>1</w:t></w:r>", "1"),
        ("<m:oMath><m:r><m:t>E=m</m:t></m:r></m:oMath>", "E=m"),
        ("<w:sdt><w:sdtContent><w:r><w:t>content control</w:t></w:r></w:sdtContent></w:sdt>", "content control"),
    ],
)
def test_what_of_a_paragraph_is_visible(xml: str, expected: str, tmp_path: Path) -> None:
    document = docx.Document()
    document.element.body.insert(0, parse_xml(f"<w:p {W} {M}>{xml}</w:p>"))
    document.save(str(tmp_path / "a"))
    assert parse(tmp_path / "a", DOCX).text == expected


def test_blocks_inside_content_controls_are_read_and_contents_tables_are_not(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
    contents = '<w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
    for properties, text in ((contents, "CONTENTS"), ("", "controlled")):
        content = f"<w:sdtContent>{paragraph.format(text)}</w:sdtContent>"
        document.element.body.insert(0, parse_xml(f"<w:sdt {W}>{properties}{content}</w:sdt>"))
    document.save(str(tmp_path / "a"))
    assert parse(tmp_path / "a", DOCX).text == "controlled"


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>", "(a+b)/2"),
        ("<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>", "x^2"),
        ("<m:sSub><m:e><m:r><m:t>v</m:t></m:r></m:e><m:sub><m:r><m:t>max</m:t></m:r></m:sub></m:sSub>", "v_(max)"),
    ],
)
def test_formulas_on_one_line(xml: str, expected: str) -> None:
    assert math_text(parse_xml(f"<m:oMath {M}>{xml}</m:oMath>")) == expected


def test_scripts_and_tables_as_text() -> None:
    assert superscript("2") == "²"
    assert superscript("-1") == "⁻¹"
    assert superscript("ab") == "^(ab)"
    assert superscript("th") == "th"
    assert subscript("2") == "₂"
    assert subscript("B") == "_B"
    assert superscript(" ") == ""
    assert table_text([["a\nb", "c"], ["", ""], ["d", ""]]) == "a b | c\nd |"
