"""What Word and PowerPoint draw alike: text of DrawingML, diagrams (SmartArt) and charts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.docs.adapters.parsers.blanks import drawn, underlined
from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.cell_formats import shown_number
from services.docs.adapters.parsers.formulas import FORMULA, math_text
from services.docs.adapters.parsers.markup import subscript, superscript
from services.docs.adapters.parsers.package import RELATION_ID, Package, Relation
from services.docs.adapters.parsers.symbols import in_font
from services.docs.values.parsed_document import BlockKind
from services.language.folding import normalize

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
PARAGRAPH = f"{_A}p"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_OFFICE_MATH_PARAGRAPH = FORMULA + "Para"
DRAWN = (f"{_DIAGRAM}relIds", f"{_CHART}chart")
"""What stands for a diagram and a chart in a document or a slide."""


def paragraph_text(paragraph: Any) -> str:
    """Return the text of a DrawingML paragraph: runs, fields, breaks and formulas, whatever wraps them."""
    return normalize(drawn("".join(_runs(paragraph))))


def _runs(parent: Any) -> Iterator[str]:
    for element in parent:
        tag = element.tag
        if tag in {f"{_A}r", f"{_A}fld"}:
            yield _run(element)
        elif tag == f"{_A}br":
            yield "\n"
        elif tag in {FORMULA, _OFFICE_MATH_PARAGRAPH}:
            yield math_text(element)
        elif isinstance(tag, str):
            yield from _runs(element)


def _run(run: Any) -> str:
    text = run.findtext(f"{_A}t") or ""
    properties = run.find(f"{_A}rPr")
    if properties is None or not text:
        return text
    for font in properties.iterchildren(f"{_A}sym", f"{_A}latin"):
        text = in_font(text, font.get("typeface", ""))
    baseline = properties.get("baseline", "0").rstrip("%")
    raised = float(baseline) if baseline.lstrip("-").replace(".", "", 1).isdigit() else 0
    if raised:
        return superscript(text) if raised > 0 else subscript(text)
    return underlined(text) if properties.get("u", "none") != "none" else text


def write_drawn(element: Any, package: Package, relations: dict[str, Relation], builder: DocumentBuilder) -> None:
    """Write the diagram or chart for which `element`, one of `DRAWN`, stands."""
    is_chart = element.tag == DRAWN[1]
    relation = relations.get(element.get(RELATION_ID if is_chart else f"{_RELATION}dm", ""))
    root = package.part(relation.target) if relation else None
    if root is None:
        return
    if is_chart:
        _write_chart(root, builder)
    else:
        for depth, text in _diagram_texts(root):
            builder.add(BlockKind.LIST_ITEM, text, depth)


def _diagram_texts(data: Any) -> Iterator[tuple[int, str]]:
    """Yield depth and text of a diagram's points in the order of its outline, and then those that stand in none."""
    points = {point.get("modelId", ""): point for point in data.iter(f"{_DIAGRAM}pt")}
    below: dict[str, list[tuple[int, str]]] = {}
    for link in data.iter(f"{_DIAGRAM}cxn"):
        if link.get("type", "parOf") == "parOf":
            place = link.get("srcOrd", "")
            child = (int(place) if place.isdecimal() else 0, link.get("destId", ""))
            below.setdefault(link.get("srcId", ""), []).append(child)
    stack = [(0, key) for key, point in points.items() if point.get("type") == "doc"]
    stack = [(1, key) for key in reversed(points) if not stack] + stack
    left = dict(points)
    while stack or left:
        depth, key = stack.pop() if stack else (1, next(iter(left)))
        point = left.pop(key, None)
        if point is None:
            continue
        if point.get("type", "node") in {"node", "asst"}:
            text = "\n".join(filter(None, map(paragraph_text, point.iter(PARAGRAPH))))
            if text:
                yield max(1, depth), text
        stack += [(depth + 1, child) for _, child in sorted(below.get(key, ()), reverse=True)]


def _write_chart(root: Any, builder: DocumentBuilder) -> None:
    """Write a chart's title, and its figures as a table with a column for each series."""
    chart = root.find(f"{_CHART}chart")
    if chart is None:
        return
    builder.add(BlockKind.CAPTION, _title(chart))
    names: list[str] = []
    columns: list[dict[int, str]] = []
    labels: dict[int, str] = {}
    for series in chart.iter(f"{_CHART}ser"):
        values = _points(_first(series, "val", "yVal"))
        if values:
            labels |= {index: label for index, label in _points(_first(series, "cat", "xVal")).items() if label}
            names.append(" ".join(_points(_first(series, "tx")).values()))
            columns.append(values)
    axis = next((_title(found) for found in chart.iter(f"{_CHART}catAx", f"{_CHART}dateAx")), "")
    indices = sorted(labels.keys() | {index for column in columns for index in column})
    rows = [[labels.get(index, ""), *(column.get(index, "") for column in columns)] for index in indices]
    builder.add_table([[axis, *names], *rows])


def _title(parent: Any) -> str:
    title = parent.find(f"{_CHART}title")
    if title is None:
        return ""
    lines = [paragraph_text(paragraph) for paragraph in title.iter(PARAGRAPH)] + list(_points(title).values())
    return " ".join(filter(None, lines))


def _first(series: Any, *names: str) -> Any:
    return next((found for name in names if (found := series.find(_CHART + name)) is not None), None)


def _points(data: Any) -> dict[int, str]:
    """Return the stored points of a reference by their index; the levels of a label are joined, outermost first."""
    points: dict[int, str] = {}
    if data is None:
        return points
    levels = list(data.iter(f"{_CHART}lvl")) or [data]
    code = data.findtext(f".//{_CHART}formatCode") or ""
    for level in reversed(levels):
        for point in level.iter(f"{_CHART}pt"):
            index = int(point.get("idx", 0))
            own = shown_number(point.findtext(f"{_CHART}v") or "", point.get("formatCode", code))
            points[index] = f"{points[index]} {own}" if index in points else own
    if not points and (text := data.findtext(f"{_CHART}v")):
        points[0] = text
    return points
