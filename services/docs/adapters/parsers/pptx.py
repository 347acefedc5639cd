"""PowerPoint: slides as pages, with titles as headings, bullets, tables, diagrams, charts and speaker notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.drawings import DRAWN, PARAGRAPH, paragraph_text, write_drawn
from services.docs.adapters.parsers.outline import is_caption, without_bullet
from services.docs.adapters.parsers.package import RELATION_ID, Package, Relation
from services.docs.adapters.parsers.placing import Box, in_reading_order
from services.docs.values.parsed_document import BlockKind, WarningReason
from services.language.numerals import joined_number, write_number
from services.language.scripts import join_lines

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"dt", "ftr", "hdr", "sldNum"})
_BULLETED = frozenset({"", "obj", "body"})
"""Placeholders whose paragraphs have bullets where nothing says otherwise; one without a type is an object."""
_BULLETS = frozenset({"buChar", "buAutoNum", "buBlip", "buNone"})
_PART_LAYOUTS = frozenset({"title", "secHead"})
"""Layouts whose title opens a part of the talk rather than one slide."""
_ALIKE = {"ctrTitle": "title", "subTitle": "body", "": "body", "obj": "body"}
"""Placeholders that take their place from one of another type of the master."""
_DEEPEST_LEVEL = 8
_LEVEL = re.compile(rf"{re.escape(_A)}lvl([1-9])pPr")
_AUTO_FORMS = {
    "alphaLc": "lowerLetter", "alphaUc": "upperLetter", "arabic": "decimal", "romanLc": "lowerRoman",
    "romanUc": "upperRoman", "circleNum": "decimalEnclosedCircle", "ea1Chs": "chineseCounting",
    "ea1Cht": "taiwaneseCounting", "ea1Jpn": "japaneseCounting", "arabicDb": "decimalFullWidth",
    "thaiAlpha": "thaiLetters", "thaiNum": "thaiNumbers", "hindiNum": "hindiNumbers", "hebrew2": "hebrew2",
}  # fmt: skip


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write every slide as a page, and warn of hidden ones; notes come after their slide."""
    with Package.open(path, builder, f"{_P}presentation") as (package, main, presentation):
        relations = package.relations(main)
        slides = [relations.get(slide.get(RELATION_ID, "")) for slide in presentation.iter(f"{_P}sldId")]
        builder.check_pages(len(slides), "slides")
        layouts: dict[str, _Layout] = {}
        hidden: list[int] = []
        for number, relation in enumerate(slides, start=1):
            builder.begin_page()
            slide = package.part(relation.target) if relation else None
            if relation is not None and slide is not None:
                own = package.relations(relation.target)
                layout = _layout(package, _target(own, "slideLayout"), layouts)
                _SlideWriter(package, own, layout, builder).write(slide)
                if slide.get("show") in {"0", "false"}:
                    hidden.append(number)
        builder.warn(WarningReason.HIDDEN_SLIDES, hidden)


@dataclass(frozen=True, slots=True)
class _Placeholder:
    """What a layout or master says of the shapes that fill it."""

    box: Box | None
    bullets: dict[int, str]
    """How paragraphs of a level begin."""


@dataclass(frozen=True, slots=True)
class _Layout:
    kind: str = ""
    own: dict[str, _Placeholder] = field(default_factory=dict)
    """Its placeholders by their index, or by their type where they have none."""
    of_master: dict[str, _Placeholder] = field(default_factory=dict)
    """The master's by their type."""

    def placeholders(self, placeholder: Any) -> Iterator[_Placeholder]:
        """Yield what layout and master say of a placeholder, the nearest first."""
        kind = placeholder.get("type", "")
        for known, key in (
            (self.own, placeholder.get("idx") or kind),
            (self.of_master, kind),
            (self.of_master, _ALIKE.get(kind, kind)),
        ):
            if key in known:
                yield known[key]


def _layout(package: Package, name: str, known: dict[str, _Layout]) -> _Layout:
    """Return what a layout and its master say of placeholders."""
    if name not in known:
        root, master = package.part(name), package.related(name, "slideMaster")
        if master not in known:
            known[master] = _Layout(of_master=_rules(package.part(master), by_index=False))
        kind = "" if root is None else root.get("type", "")
        known[name] = _Layout(kind, _rules(root, by_index=True), known[master].of_master)
    return known[name]


def _rules(part: Any, *, by_index: bool) -> dict[str, _Placeholder]:
    rules: dict[str, _Placeholder] = {}
    for shape in part.iter(f"{_P}sp") if part is not None else ():
        if (placeholder := _placeholder(shape)) is not None:
            key = (placeholder.get("idx") if by_index else "") or placeholder.get("type", "")
            rules.setdefault(key, _Placeholder(_box(shape), _list_bullets(shape)))
    return rules


def _target(relations: dict[str, Relation], kind: str) -> str:
    return next((relation.target for relation in relations.values() if relation.kind == kind), "")


class _SlideWriter:
    def __init__(
        self, package: Package, relations: dict[str, Relation], layout: _Layout, builder: DocumentBuilder
    ) -> None:
        self._package = package
        self._relations = relations
        self._layout = layout
        self._builder = builder

    def write(self, slide: Any) -> None:
        tree = slide.find(f"{_P}cSld/{_P}spTree")
        shapes = [] if tree is None else _shapes(tree)
        title = next((shape for shape in shapes if _kind(shape) in _TITLES and _visible_text(shape)), None)
        if title is not None:
            level = 1 if self._layout.kind in _PART_LAYOUTS else 2
            text = reduce(join_lines, (line.strip() for line in _visible_text(title).split("\n")))
            self._builder.add(BlockKind.HEADING, text, level)
        self._write_all([shape for shape in shapes if shape is not title])
        notes = self._package.part(_target(self._relations, "notesSlide"))
        for shape in notes.iter(f"{_P}sp") if notes is not None else ():
            if _kind(shape) == "body":
                for paragraph in shape.iter(PARAGRAPH):
                    self._builder.add(BlockKind.NOTE, paragraph_text(paragraph))

    def _write_all(self, shapes: list[Any]) -> None:
        for shape in in_reading_order([(self._place(shape), shape) for shape in shapes]):
            self._write_shape(shape)

    def _write_shape(self, shape: Any) -> None:
        table = shape.find(f"{_A}graphic/{_A}graphicData/{_A}tbl")
        if shape.tag == f"{_P}grpSp":
            self._write_all(_shapes(shape))
        elif table is not None:
            self._builder.add_table(_rows(table))
        elif shape.tag == f"{_P}graphicFrame":
            for drawn in shape.iter(*DRAWN):
                write_drawn(drawn, self._package, self._relations, self._builder)
        else:
            self._write_text(shape)

    def _write_text(self, shape: Any) -> None:
        placeholder = _placeholder(shape)
        bulleted_by_default = placeholder is not None and placeholder.get("type", "") in _BULLETED
        own = _list_bullets(shape)
        counters: dict[int, tuple[str, int]] = {}
        for paragraph in shape.iter(PARAGRAPH):
            text = paragraph_text(paragraph)
            if not text:
                continue
            properties = paragraph.find(f"{_A}pPr")
            level = _level(properties)
            bullet, mark = _bullet(properties)
            bullet = bullet or own.get(level, "") or self._inherited(placeholder, level)
            for deeper in [known for known in counters if known > level]:
                del counters[deeper]
            number = _count(counters, level, mark) if bullet == "buAutoNum" else ""
            if not number:
                counters.pop(level, None)
            if bullet in {"buChar", "buAutoNum", "buBlip"} or (not bullet and bulleted_by_default):
                self._builder.add(BlockKind.LIST_ITEM, joined_number(number, without_bullet(text)), level + 1)
            else:
                self._builder.add(BlockKind.CAPTION if is_caption(text) else BlockKind.PARAGRAPH, text)

    def _inherited(self, placeholder: Any, level: int) -> str:
        """Return how the layout begins a placeholder's paragraphs of a level, empty where it does not say."""
        if placeholder is None:
            return ""
        known = self._layout.placeholders(placeholder)
        return next((rules.bullets[level] for rules in known if level in rules.bullets), "")

    def _place(self, shape: Any) -> Box | None:
        """Return where a shape stands, by itself or by its layout; None where nothing says."""
        own = _box(shape)
        placeholder = _placeholder(shape)
        if own is not None or placeholder is None:
            return own
        known = self._layout.placeholders(placeholder)
        return next((rules.box for rules in known if rules.box is not None), None)


def _shapes(parent: Any) -> list[Any]:
    """Return the shapes that hold text, as far as they are shown; what only decorates would disturb the order."""
    return [
        shape
        for shape in parent.iterchildren(f"{_P}sp", f"{_P}grpSp", f"{_P}graphicFrame", f"{_P}cxnSp")
        if not _is_hidden(shape)
        and _kind(shape) not in _FURNITURE
        and next(shape.iter(PARAGRAPH, *DRAWN), None) is not None
    ]


def _is_hidden(shape: Any) -> bool:
    named = next(shape.iter(f"{_P}cNvPr"), None)
    return named is not None and named.get("hidden") in {"1", "true"}


def _placeholder(shape: Any) -> Any:
    return None if shape.tag == f"{_P}grpSp" else next(shape.iter(f"{_P}ph"), None)


def _kind(shape: Any) -> str:
    """Return the type of the placeholder that a shape fills, empty for other shapes."""
    placeholder = _placeholder(shape)
    return "" if placeholder is None else placeholder.get("type", "")


def _box(shape: Any) -> Box | None:
    for properties in ("spPr", "grpSpPr", "xfrm"):
        found = shape.find(_P + properties)
        transform = found if properties == "xfrm" or found is None else found.find(f"{_A}xfrm")
        if transform is None:
            continue
        offset, extent = transform.find(f"{_A}off"), transform.find(f"{_A}ext")
        if offset is None:
            continue
        try:
            left, top = int(offset.get("x", "")), int(offset.get("y", ""))
            width, height = (0, 0) if extent is None else (int(extent.get("cx", "")), int(extent.get("cy", "")))
        except ValueError:
            continue
        return Box(left, top, left + width, top + height)
    return None


def _list_bullets(shape: Any) -> dict[int, str]:
    """Return how a shape's own list style begins paragraphs of each level."""
    style = shape.find(f"{_P}txBody/{_A}lstStyle")
    bullets = {}
    for properties in style if style is not None else ():
        level = _LEVEL.fullmatch(str(properties.tag))
        if level and (found := _bullet(properties)[0]):
            bullets[int(level[1]) - 1] = found
    return bullets


def _bullet(properties: Any) -> tuple[str, Any]:
    """Return how properties begin a paragraph, such as `buChar` or `buNone`, and the element; empty for inherited."""
    for child in properties if properties is not None else ():
        name = str(child.tag).removeprefix(_A)
        if name in _BULLETS:
            return name, child
    return "", None


def _level(properties: Any) -> int:
    level = "" if properties is None else properties.get("lvl", "")
    return min(int(level), _DEEPEST_LEVEL) if level.isdecimal() else 0


def _count(counters: dict[int, tuple[str, int]], level: int, mark: Any) -> str:
    """Return the next number of a list that PowerPoint numbers; another form starts another list."""
    form = "" if mark is None else mark.get("type", "")
    start = "1" if mark is None else mark.get("startAt", "1")
    before = counters.get(level, ("", 0))
    count = before[1] + 1 if before[0] == form + start else int(start) if start.isdecimal() else 1
    counters[level] = (form + start, count)
    name = next((known for known in sorted(_AUTO_FORMS, key=len, reverse=True) if form.startswith(known)), "arabic")
    number = write_number(count, _AUTO_FORMS[name])
    if form.endswith("ParenBoth"):
        return f"({number})"
    plain = form.endswith("Plain") or name == "circleNum"
    return number + ("" if plain else ")" if form.endswith("ParenR") else "-" if form.endswith("Minus") else ".")


def _visible_text(shape: Any) -> str:
    return "\n".join(filter(None, map(paragraph_text, shape.iter(PARAGRAPH))))


def _rows(table: Any) -> Iterator[list[str]]:
    """Yield rows; of merged cells the first has the text, and all others are empty."""
    for row in table.findall(f"{_A}tr"):
        yield [
            "" if {cell.get("hMerge"), cell.get("vMerge")} & {"1", "true"} else _visible_text(cell)
            for cell in row.findall(f"{_A}tc")
        ]
