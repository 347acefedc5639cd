"""Writers of Office files of before 2007: streams in a compound file, as small as the formats allow."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

_SECTOR = 512
_END_OF_CHAIN, _TABLE_SECTOR, _FREE = -2, -3, -1
_LEAST_STREAM = 4096
"""Shorter streams would have to stand in sectors of their own size."""


def compound(streams: Mapping[str, bytes]) -> bytes:
    """Return a compound file; streams are filled up with nulls."""
    sectors: list[bytes] = []
    chain: list[int] = []

    def placed(data: bytes) -> int:
        first = len(sectors)
        parts = [data[at : at + _SECTOR].ljust(_SECTOR, b"\0") for at in range(0, len(data), _SECTOR)]
        sectors.extend(parts)
        chain.extend((*range(first + 1, first + len(parts)), _END_OF_CHAIN))
        return first

    def entry(name: str, kind: int, after: int, child: int, first: int, size: int) -> bytes:
        encoded = name.encode("utf-16-le")
        head = struct.pack("<64sHBBiii", encoded, len(encoded) + 2, kind, 1, -1, after, child)
        return head + bytes(36) + struct.pack("<iQ", first, size)

    entries = [entry("Root Entry", 5, -1, 1, _END_OF_CHAIN, 0)]
    for number, (name, data) in enumerate(streams.items(), start=1):
        filled = data.ljust(_LEAST_STREAM, b"\0")
        entries.append(entry(name, 2, number + 1 if number < len(streams) else -1, -1, placed(filled), len(filled)))
    directory = placed(b"".join(entries))
    tables = 1
    while (len(sectors) + tables) * 4 > tables * _SECTOR:
        tables += 1
    first_table = len(sectors)
    chain += [_TABLE_SECTOR] * tables
    chain += [_FREE] * (tables * _SECTOR // 4 - len(chain))
    numbers = [*range(first_table, first_table + tables)]
    header = struct.pack(
        "<8s16sHHHHH6xiiiiiiiiii109i",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        bytes(16),
        *(0x3E, 3, 0xFFFE, 9, 6),
        *(0, tables, directory, 0, _LEAST_STREAM, _END_OF_CHAIN, 0, _END_OF_CHAIN, 0),
        *numbers,
        *([_FREE] * (110 - len(numbers))),
    )
    return header[:_SECTOR] + b"".join(sectors) + struct.pack(f"<{len(chain)}i", *chain)


HEADING, LISTED, IN_CELL, ROW_END = "heading", "listed", "in cell", "row end"
_PARAGRAPH_PROPERTIES = {
    "": b"",
    LISTED: struct.pack("<HHHB", 0x460B, 1, 0x260A, 0),
    IN_CELL: struct.pack("<HB", 0x2416, 1),
    ROW_END: struct.pack("<HBHB", 0x2416, 1, 0x2417, 1),
}


def list_item(list_number: int, level: int = 0, style: int = 0) -> bytes:
    """Return the properties of a paragraph in a list, to be its kind."""
    return struct.pack("<HHHHB", style, 0x460B, list_number, 0x260A, level)


def list_level(form: int, text: str, *, first: int = 1, flags: int = 0, follows: int = 0) -> bytes:
    """Return a level of a list; `text` holds the characters 0 to 8 in place of numbers."""
    head = struct.pack("<iBB9sBiIBBBB", first, form, flags, bytes(9), follows, 0, 0, 2, 3, 0, 0)
    return head + bytes(5) + struct.pack("<H", len(text)) + text.encode("utf-16-le")


def list_definitions(*definitions: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the table of definitions, of one level or of nine, and the levels that follow it."""
    heads = (
        struct.pack("<ii18sBB", number, 0, bytes(18), len(levels) == 1, 0)
        for number, levels in enumerate(definitions, start=1)
    )
    levels = (level for own in definitions for level in [*own, *[list_level(255, "")] * (8 if len(own) > 1 else 0)][:9])
    return struct.pack("<H", len(definitions)) + b"".join(heads), b"".join(levels)


def lists(*found: tuple[int, Sequence[bytes]]) -> bytes:
    """Return the table of lists: the definition of each, and what it changes of its levels."""
    heads = (struct.pack("<iiiBBBB", number, 0, 0, len(changes), 0, 0, 0) for number, changes in found)
    changes = (struct.pack("<i", -1) + b"".join(changes) for _, changes in found)
    return struct.pack("<I", len(found)) + b"".join((*heads, *changes))


def styles(*found: tuple[int, bytes]) -> bytes:
    """Return the table of paragraph styles: what each is based on, and its properties."""
    table = struct.pack("<HHH14s", 18, len(found), 10, bytes(14))
    for index, (base, properties) in enumerate(found):
        own = struct.pack("<H", index) + properties
        style = struct.pack("<5H", 0, base << 4 | 1, 2, 0, 0) + struct.pack("<HHH", 1, ord("S"), 0)
        style += struct.pack("<H", len(own)) + own
        table += struct.pack("<H", len(style)) + style
    return table


def word_document(
    paragraphs: Iterable[tuple[str, str | bytes, int]],
    *,
    notes: str = "",
    flags: int = 0,
    manners: Mapping[str, bytes] | None = None,
    tables: Mapping[int, bytes | tuple[bytes, bytes]] | None = None,
) -> bytes:
    """Return a Word file of paragraphs with their marks, kinds and levels; a character has two bytes, in notes one.

    `manners` are properties of characters by the texts that have them, `tables` further ones by the places of their
    addresses, some followed by what is not counted to them.
    """
    begin = 1024
    text, ends, properties = "", [], []
    for paragraph, kind, level in paragraphs:
        text += paragraph
        ends.append(begin + 2 * len(text.encode("utf-16-le")) // 2)
        if isinstance(kind, bytes):
            properties.append(kind)
        else:
            properties.append(struct.pack("<H", level if kind == HEADING else 0) + _PARAGRAPH_PROPERTIES.get(kind, b""))
    encoded = text.encode("utf-16-le")
    noted = notes.encode("cp1252")
    main = bytearray(begin) + encoded + noted
    length = len(encoded) // 2
    main += bytes(-len(main) % _SECTOR)
    pages = []
    for at in range(0, len(ends), 20):
        pages.append(len(main) // _SECTOR)
        main += _property_page([ends[at - 1] if at else begin, *ends[at : at + 20]], properties[at : at + 20])
    starts = struct.pack("<3i", 0, length, length + len(noted))
    places = struct.pack("<HIHHIH", 0, begin, 0, 0, (begin + len(encoded)) * 2 | 0x40000000, 0)
    pieces = b"\x02" + struct.pack("<I", len(starts) + len(places)) + starts + places
    table = struct.pack(f"<{2 * len(pages) + 1}I", *([begin] * (len(pages) + 1)), *pages)
    stream = bytearray(pieces + table)
    if manners:
        main += _character_page(begin, text, manners)
        tables = {**(tables or {}), 0xFA: struct.pack("<3I", begin, begin, len(main) // _SECTOR - 1)}
    for place, found in (tables or {}).items():
        counted, following = found if isinstance(found, tuple) else (found, b"")
        struct.pack_into("<2I", main, place, len(stream), len(counted))
        stream += counted + following
    struct.pack_into("<2H", main, 0, 0xA5EC, 0xC1)
    struct.pack_into("<H", main, 10, 0x0200 | flags)
    struct.pack_into("<2I", main, 0x4C, length, len(noted))
    struct.pack_into("<2I", main, 0x102, len(pieces), len(table))
    struct.pack_into("<2I", main, 0x1A2, 0, len(pieces))
    return compound({"WordDocument": bytes(main), "1Table": bytes(stream)})


def _character_page(begin: int, text: str, manners: Mapping[str, bytes]) -> bytes:
    spans = sorted((text.index(part), len(part), properties) for part, properties in manners.items())
    places, found, at = [begin], [], 0
    for start, length, properties in spans:
        if start > at:
            places.append(begin + 2 * start)
            found.append(b"")
        at = start + length
        places.append(begin + 2 * at)
        found.append(properties)
    page = bytearray(_SECTOR)
    struct.pack_into(f"<{len(places)}I", page, 0, *places)
    end = _SECTOR - 2
    for index, properties in enumerate(found):
        if properties:
            end -= len(properties) + 1 + (len(properties) + 1) % 2
            page[end : end + 1 + len(properties)] = bytes((len(properties),)) + properties
            page[4 * len(places) + index] = end // 2
    page[-1] = len(found)
    return bytes(page)


def _property_page(places: Sequence[int], properties: Sequence[bytes]) -> bytes:
    page = bytearray(_SECTOR)
    struct.pack_into(f"<{len(places)}I", page, 0, *places)
    at = _SECTOR - 2
    for index, found in enumerate(properties):
        size = len(found) + len(found) % 2
        at -= size + 2
        page[at : at + 2] = bytes((0, size // 2))
        page[at + 2 : at + 2 + len(found)] = found
        page[4 * len(places) + 13 * index] = at // 2
    page[-1] = len(properties)
    return bytes(page)


def record(kind: int, *data: bytes, instance: int = 0, container: bool = False) -> bytes:
    """Return a record of PowerPoint's."""
    body = b"".join(data)
    return struct.pack("<HHI", instance << 4 | (15 if container else 0), kind, len(body)) + body


def outlined(kind: int, text: str) -> bytes:
    """Return a text of a kind: 0 is a title, 1 a body, 2 notes, 4 another one."""
    return record(0x0F9F, struct.pack("<I", kind)) + record(0x0FA0, text.encode("utf-16-le"))


def text_box(*records: bytes, place: tuple[int, int] | None = None) -> bytes:
    """Return a shape with a text."""
    places = record(0xF00F, struct.pack("<4i", *place, 0, 0)) if place else b""
    return record(0xF004, places, record(0xF00D, *records, container=True), container=True)


def table(rows: Sequence[Sequence[str]]) -> bytes:
    """Return a group of shapes that is a table."""
    mark = record(0xF004, record(0xF122, struct.pack("<HI", 0x039F, 1), instance=1), container=True)
    cells = (
        text_box(outlined(4, cell), place=(100 * left, 20 * top))
        for top, row in enumerate(rows)
        for left, cell in enumerate(row)
    )
    return record(0xF003, mark, *cells, container=True)


def presentation(slides: Sequence[tuple[bytes, bytes, str]], *, token: int = 0xE391C05F) -> bytes:
    """Return a PowerPoint file of slides, each with its outline, its shapes and its notes."""
    stream = bytearray()
    offsets: list[int] = []

    def stored(data: bytes) -> int:
        offsets.append(len(stream))
        stream.extend(data)
        return len(offsets)

    def listed(places: Sequence[tuple[int, int, bytes]], instance: int) -> bytes:
        entries = (
            record(0x03F3, struct.pack("<5I", number, 0, 0, own, 0)) + outline for number, own, outline in places
        )
        return record(0x0FF0, *entries, instance=instance, container=True)

    own_slides, own_notes = [], []
    for index, (outline, shapes, notes) in enumerate(slides, start=256):
        drawing = record(0x040C, record(0xF002, shapes, container=True), container=True)
        own_slides.append((stored(record(0x03EE, drawing, container=True)), index, outline))
        if notes:
            page = record(0x040C, text_box(outlined(2, notes)), container=True)
            own = record(0x03F1, struct.pack("<2I", index, 0))
            own_notes.append((stored(record(0x03F0, own, page, container=True)), index, b""))
    document = stored(record(0x03E8, listed(own_slides, 0), listed(own_notes, 2), container=True))
    directory = len(stream)
    stream += record(0x1772, struct.pack(f"<{len(offsets) + 1}I", len(offsets) << 20 | 1, *offsets))
    edit = len(stream)
    stream += record(0x0FF5, struct.pack("<7I", 0, 0, 0, directory, document, 0, 0))
    user = record(0x0FF6, struct.pack("<3I", 20, token, edit))
    return compound({"Current User": user, "PowerPoint Document": bytes(stream)})


def cell_record(kind: int, data: bytes) -> bytes:
    """Return a record of Excel's."""
    return struct.pack("<HH", kind, len(data)) + data


def workbook(sheets: Sequence[tuple[str, int, Sequence[bytes]]], formats: Sequence[str] = ("General",)) -> bytes:
    """Return an Excel file of sheets with their names, whether they are hidden, and their records of cells."""
    begin = cell_record(0x0809, struct.pack("<HHHHII", 0x0600, 5, 0, 1997, 0, 0))
    fonts = cell_record(0x31, struct.pack("<5H4B", 200, 0, 0x7FFF, 400, 0, 0, 0, 0, 0) + b"\x05\0Arial") * 5
    forms = b"".join(
        cell_record(0x041E, struct.pack("<H", 164 + at) + _written(form, 2)) for at, form in enumerate(formats)
    )
    styles = b"".join(cell_record(0xE0, struct.pack("<HHH14x", 0, 164 + at, 1)) for at in range(len(formats)))
    end = cell_record(0x0A, b"")
    bodies = [
        cell_record(0x0809, struct.pack("<HHHHII", 0x0600, 0x10, 0, 1997, 0, 0)) + b"".join(cells) + end
        for _, _, cells in sheets
    ]
    listed_bytes = sum(len(cell_record(0x85, bytes(6) + _written(name, 1))) for name, _, _ in sheets)
    at = len(begin + fonts + forms + styles + end) + listed_bytes
    listed = b""
    for (name, hidden, _), body in zip(sheets, bodies, strict=True):
        listed += cell_record(0x85, struct.pack("<IBB", at, hidden, 0) + _written(name, 1))
        at += len(body)
    return compound({"Workbook": begin + fonts + forms + styles + listed + end + b"".join(bodies)})


def label(row: int, column: int, text: str) -> bytes:
    """Return a cell with a text."""
    return cell_record(0x0204, struct.pack("<HHH", row, column, 0) + _written(text, 2))


def number(row: int, column: int, value: float, style: int = 0) -> bytes:
    """Return a cell with a number in a style, which is a format's index."""
    return cell_record(0x0203, struct.pack("<HHHd", row, column, style, value))


def _written(text: str, length_bytes: int) -> bytes:
    return len(text).to_bytes(length_bytes, "little") + b"\x01" + text.encode("utf-16-le")
