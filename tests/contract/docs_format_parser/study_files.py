"""One small lesson in Chinese and in English, written in every format that Tiku reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docx
from pptx import Presentation
from pptx.util import Inches
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

from services.docs.domain.upload.sniffing import DOCX, HTML, MARKDOWN, PDF, PPTX, TEXT

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


WRITERS: dict[str, Callable[[Lesson, Path], None]] = {
    TEXT: write_text,
    MARKDOWN: write_markdown,
    HTML: write_html,
    PDF: write_pdf,
    PPTX: write_pptx,
    DOCX: write_docx,
}
