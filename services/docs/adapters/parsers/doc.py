"""Word 97 to 2003: paragraphs with their headings and lists, tables, notes and text boxes.

The layout of the streams is that of Microsoft's [MS-DOC]: a table of pieces says where the text stands, and pages of
512 bytes tell which properties the paragraphs and the runs of characters at some bytes of the stream have.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from struct import unpack_from
from typing import NamedTuple

from services.docs.adapters.parsers.blanks import drawn, underlined
from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.compound import compound_file, encrypted
from services.docs.adapters.parsers.doc_lists import list_numbers, style_properties
from services.docs.adapters.parsers.list_numbers import ListNumbers, numbered
from services.docs.adapters.parsers.markup import subscript, superscript
from services.docs.adapters.parsers.outline import without_bullet
from services.docs.adapters.parsers.symbols import in_font, symbol
from services.docs.values.parsed_document import BlockKind, ParseError, ParseReason

_WORD_97 = 0xC1
_ENCRYPTED, _OTHER_TABLE = 0x0100, 0x0200
_LENGTHS_AT = 0x4C
"""Where the lengths of the main text, notes, headers, macros, comments, endnotes and text boxes stand."""
_FONTS_AT, _FONT_HEAD = 0x112, 40
_RUN_PAGES_AT, _PROPERTY_PAGES_AT, _PIECES_AT = 0xFA, 0x102, 0x1A2
_PIECES, _PIECE_PROPERTIES = 2, 1
_SINGLE_BYTES = 0x40000000
_PAGE = 512
_HEADINGS = range(1, 10)
"""The indices of styles that are kept for headings."""
_OPERAND_BYTES = {0: 1, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2, 7: 3}
"""The length of an operand by the highest three bits of its code; others begin with their length."""
_IN_TABLE, _ROW_END, _LIST, _LIST_LEVEL, _OUTLINE = 0x2416, 0x2417, 0x460B, 0x260A, 0x2640
_DEEPEST_LIST = 8
_OF_STYLES = frozenset({_LIST, _LIST_LEVEL, _OUTLINE})
"""What is taken from a paragraph's style."""
_NO_LIST = frozenset({0, 0xF801})
_LONGEST_CHAIN = 20
_HIDDEN, _UNDERLINED, _RAISED, _SYMBOL = 0x083C, 0x2A3E, 0x2A48, 0x6A09
_SUPERSCRIPT, _SUBSCRIPT = 1, 2
_WORDS_ALONE = 2
"""The code of a line below words alone."""
_FIELD_MARK = re.compile("[\x13-\x15]")
_CONTENTS = re.compile(r"\s*(?:TOC|INDEX)\b", re.IGNORECASE)
_DROPPED = dict.fromkeys((*range(7), 8, *range(14, 30), 31)) | {0x0B: "\n", 0x0C: "\n", 0x1E: "-"}
"""Marks of pictures, notes and comments, and hyphens that are shown only where a line ends."""


_Manner = Callable[[str], str]
"""Returns a text as it is drawn."""


class _Properties(NamedTuple):
    """What is known of a paragraph."""

    style: int = 0
    in_table: bool = False
    ends_row: bool = False
    list_level: int = 0
    """From 1; 0 for a paragraph outside a list."""
    list_id: int = 0


class _Piece(NamedTuple):
    start: int
    """The offset of its first character in the whole text."""
    text: str
    at: int
    width: int
    """Where the text stands in the stream, and how many bytes a character has."""


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the main text, and after it notes and text boxes."""
    with compound_file(path) as file:
        main = file.stream("WordDocument")
        _, version = unpack_from("<2H", main)
        flags = unpack_from("<H", main, 10)[0]
        if flags & _ENCRYPTED:
            raise encrypted()
        if version < _WORD_97:
            raise ParseError(ParseReason.UNSUPPORTED_MEDIA_TYPE, {"format": "OLD_OFFICE"}, what="OLD_OFFICE")
        table = file.stream("1Table" if flags & _OTHER_TABLE else "0Table")
        pieces: list[_Piece] = []
        for piece in _pieces(main, table):
            builder.check_chars(piece.start + len(piece.text))
            pieces.append(piece)
        text = _without_instructions("".join(piece.text for piece in pieces))
        lengths = unpack_from("<7i", main, _LENGTHS_AT)
        source = _Source(
            text, _Paragraphs(main, table, pieces), _Manners(main, table, pieces), list_numbers(main, table)
        )
        body, notes, _, _, _, endnotes, boxes = pairwise((0, *accumulate(map(max, lengths, [0] * 7))))
        for begin, end in (body, notes, endnotes, boxes):
            _write(source, begin, end, builder)


def _pieces(main: bytes, table: bytes) -> Iterator[_Piece]:
    """Yield the pieces of the text in its order."""
    at, size = unpack_from("<2I", main, _PIECES_AT)
    end = at + size
    while at < end and table[at] == _PIECE_PROPERTIES:
        at += 3 + unpack_from("<H", table, at + 1)[0]
    if at >= end or table[at] != _PIECES:
        raise ValueError("no table of pieces")
    count = (unpack_from("<I", table, at + 1)[0] - 4) // 12
    starts = unpack_from(f"<{count + 1}I", table, at + 5)
    for index, (start, stop) in enumerate(pairwise(starts)):
        if stop < start:
            raise ValueError("the pieces of the text do not follow each other")
        place = unpack_from("<I", table, at + 5 + 4 * (count + 1) + 8 * index + 2)[0]
        if place & _SINGLE_BYTES:
            place, width, encoding = (place & ~_SINGLE_BYTES) // 2, 1, "cp1252"
        else:
            width, encoding = 2, "utf-16-le"
        raw = main[place : place + width * (stop - start)]
        text = raw.decode(encoding, "replace")
        # An offset counts the halves of a character beyond the first 65,536; what is cut off still has a length.
        text = "".join(char + "\0" if char > "\uffff" else char for char in text)
        yield _Piece(start, text[: stop - start].ljust(stop - start, "\0"), place, width)


class _Paragraphs:
    """The properties of paragraphs by the place of their ends in the text."""

    def __init__(self, main: bytes, table: bytes, pieces: list[_Piece]) -> None:
        self._pieces = pieces
        self._starts = [piece.start for piece in pieces]
        self._styles = style_properties(main, table)
        self._of_styles: dict[int, dict[int, int]] = {}
        self._known: dict[bytes, _Properties] = {}
        """Few paragraphs differ from all others."""
        found = sorted(
            (end, self._properties(main[begin:stop]))
            for page in _pages(main, table, _PROPERTY_PAGES_AT)
            for end, begin, stop in _paragraph_runs(main, page)
        )
        self._ends = [end for end, _ in found]
        self._properties_of = [properties for _, properties in found]

    def at(self, offset: int) -> _Properties:
        """Return the properties of the paragraph that ends with the character at an offset."""
        piece = self._pieces[max(0, bisect_right(self._starts, offset) - 1)]
        place = piece.at + (offset - piece.start) * piece.width
        run = bisect_right(self._ends, place)
        return self._properties_of[run] if run < len(self._properties_of) else _Properties()

    def _properties(self, data: bytes) -> _Properties:
        if data not in self._known:
            self._known[data] = self._read_properties(data)
        return self._known[data]

    def _read_properties(self, data: bytes) -> _Properties:
        style = unpack_from("<H", data)[0] if len(data) > 1 else 0
        operands = self._of_style(style) | _operands(data, 2)
        list_id = operands.get(_LIST, 0)
        level = 0 if list_id in _NO_LIST else min(operands.get(_LIST_LEVEL, 0), _DEEPEST_LIST) + 1
        outline = operands.get(_OUTLINE, 9)
        style = outline + 1 if outline < 9 and style not in _HEADINGS else style
        return _Properties(style, bool(operands.get(_IN_TABLE)), bool(operands.get(_ROW_END)), level, list_id)

    def _of_style(self, style: int) -> dict[int, int]:
        """Return the properties that a style has of its own, and from those it is based on."""
        if style not in self._of_styles:
            operands: dict[int, int] = {}
            above = style
            for _ in range(_LONGEST_CHAIN):
                if above not in self._styles:
                    break
                base, data = self._styles[above]
                operands = _operands(data, 2) | operands
                above = base
            self._of_styles[style] = {code: value for code, value in operands.items() if code in _OF_STYLES}
        return self._of_styles[style]


class _Manners:
    """Which parts of the text are raised, lowered, underlined or hidden."""

    def __init__(self, main: bytes, table: bytes, pieces: list[_Piece]) -> None:
        fonts = _fonts(main, table)
        known: dict[bytes, _Manner] = {}
        runs = sorted(
            run
            for page in _pages(main, table, _RUN_PAGES_AT)
            for run in _character_runs(main, page, fonts, known)
            if run[2] is not str
        )
        begins = [begin for begin, _, _ in runs]
        self._spans: list[tuple[int, int, _Manner]] = []
        for piece in pieces:
            end = piece.at + len(piece.text) * piece.width
            first = max(0, bisect_right(begins, piece.at) - 1)
            for begin, stop, manner in runs[first : bisect_left(begins, end)]:
                if stop > piece.at:
                    first_of, last_of = max(begin, piece.at) - piece.at, min(stop, end) - piece.at
                    span = piece.start + first_of // piece.width, piece.start + last_of // piece.width
                    self._spans.append((*span, manner))
        self._begins = [begin for begin, _, _ in self._spans]

    def shown(self, text: str, begin: int, end: int) -> str:
        """Return a part of the text as it is drawn."""
        parts: list[str] = []
        first = max(0, bisect_right(self._begins, begin) - 1)
        for start, stop, manner in self._spans[first : bisect_left(self._begins, end)]:
            if stop > begin:
                start, stop = max(start, begin), min(stop, end)
                parts += _plain(text[begin:start]), manner(_plain(text[start:stop]))
                begin = stop
        return drawn("".join((*parts, _plain(text[begin:end]))))


def _pages(main: bytes, table: bytes, place: int) -> Iterator[int]:
    """Yield where the pages of properties begin that a table names."""
    at, size = unpack_from("<2I", main, place)
    count = max(0, (size - 4) // 8)
    for number in unpack_from(f"<{count}I", table, at + 4 * (count + 1)) if count else ():
        if (number + 1) * _PAGE <= len(main):
            yield number * _PAGE


def _paragraph_runs(main: bytes, page: int) -> Iterator[tuple[int, int, int]]:
    """Yield where each run of paragraphs ends in the stream, and where its properties begin and end."""
    count = main[page + _PAGE - 1]
    for index in range(count):
        end = unpack_from("<I", main, page + 4 * (index + 1))[0]
        at = 2 * main[page + 4 * (count + 1) + 13 * index]
        if not at:
            yield end, 0, 0
            continue
        words = main[page + at]
        begin, size = (page + at + 1, 2 * words - 1) if words else (page + at + 2, 2 * main[page + at + 1])
        yield end, begin, begin + size


def _fonts(main: bytes, table: bytes) -> list[str]:
    """Return the names of the fonts, as far as they can be read."""
    at, size = unpack_from("<2I", main, _FONTS_AT)
    end, at = min(at + size, len(table)), at + 4
    names: list[str] = []
    while at < end:
        length = table[at] + 1
        names.append(table[at + _FONT_HEAD : at + length].decode("utf-16-le", "replace").partition("\0")[0])
        at += length
    return names


def _character_runs(
    main: bytes, page: int, fonts: list[str], known: dict[bytes, _Manner]
) -> Iterator[tuple[int, int, _Manner]]:
    """Yield where each run of characters begins and ends in the stream, and how it is drawn."""
    count = main[page + _PAGE - 1]
    for index in range(count):
        begin, end = unpack_from("<2I", main, page + 4 * index)
        at = 2 * main[page + 4 * (count + 1) + index]
        size = main[page + at] if at else 0
        data = main[page + at + 1 : page + at + 1 + size]
        if data not in known:
            known[data] = _manner(_operands(data, 0), fonts)
        yield begin, end, known[data]


def _manner(operands: dict[int, int], fonts: list[str]) -> _Manner:
    if operands.get(_HIDDEN) == 1:
        return _hidden
    if _SYMBOL in operands:
        font, code = operands[_SYMBOL] & 0xFFFF, operands[_SYMBOL] >> 16
        drawn_as = symbol(fonts[font] if font < len(fonts) else "Symbol", code)
        # In the text stands one character in place of any symbol.
        return lambda text: drawn_as * len(text)
    if position := operands.get(_RAISED, 0):
        return superscript if position == _SUPERSCRIPT else subscript if position == _SUBSCRIPT else str
    return str if operands.get(_UNDERLINED, 0) in {0, _WORDS_ALONE} else underlined


def _hidden(_: str) -> str:
    return ""


def _operands(data: bytes, at: int) -> dict[int, int]:
    """Return the first four bytes of the operands of properties by their codes."""
    operands: dict[int, int] = {}
    while at + 3 <= len(data):
        code = unpack_from("<H", data, at)[0]
        at += 2
        size = _OPERAND_BYTES.get(code >> 13) or data[at] + 1
        if code == 0xD608:
            size = unpack_from("<H", data, at)[0] + 1 if at + 2 <= len(data) else 2
        operands[code] = int.from_bytes(data[at : at + min(size, 4)], "little")
        at += size
    return operands


class _Source(NamedTuple):
    """What is written from."""

    text: str
    paragraphs: _Paragraphs
    manners: _Manners
    numbers: ListNumbers

    def paragraph(self, begin: int, end: int, properties: _Properties) -> str:
        """Return the text of a paragraph, with its number."""
        text = self.manners.shown(self.text, begin, end)
        if not properties.list_level:
            return text
        number = self.numbers.next(str(properties.list_id), properties.list_level - 1)
        return numbered(number, text.strip()) if text.strip() else ""


def _write(source: _Source, begin: int, end: int, builder: DocumentBuilder) -> None:
    """Write a part of the text; an end of a cell ends a paragraph as well."""
    rows: list[list[str]] = []
    cells: list[str] = []
    cell: list[str] = []
    at = begin
    for mark in re.finditer("[\r\x07]", source.text[begin:end]):
        stop = begin + mark.start()
        properties = source.paragraphs.at(stop)
        shown = "" if properties.ends_row else source.paragraph(at, stop, properties)
        at = stop + 1
        if properties.ends_row:
            rows.append(cells)
            cells, cell = [], []
        elif mark.group() == "\x07":
            cells.append("\n".join(filter(None, (*cell, shown))))
            cell = []
        elif properties.in_table:
            cell.append(shown)
        else:
            if rows:
                builder.add_table(rows)
                rows = []
            _write_paragraph(shown, properties, builder)
    if rows or cells:
        builder.add_table([*rows, cells] if cells else rows)
    _write_paragraph(source.paragraph(at, end, _Properties()), _Properties(), builder)


def _write_paragraph(text: str, properties: _Properties, builder: DocumentBuilder) -> None:
    if properties.style in _HEADINGS:
        builder.add(BlockKind.HEADING, text, properties.style)
    elif properties.list_level:
        builder.add(BlockKind.LIST_ITEM, without_bullet(text), properties.list_level)
    else:
        builder.add(BlockKind.PARAGRAPH, text)


def _without_instructions(text: str) -> str:
    """Return the text with nulls in place of what fields are made by, and of tables of contents and indices."""
    opened: list[tuple[int, int]] = []
    hidden: list[tuple[int, int]] = []
    for mark in _FIELD_MARK.finditer(text):
        if mark.group() == "\x13":
            opened.append((mark.start(), 0))
        elif mark.group() == "\x14" and opened:
            begin, _ = opened.pop()
            opened.append((begin, mark.start()))
            hidden.append((begin, mark.end()))
        elif opened:
            begin, separator = opened.pop()
            if not separator or _CONTENTS.match(text, begin + 1):
                hidden.append((begin, mark.end()))
    pieces: list[str] = []
    at = 0
    for begin, end in sorted(hidden):
        if end > at:
            begin = max(begin, at)
            pieces += (text[at:begin], "\0" * (end - begin))
            at = end
    return "".join((*pieces, text[at:]))


def _plain(text: str) -> str:
    return in_font(text.translate(_DROPPED), "")
