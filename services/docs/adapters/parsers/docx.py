"""Word: headings, paragraphs, lists, tables, captions and notes in the order of the document, as Word shows them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.docs.adapters.parsers.archive import Source
from services.docs.adapters.parsers.blanks import drawn, underlined
from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.drawings import DRAWN, write_drawn
from services.docs.adapters.parsers.foreign import foreign_media_type, read_or_warn, write_foreign
from services.docs.adapters.parsers.formulas import FORMULA, eq_argument, eq_field_text, math_text
from services.docs.adapters.parsers.list_numbers import numbered
from services.docs.adapters.parsers.markup import joined_items, subscript, superscript
from services.docs.adapters.parsers.outline import RULES, without_bullet
from services.docs.adapters.parsers.package import RELATION_ID, Package, unwrap
from services.docs.adapters.parsers.symbols import in_font, symbol
from services.docs.adapters.parsers.word_styles import VAL, Numbering, Styles, W, is_on, number, value
from services.docs.domain.upload.media_types import DOCX
from services.docs.values.parsed_document import BlockKind, WarningReason
from services.language.folding import normalize

_HEADING_STYLE = re.compile(rf"(?:{RULES.heading_style})\s*([1-9])", re.IGNORECASE)
_TITLE_STYLE = re.compile(RULES.title_style, re.IGNORECASE)
_CAPTION_STYLE = re.compile(RULES.caption_style, re.IGNORECASE)
_LIST_STYLE = re.compile(RULES.list_style, re.IGNORECASE)
_CODE_STYLE = re.compile(RULES.code_style, re.IGNORECASE)
_CONTENTS_STYLE = re.compile(rf"(?:{RULES.contents_style})(?:\s*\d| heading)", re.IGNORECASE)
_BODY_LEVEL = 9
_MOST_COLUMNS = 63
"""Word has no more."""
_P, _R, _TABLE, _BOX = f"{W}p", f"{W}r", f"{W}tbl", f"{W}txbxContent"
_PARTS = (f"{W}altChunk", f"{W}subDoc")
"""What stands for a part of the document that is a file of its own."""
_DEEPEST_PART = 3
_GONE = (f"{W}del", f"{W}moveFrom")
_WRAPPERS = (f"{W}ins", f"{W}moveTo", f"{W}customXml", f"{W}smartTag")
_FIELD_SYMBOL = re.compile(r"\s*SYMBOL\s+(0x[0-9a-f]+|\d+)(?:.*\\f\s*\"?([^\"\\]+))?", re.IGNORECASE)
_EQUATION = re.compile(r"\s*EQ\b", re.IGNORECASE)
_BUTTON = re.compile(r"\s*(?:MACROBUTTON|GOTOBUTTON)\s+\S+\s+(.+)", re.IGNORECASE | re.DOTALL)
_NOTES = {"footnoteReference": ("footnotes", "footnote"), "endnoteReference": ("endnotes", "endnote")}


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the blocks of a Word file; it has no pages, because only the printed document has page breaks."""
    _write_package(path, builder, 0)


def _write_package(source: Source, builder: DocumentBuilder, depth: int) -> None:
    with Package.open(source, builder, f"{W}document") as (package, main, document):
        _keep_visible(document)
        writer = _Writer(package, main, builder, depth)
        writer.underlines = next(document.iter(f"{W}u"), None) is not None
        for body in document.findall(f"{W}body"):
            writer.write(body)
        writer.write_other_notes()


def _keep_visible(root: Any) -> None:
    """Drop what tracked changes delete, and tables of contents; keep what wrappers hold in their place."""
    for gone in list(root.iter(*_GONE)):
        # In properties the same names mark a paragraph or a row as deleted.
        if gone.getparent().tag not in {f"{W}rPr", f"{W}trPr"}:
            gone.getparent().remove(gone)
    for wrapper in list(root.iter(*_WRAPPERS)):
        if wrapper.getparent().tag not in {f"{W}rPr", f"{W}trPr"}:
            unwrap(wrapper, wrapper)
    for control in list(root.iter(f"{W}sdt")):
        properties = control.find(f"{W}sdtPr")
        is_contents = value(properties, f".//{W}docPartGallery") == "Table of Contents"
        unwrap(control, None if is_contents else control.find(f"{W}sdtContent"))


class _Writer:
    def __init__(self, package: Package, main: str, builder: DocumentBuilder, depth: int) -> None:
        self._package = package
        self._builder = builder
        self._depth = depth
        """How many documents this one is a part of."""
        self._relations = package.relations(main)
        parts = {relation.kind: relation.target for relation in self._relations.values()}
        self._styles = Styles(package.part(parts.get("styles", "")))
        self._numbering = Numbering(package.part(parts.get("numbering", "")), self._styles)
        self._parts = parts
        self._notes: dict[str, dict[str, str]] = {}
        """The texts of each kind of notes by their ids, once one is referred to."""
        self.underlines = False
        """Whether any text is underlined by itself, so that it has to be asked of each run."""
        self._below_title = 0
        self._before = ""
        """Text of paragraphs whose ends were deleted, which goes on in the next one."""

    def write(self, parent: Any) -> None:
        for child in parent:
            if child.tag == _P:
                self._write_paragraph(child)
            elif child.tag == _TABLE:
                self._write_table(child)
            elif child.tag in {FORMULA, f"{FORMULA}Para"}:
                self._builder.add(BlockKind.PARAGRAPH, math_text(child))
            elif child.tag in _PARTS:
                self._write_part(child)

    def _write_part(self, element: Any) -> None:
        """Write a part that is a file of its own, or warn that it is not read."""
        relation = self._relations.get(element.get(RELATION_ID, ""))
        data = self._package.data(relation.target) if relation else None
        if relation is None or not data:
            self._builder.warn_of_all(WarningReason.PARTS_NOT_READ)
            return
        media_type = foreign_media_type(data, relation.target)
        with read_or_warn(self._builder):
            if media_type == DOCX and self._depth < _DEEPEST_PART:
                _write_package(io.BytesIO(data), self._builder, self._depth + 1)
            else:
                write_foreign(data, media_type, self._builder)

    def _write_paragraph(self, paragraph: Any) -> None:
        inline = self._inline(paragraph)
        properties = paragraph.find(f"{W}pPr")
        style_id = value(properties, f"{W}pStyle")
        chain = self._styles.chain(style_id)
        written, self._before = self._before + inline.text, ""
        if _is_end_gone(properties):
            self._before = written
        else:
            text = normalize(written)
            holders = [paragraph, *chain]
            item = None if _is_on(properties, f"{W}rPr/{W}vanish") else self._numbering.item(holders)
            if text and not _CONTENTS_STYLE.match(self._styles.name(style_id)):
                self._builder.add(*self._classify(holders, self._styles.name(style_id), text, item))
        self._write_notes(inline)
        around = _box_around(paragraph)
        for shape in paragraph.iter(_BOX, *DRAWN):
            # A box within a box is written with the paragraph of the latter.
            if _box_around(shape) is not around:
                continue
            if shape.tag == _BOX:
                self.write(shape)
            else:
                write_drawn(shape, self._package, self._relations, self._builder)

    def _classify(
        self, holders: list[Any], style: str, text: str, item: tuple[int, str] | None
    ) -> tuple[BlockKind, str, int]:
        """Return kind, text and level of a block; `holders` of its properties are the paragraph, then its styles."""
        depth, number_text = item or (0, "")
        if _TITLE_STYLE.fullmatch(style):
            self._builder.title = self._builder.title or text
            self._below_title = 1
            return BlockKind.HEADING, numbered(number_text, " ".join(text.split())), 1
        if level := _outline_level(holders, style):
            return BlockKind.HEADING, numbered(number_text, " ".join(text.split())), level + self._below_title
        if _CAPTION_STYLE.fullmatch(style):
            return BlockKind.CAPTION, numbered(number_text, text), 0
        if _CODE_STYLE.search(style):
            return BlockKind.CODE, text, 0
        if item:
            return BlockKind.LIST_ITEM, numbered(number_text, without_bullet(text)), depth
        if _LIST_STYLE.match(style):
            return BlockKind.LIST_ITEM, without_bullet(text), 1
        return BlockKind.PARAGRAPH, text, 0

    def _inline(self, paragraph: Any) -> _Inline:
        inline = _Inline(self._styles, value(paragraph, f"{W}pPr/{W}pStyle"), underlines=self.underlines)
        inline.read(paragraph)
        return inline

    def _write_notes(self, inline: _Inline) -> None:
        """Write the notes to which a text refers behind it, where they mean something."""
        for kind, note_id in inline.notes:
            self._builder.add(BlockKind.NOTE, self._notes_of(kind).pop(note_id, ""))

    def write_other_notes(self) -> None:
        """Write the notes to which no text refers."""
        for kind in _NOTES:
            for text in self._notes_of(kind).values():
                self._builder.add(BlockKind.NOTE, text)

    def _notes_of(self, kind: str) -> dict[str, str]:
        if kind not in self._notes:
            part, tag = _NOTES[kind]
            root = self._package.part(self._parts.get(part, ""))
            if root is not None:
                _keep_visible(root)
            # Notes with a type are the separator lines.
            self._notes[kind] = {
                note.get(f"{W}id", ""): self._cell_text(note, "\n")[0]
                for note in (root.iter(W + tag) if root is not None else ())
                if note.get(f"{W}type", "normal") == "normal"
            }
        return self._notes[kind]

    def _write_table(self, table: Any) -> None:
        rows = [row for row in table.findall(f"{W}tr") if row.find(f"{W}trPr/{W}del") is None]
        cells = [row.findall(f"{W}tc") for row in rows]
        if all(len(row) < 2 for row in cells):  # A frame around text rather than a table.
            for row in cells:
                for cell in row:
                    self.write(cell)
            return
        inlines: list[_Inline] = []
        headers = 0
        while headers < len(rows) and _is_on(rows[headers], f"{W}trPr/{W}tblHeader"):
            headers += 1
        self._builder.add_table([self._row(row, inlines) for row in rows], max(1, headers))
        for inline in inlines:
            self._write_notes(inline)
        for element in table.iter(*DRAWN, *_PARTS):
            if element.tag in _PARTS:
                self._write_part(element)
            else:
                write_drawn(element, self._package, self._relations, self._builder)

    def _row(self, row: Any, inlines: list[_Inline]) -> list[str]:
        """Return a text for each column of the table's grid; a table within a cell is read as that cell's text."""
        cells = [""] * min(number(value(row, f"{W}trPr/{W}gridBefore")), _MOST_COLUMNS)
        for cell in row.findall(f"{W}tc"):
            properties = cell.find(f"{W}tcPr")
            merged = False
            for name in ("vMerge", "hMerge"):
                merge = None if properties is None else properties.find(W + name)
                merged = merged or (merge is not None and merge.get(f"{W}val", "continue") == "continue")
            merged = merged or (properties is not None and properties.find(f"{W}cellDel") is not None)
            text, found = ("", []) if merged else self._cell_text(cell)
            inlines += found
            span = number(value(properties, f"{W}gridSpan"), 1)
            cells += [text, *[""] * (min(span, _MOST_COLUMNS) - 1)]
        return cells

    def _cell_text(self, cell: Any, separator: str = "") -> tuple[str, list[_Inline]]:
        """Return the text of all paragraphs, with the separator between them, or else one that shows its bullets."""
        texts, inlines, bullets = [], [], []
        for paragraph in cell.iter(_P):
            inline = self._inline(paragraph)
            inlines.append(inline)
            style_id = value(paragraph, f"{W}pPr/{W}pStyle")
            item = self._numbering.item([paragraph, *self._styles.chain(style_id)])
            text = numbered(item[1] if item else "", inline.text.strip())
            if text:
                texts.append(text)
                bullets.append(item is not None and not item[1])
        return separator.join(texts) if separator else joined_items(texts, bullets), inlines


@dataclass(slots=True)
class _Field:
    """A field that is open: what it says until its result begins."""

    instruction: list[str] = field(default_factory=list)
    in_result: bool = False
    checked: bool | None = None
    """Whether a box is ticked that is no text, None for other fields."""


class _Inline:
    """Collects the visible text of a paragraph: runs, links, breaks, symbols, formulas, results of fields."""

    def __init__(self, styles: Styles, style_id: str, *, underlines: bool) -> None:
        self._styles = styles
        self._underlines = underlines
        self._style_id = style_id
        """The paragraph's style."""
        self._parts: list[str] = []
        self._fields: list[_Field] = []
        self.notes: list[tuple[str, str]] = []
        """Kind and id of each note that the text refers to."""

    @property
    def text(self) -> str:
        """The text as far as it was read."""
        return drawn("".join(self._parts))

    def read(self, parent: Any) -> None:
        """Read all within an element; libxml2's limit of depth bounds the recursion."""
        for element in parent:
            read = _READERS.get(element.tag, _Inline.read)
            read(self, element)

    def put(self, text: str) -> None:
        """Add text to the innermost field that still says what it is, else to the paragraph."""
        open_field = next((known for known in reversed(self._fields) if not known.in_result), None)
        (self._parts if open_field is None else open_field.instruction).append(text)

    def run(self, run: Any) -> None:
        """Read a run, if it is visible."""
        properties = run.find(f"{W}rPr")
        by_style = self._styles.drawings(properties, self._style_id)
        vanish = _own(properties, "vanish", by_style)
        if vanish is not None and is_on(vanish):
            for mark in run.findall(f"{W}fldChar"):
                self.field(mark)
            return
        raised = _own(properties, "vertAlign", by_style)
        position = "" if raised is None else raised.get(VAL, "")
        raise_text: Callable[[str], str] = str
        if position in {"superscript", "subscript"}:
            raise_text = superscript if position == "superscript" else subscript
        fonts = None if properties is None else properties.find(f"{W}rFonts")
        font = "" if fonts is None else fonts.get(f"{W}ascii", "")
        below = by_style.get("u") if not self._underlines else None if position else _own(properties, "u", by_style)
        line = underlined if not position and _is_underlined(below) else raise_text
        for element in run:
            tag = element.tag
            if tag == f"{W}t":
                self.put(line(in_font(element.text or "", font)))
            elif tag == f"{W}tab" and line is underlined:
                self.put(line("\t"))
            elif tag == f"{W}sym":
                self.put(raise_text(_symbol(element)))
            elif tag == f"{W}instrText":
                if self._fields:
                    self.put(raise_text(element.text or ""))
            else:
                _READERS.get(tag, _Inline.read)(self, element)

    def field(self, mark: Any) -> None:
        """Take in the begin, the middle or the end of a field."""
        kind = mark.get(f"{W}fldCharType")
        if kind == "begin":
            box = mark.find(f"{W}ffData/{W}checkBox")
            state = (
                None if box is None else next(iter([*box.findall(f"{W}checked"), *box.findall(f"{W}default")]), None)
            )
            self._fields.append(_Field(checked=None if box is None else state is not None and is_on(state)))
        elif kind == "separate" and self._fields:
            self._fields[-1].in_result = True
        elif kind == "end" and self._fields:
            ended = self._fields.pop()
            if ended.checked is not None:
                self.put("☑" if ended.checked else "☐")
            self._put_drawn("".join(ended.instruction), has_result=ended.in_result)

    def _put_drawn(self, instruction: str, *, has_result: bool) -> None:
        """Put what is drawn for a field; within an equation it stands as one thing, whatever commas it has."""
        text = _drawn_field(instruction, has_result=has_result)
        around = self._fields[-1] if self._fields else None
        within = around is not None and not around.in_result and _EQUATION.match("".join(around.instruction))
        self.put(eq_argument(text) if within else text)

    def simple_field(self, element: Any) -> None:
        """Read a field that is written as one element."""
        self._put_drawn(element.get(f"{W}instr", ""), has_result=len(element) > 0)
        self.read(element)

    def ruby(self, ruby: Any) -> None:
        """Read the words alone, without the reading above them."""
        for base in ruby.findall(f"{W}rubyBase"):
            self.read(base)

    def formula(self, formula: Any) -> None:
        """Read a formula."""
        self.put(math_text(formula))

    def note(self, reference: Any) -> None:
        """Take in a reference to a note."""
        self.notes.append((reference.tag.removeprefix(W), reference.get(f"{W}id", "")))


_Reader = Callable[[_Inline, Any], None]


def _writing(text: str) -> _Reader:
    return lambda inline, _: inline.put(text)


def _skip(inline: _Inline, element: Any) -> None:
    """Read nothing: properties, and boxes and drawings, which follow their paragraph."""


_READERS: dict[Any, _Reader] = {
    **dict.fromkeys((f"{W}pPr", f"{W}rPr", f"{W}delText", f"{W}delInstrText", _BOX, *DRAWN), _skip),
    f"{W}instrText": _skip,
    **dict.fromkeys((f"{W}tab", f"{W}ptab"), _writing(" ")),
    **dict.fromkeys((f"{W}br", f"{W}cr"), _writing("\n")),
    **dict.fromkeys((FORMULA, f"{FORMULA}Para"), _Inline.formula),
    **dict.fromkeys((f"{W}{name}" for name in _NOTES), _Inline.note),
    f"{W}noBreakHyphen": _writing("-"),
    f"{W}t": lambda inline, element: inline.put(element.text or ""),
    _R: _Inline.run,
    f"{W}fldChar": _Inline.field,
    f"{W}fldSimple": _Inline.simple_field,
    f"{W}ruby": _Inline.ruby,
}


def _symbol(element: Any) -> str:
    try:
        return symbol(element.get(f"{W}font", ""), int(element.get(f"{W}char", ""), 16))
    except ValueError:
        return ""


def _drawn_field(instruction: str, *, has_result: bool) -> str:
    """Return what Word draws for a field without a stored result: an equation, a symbol or a button's text."""
    if _EQUATION.match(instruction):
        return eq_field_text(instruction)
    if found := _FIELD_SYMBOL.match(instruction):
        return symbol(found[2] or "", int(found[1], 0))
    if not has_result and (found := _BUTTON.match(instruction)):
        return found[1].strip()
    return ""


def _is_on(parent: Any, path: str) -> bool:
    found = None if parent is None else parent.find(path)
    return found is not None and is_on(found)


def _is_end_gone(properties: Any) -> bool:
    """Return whether a paragraph's end was deleted or moved away, so that it goes on in the next one."""
    mark = None if properties is None else properties.find(f"{W}rPr")
    return mark is not None and any(mark.find(gone) is not None for gone in _GONE)


def _own(properties: Any, name: str, by_style: Mapping[str, Any]) -> Any:
    """Return what a run says of how it is drawn, else what its style says, else None."""
    own = None if properties is None else properties.find(W + name)
    return by_style.get(name) if own is None else own


def _is_underlined(line: Any) -> bool:
    return line is not None and line.get(VAL, "none") not in {"none", "0", "false"}


def _outline_level(holders: list[Any], style: str) -> int:
    """Return the heading level by the style's name, else by the outline level of the paragraph or its styles."""
    if named := _HEADING_STYLE.match(style):
        return int(named.group(1))
    for holder in holders:
        if outline := value(holder, f"{W}pPr/{W}outlineLvl"):
            level = number(outline, _BODY_LEVEL)
            return 0 if level >= _BODY_LEVEL else level + 1
    return 0


def _box_around(element: Any) -> Any:
    return next(element.iterancestors(_BOX), None)
