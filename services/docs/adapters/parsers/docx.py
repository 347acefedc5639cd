"""Word: headings, paragraphs, lists, tables, captions and footnotes in the order of the document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from services.docs.adapters.parsers.archive import check_archive
from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.markup import subscript, superscript, table_text
from services.docs.adapters.parsers.office import ALTERNATE_FALLBACK, FORMULA, math_text, office_faults
from services.docs.adapters.parsers.outline import RULES, without_bullet
from services.docs.values.parsed_document import BlockKind
from services.language.folding import normalize

_HEADING_STYLE = re.compile(rf"(?:{RULES.heading_style})\s*([1-9])", re.IGNORECASE)
_TITLE_STYLE = re.compile(RULES.title_style, re.IGNORECASE)
_CAPTION_STYLE = re.compile(RULES.caption_style, re.IGNORECASE)
_LIST_STYLE = re.compile(RULES.list_style, re.IGNORECASE)
_CODE_STYLE = re.compile(RULES.code_style, re.IGNORECASE)
_CONTENTS_STYLE = re.compile(rf"(?:{RULES.contents_style})(?:\s*\d| heading)", re.IGNORECASE)
_FOOTNOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
_BODY_LEVEL = 9
_BOX = qn("w:txbxContent")
_UNSEEN = {*map(qn, ("w:del", "w:moveFrom", "w:instrText", "w:pPr", "w:rPr")), _BOX, ALTERNATE_FALLBACK}
"""Deleted and moved text, field instructions, and text boxes, which are written after their paragraph."""


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the blocks of a Word file; it has no pages, because only the printed document has page breaks."""
    check_archive(path, builder, "word")
    with office_faults():
        document = docx.Document(str(path))
        if document.core_properties.title != "Word Document":
            builder.title = document.core_properties.title or ""
        writer = _Writer(document, builder)
        writer.write(document.element.body)
        writer.write_footnotes()


class _Writer:
    def __init__(self, document: Document, builder: DocumentBuilder) -> None:
        self._document = document
        self._builder = builder
        self._styles = {style.style_id: style for style in document.styles}
        self._numbering = _Numbering(document)
        self._below_title = 0

    def write(self, parent: Any) -> None:
        for child in parent:
            if child.tag == qn("w:p"):
                self._write_paragraph(child)
            elif child.tag == qn("w:tbl"):
                self._builder.add(BlockKind.TABLE, table_text(_rows(child)))
            elif child.tag == qn("w:sdt"):
                gallery = child.find(f".//{qn('w:docPartGallery')}")
                content = child.find(qn("w:sdtContent"))
                is_contents = gallery is not None and gallery.get(qn("w:val")) == "Table of Contents"
                if content is not None and not is_contents:
                    self.write(content)
            elif child.tag in {qn("w:ins"), qn("w:moveTo"), qn("w:customXml"), qn("w:smartTag")}:
                self.write(child)

    def _write_paragraph(self, paragraph: Any) -> None:
        text = normalize("".join(_runs(paragraph)))
        styles = self._style_chain(paragraph)
        name = (styles[0].name or "") if styles else ""
        if text and not _CONTENTS_STYLE.match(name):
            kind, level, text = self._classify([paragraph, *(style.element for style in styles)], name, text)
            self._builder.add(kind, text, level)
        around = _box_around(paragraph)
        for box in paragraph.iter(_BOX):
            # A box within a box is written with the paragraph of the latter.
            if _box_around(box) is around and not any(above.tag == ALTERNATE_FALLBACK for above in box.iterancestors()):
                self.write(box)

    def _classify(self, holders: list[Any], style: str, text: str) -> tuple[BlockKind, int, str]:
        """Return kind, level and text of a block; `holders` of its properties are the paragraph, then its styles."""
        if _TITLE_STYLE.fullmatch(style):
            self._builder.title = self._builder.title or text
            self._below_title = 1
            return BlockKind.HEADING, 1, " ".join(text.split())
        if level := _outline_level(holders, style):
            return BlockKind.HEADING, level + self._below_title, " ".join(text.split())
        if _CAPTION_STYLE.fullmatch(style):
            return BlockKind.CAPTION, 0, text
        if _CODE_STYLE.search(style):
            return BlockKind.CODE, 0, text
        if item := self._numbering.item(holders):
            depth, number = item
            return BlockKind.LIST_ITEM, depth, number + without_bullet(text)
        if _LIST_STYLE.match(style):
            return BlockKind.LIST_ITEM, 1, without_bullet(text)
        return BlockKind.PARAGRAPH, 0, text

    def _style_chain(self, paragraph: Any) -> list[Any]:
        """Return the paragraph's style and those it is based on, nearest first; a circle of styles ends the list."""
        chain: list[Any] = []
        style = self._styles.get(paragraph.style)
        while style is not None and all(style.style_id != known.style_id for known in chain):
            chain.append(style)
            style = style.base_style
        return chain

    def write_footnotes(self) -> None:
        for relation in self._document.part.rels.values():
            if relation.reltype == _FOOTNOTES and not relation.is_external:
                for note in parse_xml(relation.target_part.blob).iter(qn("w:footnote")):
                    # Notes with a type are the separator lines.
                    if note.get(qn("w:type")) is None:
                        text = "\n".join("".join(_runs(paragraph)) for paragraph in note.iter(qn("w:p")))
                        self._builder.add(BlockKind.NOTE, text)


class _Numbering:
    """Counts list numbers as Word does, as far as plain decimal lists go."""

    def __init__(self, document: Document) -> None:
        self._levels: dict[tuple[str, int], tuple[str, int]] = {}
        """From a list and a depth to the format of its numbers and the first of them."""
        self._counters: dict[tuple[str, int], int] = {}
        for relation in document.part.rels.values():
            if relation.reltype.endswith("/numbering") and not relation.is_external:
                self._load(relation.target_part.element)

    def _load(self, numbering: Any) -> None:
        abstract = {
            definition.get(qn("w:abstractNumId")): definition for definition in numbering.iter(qn("w:abstractNum"))
        }
        for num in numbering.iter(qn("w:num")):
            reference = num.find(qn("w:abstractNumId"))
            definition = abstract.get(reference.get(qn("w:val"))) if reference is not None else None
            for level in definition.iter(qn("w:lvl")) if definition is not None else ():
                key = (num.get(qn("w:numId"), ""), int(level.get(qn("w:ilvl"), 0)))
                form, start = level.find(qn("w:numFmt")), level.find(qn("w:start"))
                self._levels[key] = (
                    form.get(qn("w:val"), "") if form is not None else "",
                    int(start.get(qn("w:val"), 1)) if start is not None else 1,
                )

    def item(self, holders: list[Any]) -> tuple[int, str] | None:
        """Return depth from 1 and the number's text (`3. `, empty for a bullet) of a list item; None for other text."""
        for holder in holders:
            properties = holder.find(f"{qn('w:pPr')}/{qn('w:numPr')}")
            if properties is None:
                continue
            number, level = properties.find(qn("w:numId")), properties.find(qn("w:ilvl"))
            if number is None or number.get(qn("w:val")) == "0":
                return None
            depth = int(level.get(qn("w:val"), 0)) if level is not None else 0
            return depth + 1, self._next_number(number.get(qn("w:val"), ""), depth)
        return None

    def _next_number(self, number_id: str, depth: int) -> str:
        key = (number_id, depth)
        form, first = self._levels.get(key, ("", 1))
        self._counters[key] = self._counters.get(key, first - 1) + 1
        for deeper in [known for known in self._counters if known[0] == number_id and known[1] > depth]:
            del self._counters[deeper]
        counted = form in {"decimal", "chineseCounting", "japaneseCounting", "decimalZero"}
        return f"{self._counters[key]}. " if counted else ""


def _outline_level(holders: list[Any], style: str) -> int:
    """Return the heading level by the style's name, else by the outline level of the paragraph or its styles."""
    if named := _HEADING_STYLE.match(style):
        return int(named.group(1))
    for holder in holders:
        outline = holder.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
        if outline is not None:
            level = int(outline.get(qn("w:val"), _BODY_LEVEL))
            return 0 if level >= _BODY_LEVEL else level + 1
    return 0


def _box_around(element: Any) -> Any:
    return next(element.iterancestors(_BOX), None)


def _rows(table: Any) -> Iterator[list[str]]:
    """Yield the table's own rows; a table within a cell is read as that cell's text."""
    for row in table.findall(qn("w:tr")):
        cells = []
        for cell in row.findall(qn("w:tc")):
            merge = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
            continued = merge is not None and merge.get(qn("w:val"), "continue") == "continue"
            paragraphs = ("".join(_runs(paragraph)) for paragraph in cell.iter(qn("w:p")))
            cells.append("" if continued else " ".join(paragraphs))
        yield cells


def _runs(parent: Any) -> Iterator[str]:
    """Yield the visible texts of a paragraph: runs, links, insertions, breaks, formulas."""
    for element in parent:
        tag = element.tag
        if tag in _UNSEEN:
            continue
        if tag == qn("w:t"):
            yield element.text or ""
        elif tag in {qn("w:tab"), qn("w:ptab")}:
            yield " "
        elif tag in {qn("w:br"), qn("w:cr")}:
            yield "\n"
        elif tag == qn("w:noBreakHyphen"):
            yield "-"
        elif tag == FORMULA:
            yield math_text(element)
        elif tag == qn("w:r"):
            align = element.find(f"{qn('w:rPr')}/{qn('w:vertAlign')}")
            text = "".join(_runs(element))
            position = align.get(qn("w:val")) if align is not None else ""
            yield (
                superscript(text) if position == "superscript" else subscript(text) if position == "subscript" else text
            )
        elif isinstance(tag, str):
            yield from _runs(element)
