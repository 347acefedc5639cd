"""RTF: paragraphs, headings by their style, lists by the numbers that stand in the file, tables and footnotes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from services.docs.adapters.parsers.blanks import drawn, underlined
from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import read_bytes
from services.docs.adapters.parsers.formulas import FORMULA, math_text
from services.docs.adapters.parsers.markup import subscript, superscript
from services.docs.adapters.parsers.outline import RULES, without_bullet
from services.docs.adapters.parsers.symbols import in_font
from services.docs.values.parsed_document import BlockKind, ParseError, ParseReason
from services.language.folding import normalize
from services.language.numerals import joined_number

_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
_HEADING = re.compile(rf"(?:{RULES.heading_style})\s*([1-9])", re.IGNORECASE)
_TITLE = re.compile(RULES.title_style, re.IGNORECASE)
_CONTENTS = re.compile(rf"(?:{RULES.contents_style})(?:\s*\d| heading)", re.IGNORECASE)
_BODY_LEVEL = 9
_MOST_GROUPS = 1_000
_DEEPEST_FORMULA = 100
_CHARSETS = {
    0: 1252, 77: 10000, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255,
    178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250,
}  # fmt: skip
"""Code pages by the numbers that Windows gives to sets of characters."""
_OLD_CHARSETS = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
_SKIPPED = frozenset(
    {"colortbl", "pict", "themedata", "colorschememapping", "datastore", "latentstyles", "listtable", "rsidtbl"}
    | {"listoverridetable", "generator", "header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr"}
    | {"footerf", "fldinst", "bkmkstart", "bkmkend", "xe", "tc", "nonshppict", "annotation", "atnid", "atnauthor"}
    | {"atndate", "atnref", "objdata", "objclass", "sp", "mmathPr", "mmathPict", "ftnsep", "ftnsepc", "aftnsep"}
    | {"aftnsepc", "passwordhash", "filetbl", "revtbl", "private", "template", "operator", "author", "company"}
)
"""Destinations without text of the document."""
_SHOWN_OPTIONAL = frozenset(
    {"footnote", "shpinst", "shptxt", "shpgrp", "moMath", "moMathPara", "mmath", "pntext", "listtext"}
)
"""Destinations that an old program may skip, but that hold text."""
_MATH = FORMULA.removesuffix("oMath")
_MATH_VALUES = frozenset({"chr", "pos", "begChr", "endChr", "sepChr", "type", "show"})
_MATH_PARTS = _MATH_VALUES | frozenset(
    {
        "f",
        "num",
        "den",
        "rad",
        "deg",
        "e",
        "sSub",
        "sSup",
        "sSubSup",
        "sPre",
        "sub",
        "sup",
        "nary",
        "d",
        "m",
        "mr",
        "eqArr",
        "func",
        "fName",
    }
    | {"limLow", "limUpp", "lim", "acc", "bar", "groupChr", "box", "borderBox", "phant", "r"}
    | {"fPr", "naryPr", "dPr", "accPr", "barPr", "groupChrPr", "phantPr"}
)
"""The elements of Office Math, which RTF names as words with an m before them; each stands in a group of its own."""
_CHARACTERS = {
    "tab": "\t", "line": "\n", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’",
    "ldblquote": "“", "rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " ", "nestcell": " ",
}  # fmt: skip
_OF_PARAGRAPHS = frozenset({"pard", "s", "outlinelevel", "ilvl", "intbl"})
_TEXTS_APART = frozenset({"listtext", "pntext", "footnote"})
"""Destinations whose own paragraphs say nothing of the one that they stand in."""
_RAISED: dict[str, Callable[[str], str]] = {"super": superscript, "sub": subscript}
_LITERALS = {"~": " ", "_": "-", "\\": "\\", "{": "{", "}": "}", "\n": "", "\r": ""}


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the document's text in its order; it has no pages, because only the printed document has page breaks."""
    write_rtf(read_bytes(path, builder), builder)


def write_rtf(data: bytes, builder: DocumentBuilder) -> None:
    """Write the blocks of a document in RTF."""
    source = data.decode("latin-1")
    if not source.startswith("{\\rtf"):
        raise ParseError(ParseReason.CORRUPT_FILE)
    reader = _Reader(builder)
    reader.read(source)
    reader.finish()


@dataclass(slots=True)
class _State:
    """What holds within a group."""

    destination: str = ""
    skipped: bool = False
    font: int = -1
    hidden: bool = False
    underlined: bool = False
    position: str = ""
    """`super`, `sub` or nothing."""
    fallback: int = 1
    """Characters that follow one in Unicode for programs that know none."""
    optional: bool = False
    """Whether the next word names a destination that may be skipped."""
    formula: Element | None = None
    """The part of a formula that is being read."""
    formula_depth: int = 0

    def within(self) -> _State:
        """Return what holds at first in a group within this one."""
        # Files have more groups than words; `dataclasses.replace` takes several times as long.
        return _State(
            *(self.destination, self.skipped, self.font, self.hidden, self.underlined, self.position, self.fallback),
            formula=self.formula,
            formula_depth=self.formula_depth,
        )


@dataclass(slots=True)
class _Paragraph:
    """What is said of the paragraph that is being read."""

    style: int = -1
    level: int = _BODY_LEVEL
    list_level: int = 0
    in_table: bool = False
    list_text: str = ""
    parts: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._stack: list[_State] = []
        self._state = _State()
        self._encoding = "cp1252"
        self._fonts: dict[int, tuple[str, str]] = {}
        """Encoding and name of each font."""
        self._styles: dict[int, str] = {}
        self._bytes = bytearray()
        """Bytes that are not decoded yet, as one character may take two."""
        self._to_skip = 0
        self._paragraph = _Paragraph()
        self._texts: dict[str, list[str]] = {}
        """What was read of destinations that are no paragraphs, by their names."""
        self._cells: list[str] = []
        self._cell: list[str] = []
        self._rows: list[list[str]] = []
        self._notes: list[str] = []

    def read(self, source: str) -> None:
        """Read all; what stands in binary is passed over."""
        at = 0
        while at < len(source):
            token = _TOKEN.match(source, at)
            if token is None:
                at += 1
                continue
            at = token.end()
            word, number, byte, literal, brace, text = token.groups()
            if byte is not None:
                self._take_bytes(bytes.fromhex(byte))
                continue
            if text is not None:
                self._take_text(text)
                continue
            self._flush_bytes()
            if brace is not None:
                self._group(opening=brace == "{")
            elif literal is not None:
                self._literal(literal)
            elif word == "bin" and number:
                at += max(0, int(number))
            elif word:
                self._word(word, None if number is None else int(number))
        self._flush_bytes()

    def finish(self) -> None:
        """Write what is left."""
        self._end_paragraph()
        self._end_table()

    def _group(self, *, opening: bool) -> None:
        if opening:
            self._builder.check_deadline()
            self._builder.check_complexity(len(self._stack), _MOST_GROUPS, "groups")
            self._stack.append(self._state)
            self._state = self._state.within()
        elif self._stack:
            ended, self._state = self._state, self._stack.pop()
            if ended.destination and ended.destination != self._state.destination:
                self._end_destination(ended)
            if ended.formula is not None and self._state.formula is None:
                self._put(math_text(ended.formula))

    def _end_destination(self, ended: _State) -> None:
        text = _whole_characters("".join(self._texts.pop(ended.destination, ()))).strip()
        match ended.destination:
            case "listtext" | "pntext":
                self._paragraph.list_text = text or "•"
            case "footnote":
                self._notes.append(text)
            case "title":
                self._builder.title = text

    def _literal(self, literal: str) -> None:
        if literal == "*":
            self._state.optional = True
        elif literal in "\r\n":
            self._end_paragraph()
        else:
            self._put(_LITERALS.get(literal, ""))

    def _word(self, word: str, number: int | None) -> None:
        state = self._state
        optional, state.optional = state.optional, False
        if word in _SKIPPED or (optional and not self._is_shown(word)):
            state.skipped = True
        elif word in {"fonttbl", "stylesheet", "listtext", "pntext", "footnote", "info", "title"}:
            state.destination = word
        elif word in _CHARACTERS:
            self._put(_CHARACTERS[word])
        elif word == "u" and number is not None:
            self._put(chr(number & 0xFFFF))
            self._to_skip = state.fallback
        elif word in {"par", "sect", "cell", "row", "nestrow"}:
            self._end(word)
        else:
            self._take_in(word, number)

    def _take_in(self, word: str, number: int | None) -> None:
        """Take in a word of a formula, of a paragraph or of how the following text is read."""
        state = self._state
        if word == "moMath" and state.formula is None:
            state.formula = Element(FORMULA)
        elif state.formula is not None and number is None and word[1:] in _MATH_PARTS:
            # What is nested too deeply stays one text.
            if state.formula_depth < _DEEPEST_FORMULA:
                state.formula = SubElement(state.formula, _MATH + word[1:])
                state.formula_depth += 1
        elif word not in _OF_PARAGRAPHS:
            self._format(word, number)
        elif state.destination not in _TEXTS_APART:
            self._format_paragraph(word, number)

    def _is_shown(self, word: str) -> bool:
        """Return whether a word that a program may pass over begins nothing that it may pass over as well."""
        return word in _SHOWN_OPTIONAL or (word == "cs" and self._state.destination != "stylesheet")

    def _format(self, word: str, number: int | None) -> None:
        """Take in what changes how the following text is read."""
        state, on = self._state, number != 0
        match word:
            case "f":
                state.font = number or 0
            case "uc":
                state.fallback = number or 0
            case "v" | "deleted":
                state.hidden = on
            case "super" | "sub" | "nosupersub" | "plain":
                state.position = word if on and word in {"super", "sub"} else ""
                state.hidden = state.hidden and word != "plain"
                state.underlined = state.underlined and word != "plain"
            case "ul" | "uld" | "uldash" | "uldb" | "ulth" | "ulwave" | "ulhair" | "ulc" | "ulnone":
                state.underlined = on and word != "ulnone"
            case _:
                self._set_encoding(word, number)

    def _format_paragraph(self, word: str, number: int | None) -> None:
        paragraph = self._paragraph
        match word:
            case "pard":
                paragraph.style, paragraph.level, paragraph.in_table, paragraph.list_level = -1, _BODY_LEVEL, False, 0
            case "ilvl":
                paragraph.list_level = number or 0
            case "s":
                paragraph.style = number or 0
            case "outlinelevel":
                paragraph.level = number or 0
            case "intbl":
                paragraph.in_table = True

    def _set_encoding(self, word: str, number: int | None) -> None:
        if word in _OLD_CHARSETS:
            self._encoding = _OLD_CHARSETS[word]
        elif word == "ansicpg":
            self._encoding = _known(number) or self._encoding
        elif word == "fcharset" and self._state.destination == "fonttbl":
            self._fonts[self._state.font] = (_known(_CHARSETS.get(number or 0)), "")

    def _take_bytes(self, data: bytes) -> None:
        if self._to_skip:
            self._to_skip -= 1
        else:
            self._bytes += data

    def _take_text(self, text: str) -> None:
        skipped = min(self._to_skip, len(text))
        self._to_skip -= skipped
        if self._bytes or not text.isascii():
            self._bytes += text[skipped:].encode("latin-1")
        else:
            self._put(text[skipped:])

    def _flush_bytes(self) -> None:
        if self._bytes:
            encoding = self._fonts.get(self._state.font, ("", ""))[0] or self._encoding
            text = self._bytes.decode(encoding, errors="replace")
            self._bytes.clear()
            self._put(text)

    def _put(self, text: str) -> None:
        state = self._state
        if state.skipped or state.hidden or not text:
            return
        if state.formula is not None:
            _add_to_formula(state.formula, text)
            return
        if state.destination == "fonttbl":
            encoding, name = self._fonts.get(state.font, ("", ""))
            self._fonts[state.font] = (encoding, name + text.rstrip(";"))
        elif state.destination == "stylesheet":
            key = max(0, self._paragraph.style)
            self._styles[key] = self._styles.get(key, "") + text
            if text.endswith(";"):
                self._paragraph.style = -1
        elif state.destination:
            self._texts.setdefault(state.destination, []).append(text)
        else:
            text = in_font(text, self._fonts.get(state.font, ("", ""))[1])
            raised = _RAISED.get(state.position, underlined if state.underlined else str)
            self._paragraph.parts.append(raised(text))

    def _end(self, word: str) -> None:
        if self._state.skipped:
            return
        if self._state.destination:
            self._put("\n")
        elif word in {"par", "sect"}:
            self._end_paragraph()
        elif word == "cell":
            self._cells.append(" ".join([*self._cell, self._paragraph_text()]).strip())
            self._cell.clear()
        else:
            self._rows.append(self._cells)
            self._cells = []

    def _paragraph_text(self) -> str:
        paragraph = self._paragraph
        number = without_bullet(f"{normalize(paragraph.list_text)} x").removesuffix("x").strip()
        text = joined_number(number, normalize(drawn(_whole_characters("".join(paragraph.parts)))))
        paragraph.parts, paragraph.list_text = [], ""
        return text

    def _end_paragraph(self) -> None:
        paragraph = self._paragraph
        if paragraph.in_table:
            self._cell.append(self._paragraph_text())
            return
        self._end_table()
        is_item = bool(paragraph.list_text)
        text = self._paragraph_text()
        style = self._styles.get(paragraph.style, "").rstrip(";").strip() if paragraph.style >= 0 else ""
        named = _HEADING.match(style)
        if text and not _CONTENTS.match(style):
            if _TITLE.fullmatch(style):
                self._builder.add(BlockKind.HEADING, text, 1)
            elif named or paragraph.level < _BODY_LEVEL:
                self._builder.add(BlockKind.HEADING, text, int(named[1]) if named else paragraph.level + 1)
            elif is_item:
                self._builder.add(BlockKind.LIST_ITEM, text, paragraph.list_level + 1)
            else:
                self._builder.add(BlockKind.PARAGRAPH, text)
        self._write_notes()

    def _end_table(self) -> None:
        if self._cell or self._cells:  # A table without its last end of a row.
            self._rows.append([*self._cells, " ".join(self._cell)])
            self._cells, self._cell = [], []
        if self._rows:
            self._builder.add_table(self._rows)
            self._rows = []
            self._write_notes()

    def _write_notes(self) -> None:
        for note in self._notes:
            self._builder.add(BlockKind.NOTE, note)
        self._notes.clear()


def _add_to_formula(part: Element, text: str) -> None:
    if part.tag.removeprefix(_MATH) in _MATH_VALUES:
        part.set(f"{_MATH}val", part.get(f"{_MATH}val", "") + text)
    else:
        SubElement(part, f"{_MATH}t").text = text


def _known(code_page: int | None) -> str:
    """Return Python's name of a Windows code page, empty where it has none."""
    name = {10000: "mac_roman", 65001: "utf-8", 936: "gb18030"}.get(code_page or 0, f"cp{code_page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""


def _whole_characters(text: str) -> str:
    """Return a text whose characters beyond U+FFFF, which RTF writes as two halves, are whole."""
    if not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
