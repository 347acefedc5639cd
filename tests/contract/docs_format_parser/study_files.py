"""One small lesson in Chinese and in English, written in every format that Tiku reads."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import docx
from pptx import Presentation
from pptx.util import Inches
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

from services.docs.domain.upload.media_types import (
    CSV,
    DOC,
    DOCX,
    EPUB,
    HTML,
    MAIL,
    MARKDOWN,
    NOTEBOOK,
    ODP,
    ODS,
    ODT,
    PDF,
    PPT,
    PPTX,
    RTF,
    TEXT,
    XLS,
    XLSX,
)
from tests.contract.docs_format_parser import legacy_files as legacy

CHINESE_FONT = "STSong-Light"


@dataclass(frozen=True)
class Section:
    """A heading, its paragraphs, its list items."""

    heading: str
    paragraphs: tuple[str, ...]
    items: tuple[str, ...]


@dataclass(frozen=True)
class Lesson:
    """What each file says; `table` has a header row."""

    language: str
    title: str
    sections: tuple[Section, ...]
    table: tuple[tuple[str, ...], ...]


CHINESE = Lesson(
    "zh",
    "光合作用",
    (
        Section(
            "第一章 叶绿体的结构",
            (
                "叶绿体是绿色植物细胞中进行光合作用的场所。它由双层膜包围，内部有许多类囊体堆叠成的基粒。",
                "类囊体膜上分布着吸收光能的色素，其中叶绿素a的含量最高。色素吸收的光主要是红光和蓝紫光。",
            ),
            ("外膜和内膜控制物质进出", "基粒增大了膜的面积"),
        ),
        Section(
            "第二章 光反应与暗反应",
            ("光反应在类囊体膜上进行，水被分解为氧气和还原氢。暗反应在叶绿体基质中进行，二氧化碳被固定并还原成糖类。",),
            ("光反应为暗反应提供能量", "暗反应为光反应提供原料"),
        ),
    ),
    (("阶段", "场所"), ("光反应", "类囊体膜"), ("暗反应", "叶绿体基质")),
)

ENGLISH = Lesson(
    "en",
    "Newton's Laws of Motion",
    (
        Section(
            "Chapter 1 The First Law",
            (
                "A body at rest stays at rest unless a net force acts on it. This is inertia, and grows with mass.",
                "Friction hides this law in daily life, e.g. when a cart stops after 3.5 seconds. On ice it glides.",
            ),
            ("Mass measures inertia", "Rest is a special case of motion"),
        ),
        Section(
            "Chapter 2 The Second Law",
            ("Acceleration is proportional to the net force and inversely to the mass. Both of them are vectors.",),
            ("Force is measured in newtons", "Weight is a force"),
        ),
    ),
    (("Quantity", "Unit"), ("Force", "newton"), ("Mass", "kilogram")),
)

LESSONS = (CHINESE, ENGLISH)


def write_text(lesson: Lesson, path: Path) -> None:
    """Plain text with bullets; the table as lines."""
    blocks = [lesson.title]
    for section in lesson.sections:
        blocks += [section.heading, *section.paragraphs, "\n".join(f"• {item}" for item in section.items)]
    blocks.append("\n".join("  ".join(row) for row in lesson.table))
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def write_markdown(lesson: Lesson, path: Path) -> None:
    """CommonMark with a table."""
    blocks = [f"# {lesson.title}"]
    for section in lesson.sections:
        blocks += [f"## {section.heading}", *section.paragraphs, "\n".join(f"- {item}" for item in section.items)]
    head, *rows = ("| " + " | ".join(row) + " |" for row in lesson.table)
    blocks.append("\n".join([head, "|" + "---|" * len(lesson.table[0]), *rows]))
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def write_html(lesson: Lesson, path: Path) -> None:
    """A page with navigation, script and footer around the lesson."""
    body = [f"<h1>{lesson.title}</h1>"]
    for section in lesson.sections:
        body.append(f"<h2>{section.heading}</h2>")
        body += [f"<p>{paragraph}</p>" for paragraph in section.paragraphs]
        body.append("<ul>" + "".join(f"<li>{item}</li>" for item in section.items) + "</ul>")
    rows = ("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in lesson.table)
    body.append("<table>" + "".join(rows) + "</table>")
    path.write_text(
        f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>{lesson.title}</title>"
        "<style>p { color: red }</style></head><body><nav><a href='/'>NAVIGATION</a></nav>"
        f"{''.join(body)}<script>var script = 'SCRIPT';</script><footer>FOOTER</footer></body></html>",
        encoding="utf-8",
    )


def write_mail(lesson: Lesson, path: Path) -> None:
    """The page with a picture, as a browser saves both in one file."""
    write_html(lesson, path)
    message = EmailMessage()
    message.set_content(path.read_text(encoding="utf-8"), subtype="html")
    message.add_related(b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png")
    path.write_bytes(message.as_bytes())


def write_pdf(lesson: Lesson, path: Path) -> None:
    """One section a page, with a running header and page numbers."""
    if CHINESE_FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(CHINESE_FONT))
    chinese = lesson.language == "zh"
    font = {"fontName": CHINESE_FONT, "wordWrap": "CJK"} if chinese else {}
    sheet = getSampleStyleSheet()
    indent = 22 if chinese else 0
    body = ParagraphStyle("body", sheet["BodyText"], fontSize=11, leading=16, firstLineIndent=indent, **font)
    item_style = ParagraphStyle("item", body, firstLineIndent=0, leftIndent=18, bulletIndent=4)
    heading = ParagraphStyle("heading", sheet["Heading2"], **font)
    flow = [Paragraph(lesson.title, ParagraphStyle("title", sheet["Title"], fontSize=20, **font))]
    for number, section in enumerate(lesson.sections):
        flow += [PageBreak()] if number else []
        flow.append(Paragraph(section.heading, heading))
        flow += [Paragraph(paragraph, body) for paragraph in section.paragraphs]
        flow += [Paragraph(item, item_style, bulletText="•") for item in section.items]
    cells = [("FONTNAME", (0, 0), (-1, -1), font.get("fontName", "Times-Roman"))]
    flow += [PageBreak(), Table([list(row) for row in lesson.table], style=cells)]

    def furniture(canvas: object, document: object) -> None:
        canvas.setFont(font.get("fontName", "Times-Roman"), 9)  # type: ignore[attr-defined]
        canvas.drawString(72, A4[1] - 36, "RUNNING HEADER")  # type: ignore[attr-defined]
        canvas.drawCentredString(A4[0] / 2, 30, f"- {document.page} -")  # type: ignore[attr-defined]

    template = SimpleDocTemplate(str(path), pagesize=A4, title=lesson.title)
    template.build(flow, onFirstPage=furniture, onLaterPages=furniture)


def write_pptx(lesson: Lesson, path: Path) -> None:
    """A title slide, one slide a section with bullets and notes, and a slide with the table."""
    presentation = Presentation()
    cover = presentation.slides.add_slide(presentation.slide_layouts[0])
    cover.shapes.title.text = lesson.title
    for section in lesson.sections:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = section.heading
        slide.placeholders[1].text_frame.text = "\n".join(section.items)
        slide.notes_slide.notes_text_frame.text = "\n".join(section.paragraphs)
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    shape = slide.shapes.add_table(len(lesson.table), len(lesson.table[0]), Inches(1), Inches(1), Inches(6), Inches(2))
    for y, row in enumerate(lesson.table):
        for x, cell in enumerate(row):
            shape.table.cell(y, x).text = cell
    presentation.save(str(path))


def write_docx(lesson: Lesson, path: Path) -> None:
    """A title, headings, paragraphs, bulleted lists and a table."""
    document = docx.Document()
    document.add_heading(lesson.title, 0)
    for section in lesson.sections:
        document.add_heading(section.heading, 1)
        for paragraph in section.paragraphs:
            document.add_paragraph(paragraph)
        for item in section.items:
            document.add_paragraph(item, style="List Bullet")
    table = document.add_table(0, len(lesson.table[0]))
    for row in lesson.table:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.save(str(path))


def packed(path: Path, parts: dict[str, str], media_type: str = "") -> None:
    """Write a zip archive, which says its media type as OpenDocument and EPUB do."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if media_type:
            archive.writestr("mimetype", media_type, zipfile.ZIP_STORED)
        for name, content in parts.items():
            archive.writestr(name, content)


def open_document(body: str) -> str:
    """The content of an OpenDocument file."""
    names = {"office": "office", "text": "text", "table": "table", "draw": "drawing", "presentation": "presentation"}
    spaces = " ".join(f'xmlns:{key}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for key, name in names.items())
    svg = 'xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"'
    return f"<office:document-content {spaces} {svg}><office:body>{body}</office:body></office:document-content>"


def open_document_items(items: tuple[str, ...]) -> str:
    """A list of an OpenDocument file."""
    return f"<text:list>{''.join(f'<text:list-item><text:p>{i}</text:p></text:list-item>' for i in items)}</text:list>"


def open_document_table(rows: tuple[tuple[str, ...], ...], name: str = "Table") -> str:
    """A table of an OpenDocument file."""
    cells = ("".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row) for row in rows)
    return (
        f'<table:table table:name="{name}">'
        f"{''.join(f'<table:table-row>{row}</table:table-row>' for row in cells)}</table:table>"
    )


def write_odt(lesson: Lesson, path: Path) -> None:
    """A title, headings, paragraphs, lists and a table."""
    body = [f'<text:p text:style-name="Title">{lesson.title}</text:p>']
    for section in lesson.sections:
        body.append(f'<text:h text:outline-level="2">{section.heading}</text:h>')
        body += [f"<text:p>{paragraph}</text:p>" for paragraph in section.paragraphs]
        body.append(open_document_items(section.items))
    body.append(open_document_table(lesson.table))
    packed(path, {"content.xml": open_document(f"<office:text>{''.join(body)}</office:text>")}, ODT)


def write_odp(lesson: Lesson, path: Path) -> None:
    """A title slide, one slide a section with bullets and notes, and a slide with the table."""

    def slide(title: str, body: str = "", notes: tuple[str, ...] = ()) -> str:
        box = f"<draw:text-box><text:p>{title}</text:p></draw:text-box>"
        heading = f'<draw:frame presentation:class="title">{box}</draw:frame>'
        spoken = "".join(f"<text:p>{paragraph}</text:p>" for paragraph in notes)
        return (
            f"<draw:page>{heading if title else ''}{body}<presentation:notes>{spoken}</presentation:notes></draw:page>"
        )

    slides = [slide(lesson.title)]
    for section in lesson.sections:
        frame = f"<draw:frame><draw:text-box>{open_document_items(section.items)}</draw:text-box></draw:frame>"
        slides.append(slide(section.heading, frame, section.paragraphs))
    slides.append(slide("", f"<draw:frame>{open_document_table(lesson.table)}</draw:frame>"))
    packed(path, {"content.xml": open_document(f"<office:presentation>{''.join(slides)}</office:presentation>")}, ODP)


def write_rtf(lesson: Lesson, path: Path) -> None:
    """A title and headings by style, paragraphs, bullets as they stand in the file, and a table."""

    def escaped(text: str) -> str:
        return "".join(char if char.isascii() else f"\\u{ord(char)}?" for char in text)

    lines = [r"{\rtf1\ansi{\stylesheet{\s1 heading 1;}{\s2 heading 2;}{\s3 Title;}}"]
    lines.append(rf"\pard\s3 {escaped(lesson.title)}\par")
    for section in lesson.sections:
        lines.append(rf"\pard\s2 {escaped(section.heading)}\par")
        lines += [rf"\pard {escaped(paragraph)}\par" for paragraph in section.paragraphs]
        lines += [rf"\pard{{\listtext\'b7\tab}}{escaped(item)}\par" for item in section.items]
    for row in lesson.table:
        lines.append(r"\trowd" + "".join(rf"\pard\intbl {escaped(cell)}\cell" for cell in row) + r"\row")
    path.write_text("\n".join([*lines, r"\pard}"]), encoding="ascii")


def write_epub(lesson: Lesson, path: Path) -> None:
    """A chapter a section, and one with the table; the first has the title."""
    chapters = []
    for number, section in enumerate(lesson.sections):
        title = "" if number else f"<h1>{lesson.title}</h1>"
        paragraphs = "".join(f"<p>{paragraph}</p>" for paragraph in section.paragraphs)
        items = "".join(f"<li>{item}</li>" for item in section.items)
        chapters.append(f"{title}<h2>{section.heading}</h2>{paragraphs}<ul>{items}</ul>")
    rows = ("".join(f"<td>{cell}</td>" for cell in row) for row in lesson.table)
    chapters.append(f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>")
    container = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    container += '<rootfile full-path="book/book.opf"/></rootfiles></container>'
    items = "".join(
        f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    title = f'<dc:title xmlns:dc="http://purl.org/dc/elements/1.1/">{lesson.title}</dc:title>'
    parts = {
        f"book/c{n}.xhtml": f"<html><head><title>x</title></head><body>{chapter}</body></html>"
        for n, chapter in enumerate(chapters)
    }
    packed(
        path,
        {
            "META-INF/container.xml": container,
            "book/book.opf": f'<package xmlns="http://www.idpf.org/2007/opf">{title}<manifest>{items}</manifest>'
            f"<spine>{spine}</spine></package>",
            **parts,
        },
        EPUB,
    )


def write_notebook(lesson: Lesson, path: Path) -> None:
    """A cell of Markdown."""
    write_markdown(lesson, path)
    cell = {"cell_type": "markdown", "source": path.read_text(encoding="utf-8").splitlines(keepends=True)}
    path.write_text(json.dumps({"cells": [cell], "nbformat": 4}), encoding="utf-8")


def write_csv(lesson: Lesson, path: Path) -> None:
    """The table alone."""
    path.write_text("\n".join(",".join(row) for row in lesson.table), encoding="utf-8")


def write_xlsx(lesson: Lesson, path: Path) -> None:
    """The table alone, in a sheet that has the lesson's title."""
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    sheets = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

    def related(kind: str, target: str) -> str:
        return (
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{relations}/{kind}" '
            f'Target="{target}"/></Relationships>'
        )

    rows = ("".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) for row in lesson.table)
    body = "".join(f"<row>{row}</row>" for row in rows)
    packed(
        path,
        {
            "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
            "_rels/.rels": related("officeDocument", "xl/workbook.xml"),
            "xl/workbook.xml": f'<workbook xmlns="{sheets}" xmlns:r="{relations}"><sheets><sheet '
            f'name="{lesson.title}" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": related("worksheet", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{sheets}"><sheetData>{body}</sheetData></worksheet>',
        },
    )


def write_ods(lesson: Lesson, path: Path) -> None:
    """The table alone, in a sheet that has the lesson's title."""
    table = open_document_table(lesson.table, lesson.title)
    packed(path, {"content.xml": open_document(f"<office:spreadsheet>{table}</office:spreadsheet>")}, ODS)


def write_doc(lesson: Lesson, path: Path) -> None:
    """Styles for headings, list items by their properties, and a table of marked cells."""
    paragraphs = [(f"{lesson.title}\r", legacy.HEADING, 1)]
    for section in lesson.sections:
        paragraphs.append((f"{section.heading}\r", legacy.HEADING, 2))
        paragraphs += ((f"{paragraph}\r", "", 0) for paragraph in section.paragraphs)
        paragraphs += ((f"{item}\r", legacy.LISTED, 0) for item in section.items)
    for row in lesson.table:
        paragraphs += ((f"{cell}\x07", legacy.IN_CELL, 0) for cell in row)
        paragraphs.append(("\x07", legacy.ROW_END, 0))
    path.write_bytes(legacy.word_document(paragraphs))


def write_ppt(lesson: Lesson, path: Path) -> None:
    """A title slide, a slide for each section with its paragraphs in the notes, and a slide with the table."""
    slides = [(legacy.outlined(0, lesson.title), b"", "")]
    for section in lesson.sections:
        outline = legacy.outlined(0, section.heading) + legacy.outlined(1, "\r".join(section.items))
        slides.append((outline, b"", "\r".join(section.paragraphs)))
    slides.append((b"", legacy.table(lesson.table), ""))
    path.write_bytes(legacy.presentation(slides))


def write_xls(lesson: Lesson, path: Path) -> None:
    """The table alone, in a sheet that has the lesson's title."""
    cells = [legacy.label(at, left, cell) for at, row in enumerate(lesson.table) for left, cell in enumerate(row)]
    path.write_bytes(legacy.workbook([(lesson.title, 0, cells)]))


WRITERS: dict[str, Callable[[Lesson, Path], None]] = {
    TEXT: write_text,
    MARKDOWN: write_markdown,
    HTML: write_html,
    PDF: write_pdf,
    PPTX: write_pptx,
    DOCX: write_docx,
    XLSX: write_xlsx,
    CSV: write_csv,
    ODT: write_odt,
    ODP: write_odp,
    ODS: write_ods,
    RTF: write_rtf,
    EPUB: write_epub,
    NOTEBOOK: write_notebook,
    DOC: write_doc,
    PPT: write_ppt,
    XLS: write_xls,
    MAIL: write_mail,
}
SHEETS = frozenset({XLSX, CSV, ODS, XLS})
"""Formats that hold tables alone."""
