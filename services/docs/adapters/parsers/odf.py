"""OpenDocument: texts, presentations with slides as pages, and spreadsheets with sheets as pages."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from services.docs.adapters.parsers.archive import Archive
from services.docs.adapters.parsers.blanks import drawn, underlined
from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.formulas import mathml_text
from services.docs.adapters.parsers.markup import subscript, superscript
from services.docs.adapters.parsers.office import office_faults
from services.docs.adapters.parsers.outline import is_caption, without_bullet
from services.docs.adapters.parsers.package import parse_xml
from services.docs.adapters.parsers.placing import Box, in_reading_order
from services.docs.adapters.parsers.sheets import Row, write_sheet
from services.docs.values.parsed_document import BlockKind, ParseError, ParseReason, WarningReason
from services.language.folding import normalize
from services.language.numerals import joined_number, write_number
from services.language.scripts import join_lines

_OASIS = "{urn:oasis:names:tc:opendocument:xmlns:"
OFFICE, TEXT, TABLE, DRAW, STYLE, PRESENTATION = (
    f"{_OASIS}{name}:1.0}}" for name in ("office", "text", "table", "drawing", "style", "presentation")
)
_SVG = f"{_OASIS}svg-compatible:1.0}}"
_ID = "{http://www.w3.org/XML/1998/namespace}id"
_HREF = "{http://www.w3.org/1999/xlink}href"
_MATH = "{http://www.w3.org/1998/Math/MathML}math"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_MOST_REPEATED = 256
"""A cell or row with text is seldom repeated more; a hostile file says millions."""
_SKIPPED = frozenset(
    {f"{TEXT}tracked-changes", f"{TEXT}table-of-content", f"{TEXT}illustration-index", f"{TEXT}table-index"}
    | {f"{OFFICE}annotation", f"{OFFICE}forms", f"{TEXT}sequence-decls", f"{PRESENTATION}notes", f"{TEXT}note-citation"}
    | {f"{TEXT}ruby-text", f"{TEXT}hidden-text", f"{TEXT}hidden-paragraph", f"{_SVG}desc"}
    | {f"{_SVG}title", f"{DRAW}glue-point", f"{TEXT}number"}
)
_TITLE_STYLE, _CAPTIONS = "Title", frozenset({"Caption", "Figure", "Illustration", "Table", "Drawing"})
_FURNITURE = frozenset({"header", "footer", "date-time", "page-number"})
"""Places on a slide for what every slide shows."""
_CODE_STYLES = frozenset({"Preformatted_20_Text", "Source_20_Code"})
_FORMS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_FORMS |= {"一": "chineseCounting", "甲": "ideographTraditional", "①": "decimalEnclosedCircle", "子": "ideographZodiac"}
_LENGTH = re.compile(r"(-?[\d.]+)(mm|cm|in|pt|pc|px)?")
_MILLIMETERS = {"mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72, "pc": 25.4 / 6, "px": 25.4 / 96}


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write a text, a presentation or a spreadsheet, whichever the file holds."""
    with Archive.open(path, builder) as archive, office_faults():
        if b"encryption-data" in (archive.read("META-INF/manifest.xml") or b""):
            raise ParseError(ParseReason.ENCRYPTED_FILE)
        content = archive.read_xml("content.xml")
        if content is None:
            raise ParseError(ParseReason.CORRUPT_FILE)
        meta = archive.read_xml("meta.xml")
        if meta:
            builder.title = next((found.text or "" for found in parse_xml(meta).iter(_TITLE)), "")
        root = parse_xml(content)
        styles = archive.read_xml("styles.xml")
        writer = _Writer(archive, _Styles([root, *([parse_xml(styles)] if styles else [])]), builder)
        for body in root.iterfind(f"{OFFICE}body/*"):
            if body.tag == f"{OFFICE}presentation":
                _write_slides(body, writer, builder)
            elif body.tag == f"{OFFICE}spreadsheet":
                tables = [table for table in body.findall(f"{TABLE}table") if not writer.styles.hides(table)]
                builder.check_pages(len(tables), "sheets")
                for table in tables:
                    write_sheet(table.get(f"{TABLE}name", ""), writer.sheet_rows(table), builder)
            else:
                writer.write(body)


def _write_slides(body: Any, writer: _Writer, builder: DocumentBuilder) -> None:
    slides = body.findall(f"{DRAW}page")
    builder.check_pages(len(slides), "slides")
    hidden: list[int] = []
    for page, slide in enumerate(slides, start=1):
        if not writer.styles.hidden_slides.isdisjoint(writer.styles.names(slide.get(f"{DRAW}style-name", ""))):
            hidden.append(page)
        builder.begin_page()
        shapes = [shape for shape in slide if _is_shown(shape)]
        title = next((shape for shape in shapes if shape.get(f"{PRESENTATION}class") == "title"), None)
        if title is not None:
            lines = [line.strip() for line in writer.plain(title).split("\n")]
            builder.add(BlockKind.HEADING, reduce(join_lines, lines), 2)
        placed = [(_box(shape), shape) for shape in shapes if shape is not title]
        for shape in in_reading_order([found for found in placed if next(found[1].iter(f"{TEXT}p"), None) is not None]):
            writer.write([shape])
        for notes in slide.findall(f"{PRESENTATION}notes"):
            for paragraph in notes.iter(f"{TEXT}p"):
                if not any(map(_is_furniture, paragraph.iterancestors(f"{DRAW}frame"))):
                    builder.add(BlockKind.NOTE, writer.plain(paragraph))
    builder.warn(WarningReason.HIDDEN_SLIDES, hidden)


def _is_shown(shape: Any) -> bool:
    return isinstance(shape.tag, str) and shape.tag not in _SKIPPED and not _is_furniture(shape)


def _is_furniture(shape: Any) -> bool:
    return shape.get(f"{PRESENTATION}class") in _FURNITURE


def _box(shape: Any) -> Box | None:
    sizes = []
    for name in ("x", "y", "width", "height"):
        found = _LENGTH.fullmatch(shape.get(_SVG + name, ""))
        if not found:
            return None
        sizes.append(round(float(found[1]) * _MILLIMETERS[found[2] or "mm"] * 100))
    return Box(sizes[0], sizes[1], sizes[0] + sizes[2], sizes[1] + sizes[3])


class _Styles:
    """What styles say that changes what is read."""

    def __init__(self, roots: list[Any]) -> None:
        self._parents: dict[str, str] = {}
        self.raised: dict[str, str] = {}
        """From a style to how it raises text, such as `super 58%`."""
        self.underlined: set[str] = set()
        self.hidden: set[str] = set()
        self.hidden_slides: set[str] = set()
        self._lists: dict[str, dict[int, Any]] = {}
        """From a style for lists to its levels."""
        self.outline: dict[int, Any] = {}
        for root in roots:
            for style in root.iter(f"{STYLE}style"):
                self._load(style)
            for style in root.iter(f"{TEXT}list-style", f"{TEXT}outline-style"):
                levels = {_number(level, f"{TEXT}level"): level for level in style}
                if style.tag == f"{TEXT}outline-style":
                    self.outline = levels
                else:
                    self._lists.setdefault(style.get(f"{STYLE}name", ""), levels)

    def _load(self, style: Any) -> None:
        name = style.get(f"{STYLE}name", "")
        self._parents.setdefault(name, style.get(f"{STYLE}parent-style-name", ""))
        for properties in style.iterchildren(f"{STYLE}text-properties"):
            if position := properties.get(f"{STYLE}text-position"):
                self.raised.setdefault(name, position)
            if properties.get(f"{TEXT}display") == "none":
                self.hidden.add(name)
            if properties.get(f"{STYLE}text-underline-style", "none") != "none":
                self.underlined.add(name)
        for properties in style.iterchildren(f"{STYLE}table-properties"):
            if properties.get(f"{TABLE}display") == "false":
                self.hidden.add(name)
        for properties in style.iterchildren(f"{STYLE}drawing-page-properties"):
            if properties.get(f"{PRESENTATION}visibility") == "hidden":
                self.hidden_slides.add(name)

    def hides(self, table: Any) -> bool:
        """Return whether a sheet is not shown."""
        return not self.hidden.isdisjoint(self.names(table.get(f"{TABLE}style-name", "")))

    def names(self, name: str) -> list[str]:
        """Return a style and those it is based on, nearest first."""
        names: list[str] = []
        while name and name not in names:
            names.append(name)
            name = self._parents.get(name, "")
        return names

    def level(self, list_style: str, depth: int) -> Any:
        """Return what a style for lists says of a level, None where it says nothing."""
        return self._lists.get(list_style, {}).get(depth)


@dataclass(slots=True)
class _List:
    """A list that is open: its style and how many items of each level it had."""

    style: str
    counts: dict[int, int]


class _Writer:
    def __init__(self, archive: Archive, styles: _Styles, builder: DocumentBuilder) -> None:
        self._archive = archive
        self.styles = styles
        self._builder = builder
        self._numbers: dict[str, dict[int, int]] = {}
        """The last counts of each style for lists, at which a list goes on that continues one."""
        self._named: dict[str, dict[int, int]] = {}
        """Those of each list by its name."""
        self._headings: dict[int, int] = {}
        self._later: list[Any] = []
        """Notes and boxes within a paragraph, which are written after it."""

    def write(self, parent: Any) -> None:
        """Write what stands in an element, block by block; libxml2's limit of depth bounds the recursion."""
        for element in parent:
            tag = element.tag
            if tag in _SKIPPED or not isinstance(tag, str) or element.get(f"{TEXT}display") == "none":
                continue
            if tag in {f"{TEXT}p", f"{TEXT}h"}:
                self._write_paragraph(element)
            elif tag == f"{TEXT}list":
                self._write_list(element, None, 1)
            elif tag == f"{TABLE}table":
                header = len(element.findall(f"{TABLE}table-header-rows/{TABLE}table-row"))
                self._builder.add_table(self._rows(element), max(1, header))
                self._write_later()
            elif tag == f"{DRAW}object":
                self._write_object(element)
            else:
                self.write(element)

    def plain(self, element: Any) -> str:
        """Return the text of all paragraphs of an element, without what would be written after it."""
        paragraphs = [element] if element.tag == f"{TEXT}p" else element.iter(f"{TEXT}p", f"{TEXT}h")
        text = "\n".join(filter(None, (normalize(drawn("".join(self._inline(paragraph)))) for paragraph in paragraphs)))
        self._later.clear()
        return text

    def _write_paragraph(self, paragraph: Any, number: str = "", depth: int = 0) -> None:
        text = normalize(drawn("".join(self._inline(paragraph))))
        names = self.styles.names(paragraph.get(f"{TEXT}style-name", ""))
        if not self.styles.hidden.isdisjoint(names):
            text = ""
        if paragraph.tag == f"{TEXT}h":
            level = _number(paragraph, f"{TEXT}outline-level", 1)
            counted = "" if paragraph.get(f"{TEXT}is-list-header") else self._heading_number(paragraph, level)
            # Where the outline has no numbers, headings are numbered as items of a list.
            self._builder.add(BlockKind.HEADING, joined_number(counted or number, " ".join(text.split())), level)
        elif depth:
            self._builder.add(BlockKind.LIST_ITEM, joined_number(number, without_bullet(text)), depth)
        elif _TITLE_STYLE in names:
            self._builder.add(BlockKind.HEADING, " ".join(text.split()), 1)
        elif not _CODE_STYLES.isdisjoint(names):
            self._builder.add(BlockKind.CODE, text)
        else:
            caption = not _CAPTIONS.isdisjoint(names) or is_caption(text)
            self._builder.add(BlockKind.CAPTION if caption else BlockKind.PARAGRAPH, text)
        self._write_later()

    def _write_later(self) -> None:
        later, self._later = self._later, []
        for element in later:
            if element.tag == f"{TEXT}note":
                for body in element.iter(f"{TEXT}note-body"):
                    self._builder.add(BlockKind.NOTE, self.plain(body))
            else:
                self.write([element])

    def _write_list(self, found: Any, around: _List | None, depth: int) -> None:
        style = found.get(f"{TEXT}style-name", "") or (around.style if around else "")
        named = found.get(f"{TEXT}continue-list", "")
        goes_on = found.get(f"{TEXT}continue-numbering") == "true" or named
        before = self._named.get(named) or self._numbers.get(style, {})
        counts = around.counts if around else dict(before) if goes_on else {}
        own = _List(style, counts)
        if not goes_on:
            counts.pop(depth, None)
        for item in found.iterchildren(f"{TEXT}list-item", f"{TEXT}list-header"):
            level = self.styles.level(style, depth)
            if start := item.get(f"{TEXT}start-value"):
                counts[depth] = int(start) - 1 if start.isdecimal() else 0
            number = ""
            if item.tag == f"{TEXT}list-item" and level is not None:
                number = _counted(counts, depth, level, lambda above: self.styles.level(style, above))
            for child in item:
                if child.tag == f"{TEXT}list":
                    self._write_list(child, own, depth + 1)
                elif child.tag in {f"{TEXT}p", f"{TEXT}h"}:
                    self._write_paragraph(child, number, depth)
                    number = ""
                else:
                    self.write([child])
        self._numbers[style] = self._named[found.get(_ID, "")] = counts

    def _heading_number(self, heading: Any, level: int) -> str:
        rule = self.styles.outline.get(level)
        start = heading.get(f"{TEXT}start-value", "")
        if heading.get(f"{TEXT}restart-numbering") == "true":
            self._headings.pop(level, None)
            if start.isdecimal():
                self._headings[level] = int(start) - 1
        return "" if rule is None else _counted(self._headings, level, rule, self.styles.outline.get)

    def _write_object(self, element: Any) -> None:
        """Write the table from which a chart is drawn; a formula was read within its paragraph."""
        root = self._embedded(element)
        for table in root.iter(f"{TABLE}table") if root is not None and root.tag != _MATH else ():
            self._builder.add_table(self._rows(table))

    def _embedded(self, element: Any) -> Any:
        own = next(element.iter(_MATH), None)
        if own is not None:
            return own
        name = posixpath.normpath(posixpath.join(element.get(_HREF, ""), "content.xml"))
        # OpenOffice names the document type of MathML, which declares nothing in the file.
        data = self._archive.read(name)
        if data and b"<!ENTITY" in data:
            raise ParseError(ParseReason.XML_ENTITY)
        return parse_xml(data) if data else None

    def _inline(self, parent: Any) -> Iterator[str]:
        """Yield the texts of a paragraph; white space is collapsed as in HTML."""
        yield _collapsed(parent.text)
        for element in parent:
            tag = element.tag
            if tag == f"{TEXT}s":
                yield " " * min(_number(element, f"{TEXT}c", 1), _MOST_REPEATED)
            elif tag == f"{TEXT}tab":
                yield "\t"
            elif tag == f"{TEXT}line-break":
                yield "\n"
            elif tag == f"{DRAW}frame":
                yield from self._frame(element)
            elif tag == f"{TEXT}note" or (isinstance(tag, str) and tag.startswith(DRAW)):
                self._later.append(element)
            elif isinstance(tag, str) and tag not in _SKIPPED:
                yield self._span(element)
            yield _collapsed(element.tail)

    def _span(self, element: Any) -> str:
        names = self.styles.names(element.get(f"{TEXT}style-name", ""))
        if not self.styles.hidden.isdisjoint(names):
            return ""
        text = "".join(self._inline(element))
        position = next((self.styles.raised[name] for name in names if name in self.styles.raised), "")
        if position.startswith(("sub", "-")):
            return subscript(text)
        if position and not position.startswith("0"):
            return superscript(text)
        return text if self.styles.underlined.isdisjoint(names) else underlined(text)

    def _frame(self, frame: Any) -> Iterator[str]:
        formula = next((self._embedded(found) for found in frame.iterchildren(f"{DRAW}object")), None)
        if formula is not None and formula.tag == _MATH:
            yield mathml_text(formula)
        else:
            self._later.append(frame)

    def _rows(self, table: Any) -> Iterator[list[str]]:
        """Yield rows; of merged cells the first has the text, and all others are empty."""
        for row in table.iter(f"{TABLE}table-row"):
            if next(row.iterancestors(f"{TABLE}table")) is table:
                yield [text for text, count in self._cells(row) for _ in range(min(count, _MOST_REPEATED))]

    def _cells(self, row: Any) -> Iterator[tuple[str, int]]:
        """Yield each cell's text and how often it stands there."""
        for cell in row.iterchildren(f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
            paragraphs = cell.iter(f"{TEXT}p", f"{TEXT}h") if cell.tag == f"{TABLE}table-cell" else ()
            text = " ".join(drawn("".join(self._inline(paragraph))).strip() for paragraph in paragraphs)
            yield text, _number(cell, f"{TABLE}number-columns-repeated", 1)

    def sheet_rows(self, table: Any) -> Iterator[Row | None]:
        """Yield the rows of a sheet by their columns."""
        for row in table.iter(f"{TABLE}table-row"):
            cells: dict[int, str] = {}
            column = 0
            for text, count in self._cells(row):
                if text.strip():
                    cells |= {column + at: text for at in range(min(count, _MOST_REPEATED))}
                column += count
            for _ in range(min(_number(row, f"{TABLE}number-rows-repeated", 1), _MOST_REPEATED) if cells else 1):
                yield cells


def _collapsed(text: str | None) -> str:
    return re.sub(r"[ \t\r\n]+", " ", text or "")


def _number(element: Any, name: str, default: int = 0) -> int:
    value = element.get(name, "")
    return int(value) if value.isdecimal() else default


def _counted(counts: dict[int, int], depth: int, level: Any, rule: Callable[[int], Any]) -> str:
    """Count on at a level, and return the number's text: empty for a bullet."""
    for deeper in [known for known in counts if known > depth]:
        del counts[deeper]
    counts[depth] = counts.get(depth, _number(level, f"{TEXT}start-value", 1) - 1) + 1
    shown = min(_number(level, f"{TEXT}display-levels", 1), depth)
    numbers = []
    for at in range(depth - shown + 1, depth + 1):
        own = rule(at)
        form = "" if own is None else own.get(f"{STYLE}num-format", "")
        if form:
            numbers.append(write_number(counts.get(at, 1), _FORMS.get(form.split(",")[0].strip(), "decimal")))
    if not numbers or not level.get(f"{STYLE}num-format"):
        return ""
    before, after = (str(level.get(STYLE + name, "")) for name in ("num-prefix", "num-suffix"))
    return before + ".".join(numbers) + after
