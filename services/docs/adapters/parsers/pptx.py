"""PowerPoint: slides as pages, with titles as headings, bullets, tables, diagrams and speaker notes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.exc import InvalidXmlError
from pptx.oxml import parse_xml
from pptx.shapes.group import GroupShape
from pptx.slide import Slide

from services.docs.adapters.parsers.archive import check_archive
from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.markup import subscript, superscript, table_text
from services.docs.adapters.parsers.office import ALTERNATE_FALLBACK, FORMULA, math_text, office_faults
from services.docs.adapters.parsers.outline import is_caption, without_bullet
from services.docs.values.parsed_document import BlockKind
from services.language.folding import normalize
from services.language.scripts import join_lines

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_PARAGRAPH = f"{_A}p"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"

_TITLES = frozenset({PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE, PP_PLACEHOLDER.VERTICAL_TITLE})
_FURNITURE = frozenset({PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.HEADER, PP_PLACEHOLDER.SLIDE_NUMBER})
_BULLETED = frozenset({PP_PLACEHOLDER.BODY, PP_PLACEHOLDER.OBJECT, PP_PLACEHOLDER.VERTICAL_BODY})
_BULLETS = frozenset({"buChar", "buAutoNum", "buBlip", "buNone"})
_PART_LAYOUTS = frozenset({"title", "secHead"})
"""Layouts whose title opens a part of the talk rather than one slide."""


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write every slide as a page, hidden ones included; notes come after their slide."""
    check_archive(path, builder, "ppt")
    with office_faults():
        presentation = Presentation(str(path))
        if presentation.core_properties.title != "PowerPoint Presentation":
            builder.title = presentation.core_properties.title or ""
        builder.check_pages(len(presentation.slides), "slides")
        for slide in presentation.slides:
            builder.begin_page()
            _write_slide(slide, builder)


def _write_slide(slide: Slide, builder: DocumentBuilder) -> None:
    shapes = list(slide.shapes)
    title = next((shape for shape in shapes if _placeholder(shape) in _TITLES and _visible_text(shape)), None)
    if title is not None:
        level = 1 if slide.slide_layout.element.get("type") in _PART_LAYOUTS else 2
        text = reduce(join_lines, (line.strip() for line in _visible_text(title).split("\n")))
        builder.add(BlockKind.HEADING, text, level)
    for shape in _reading_order([shape for shape in shapes if shape is not title]):
        _write_shape(shape, slide, builder)
    notes = slide.notes_slide.notes_placeholder if slide.has_notes_slide else None
    for paragraph in notes.element.iter(_PARAGRAPH) if notes is not None else ():
        builder.add(BlockKind.NOTE, _paragraph_text(paragraph))


def _write_shape(shape: Any, slide: Slide, builder: DocumentBuilder) -> None:
    if _placeholder(shape) in _FURNITURE:
        return
    if isinstance(shape, GroupShape):  # `shape_type` raises for a shape without geometry.
        for child in _reading_order(list(shape.shapes)):
            _write_shape(child, slide, builder)
    elif shape.has_text_frame:
        _write_text(shape, builder)
    elif getattr(shape, "has_table", False):
        rows = [[cell.text_frame.text for cell in row.cells if not cell.is_spanned] for row in shape.table.rows]
        builder.add(BlockKind.TABLE, table_text(rows))
    elif getattr(shape, "has_chart", False):
        if shape.chart.has_title and shape.chart.chart_title.has_text_frame:
            builder.add(BlockKind.CAPTION, shape.chart.chart_title.text_frame.text)
    else:
        for text in _diagram_texts(shape, slide):
            builder.add(BlockKind.LIST_ITEM, text, 1)


def _write_text(shape: Any, builder: DocumentBuilder) -> None:
    bulleted_by_default = _placeholder(shape) in _BULLETED
    numbers: dict[int, int] = {}
    for paragraph in shape.element.iter(_PARAGRAPH):
        text = _paragraph_text(paragraph)
        if not text:
            continue
        level, bullet = _list_level_and_bullet(paragraph)
        for deeper in [known for known in numbers if known > level]:
            del numbers[deeper]
        if bullet == "buAutoNum":
            numbers[level] = numbers.get(level, 0) + 1
            text = f"{numbers[level]}. {text}"
        else:
            numbers.pop(level, None)
        if bullet in {"buChar", "buAutoNum", "buBlip"} or (not bullet and bulleted_by_default):
            builder.add(BlockKind.LIST_ITEM, without_bullet(text), level + 1)
        else:
            builder.add(BlockKind.CAPTION if is_caption(text) else BlockKind.PARAGRAPH, text)


def _list_level_and_bullet(paragraph: Any) -> tuple[int, str]:
    """Return the level, and how the paragraph itself sets its bullet: `buChar`, `buNone` …; empty for inherited."""
    properties = paragraph.find(f"{_A}pPr")
    if properties is None:
        return 0, ""
    names = (str(child.tag).removeprefix(_A) for child in properties)
    return int(properties.get("lvl", 0)), next((name for name in names if name in _BULLETS), "")


def _paragraph_text(paragraph: Any) -> str:
    return normalize("".join(_runs(paragraph)))


def _runs(parent: Any) -> Iterator[str]:
    """Yield the texts of runs, fields, breaks and formulas, whatever wraps them."""
    for element in parent:
        tag = element.tag
        if tag in {f"{_A}r", f"{_A}fld"}:
            text = element.findtext(f"{_A}t") or ""
            properties = element.find(f"{_A}rPr")
            baseline = int(properties.get("baseline", "0").rstrip("%")) if properties is not None else 0
            yield superscript(text) if baseline > 0 else subscript(text) if baseline < 0 else text
        elif tag == f"{_A}br":
            yield "\n"
        elif tag == FORMULA:
            yield math_text(element)
        elif isinstance(tag, str) and tag != ALTERNATE_FALLBACK:
            yield from _runs(element)


def _visible_text(shape: Any) -> str:
    if not shape.has_text_frame:
        return ""
    return "\n".join(filter(None, (_paragraph_text(paragraph) for paragraph in shape.element.iter(_PARAGRAPH))))


def _placeholder(shape: Any) -> Any:
    return shape.placeholder_format.type if shape.is_placeholder else None


def _reading_order(shapes: list[Any]) -> list[Any]:
    """Order shapes top to bottom, and left to right where they stand side by side."""
    boxes = [(_box(shape), shape) for shape in shapes]
    # A shape without a position is drawn where the master says; it comes before the rest, in its own order.
    ordered = [shape for box, shape in boxes if box is None]
    row: list[tuple[_Box, Any]] = []
    for box, shape in sorted(((box, shape) for box, shape in boxes if box), key=lambda placed: placed[0]):
        if row and not _side_by_side(row[0][0], box):
            ordered += _left_to_right(row)
            row = []
        row.append((box, shape))
    return ordered + _left_to_right(row)


_Box = tuple[int, int, int]
"""Top, left and height of a shape, in English Metric Units."""


def _box(shape: Any) -> _Box | None:
    """Return where a shape stands, or None when it has no position."""
    try:
        box = (shape.top, shape.left, shape.height or 0)
    except InvalidXmlError:  # It has no properties at all.
        return None
    return None if None in box else box


def _left_to_right(row: list[tuple[_Box, Any]]) -> list[Any]:
    return [shape for _, shape in sorted(row, key=lambda placed: placed[0][1])]


def _side_by_side(first: _Box, second: _Box) -> bool:
    """Return whether two shapes share at least half of the lower one's height."""
    overlap = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    return overlap * 2 > min(first[2], second[2])


def _diagram_texts(shape: Any, slide: Slide) -> Iterator[str]:
    """Yield the texts of a SmartArt diagram's points, in the order of its data."""
    for ids in shape.element.iter(f"{_DIAGRAM}relIds"):
        data = slide.part.related_part(ids.get(f"{_RELATION}dm")).blob
        for point in parse_xml(data).iter(f"{_DIAGRAM}pt"):
            if point.get("type", "node") == "node":
                text = normalize("\n".join("".join(_runs(paragraph)) for paragraph in point.iter(_PARAGRAPH)))
                if text:
                    yield text
