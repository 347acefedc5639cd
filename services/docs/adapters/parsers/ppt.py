"""PowerPoint 97 to 2003: slides as pages, with their titles, texts and notes.

The layout of the stream is that of Microsoft's [MS-PPT]: records within records, of which a directory says where the
present edition of each slide begins. A slide's outline stands in the document, what is in other boxes in the slide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from struct import unpack_from
from typing import NamedTuple

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.compound import compound_file, encrypted
from services.docs.values.parsed_document import BlockKind, ParseError, ParseReason, WarningReason

_ENCRYPTED = 0xF3D1C4DF
_CURRENT_USER_BYTES = 20
_USER_EDIT, _DIRECTORY = 0x0FF5, 0x1772
_SLIDE_LIST, _SLIDE_PLACE, _NOTES_ATOM, _DRAWING = 0x0FF0, 0x03F3, 0x03F1, 0x040C
_TEXT_KIND, _OUTLINE_TEXT, _WIDE_TEXT, _NARROW_TEXT = 0x0F9F, 0x0F9E, 0x0FA0, 0x0FA8
_GROUP, _SHAPE, _TEXT_BOX, _CHILD_PLACE, _MORE_PROPERTIES = 0xF003, 0xF004, 0xF00D, 0xF00F, 0xF122
_TABLE_PROPERTY = 0x039F
_SLIDES, _NOTES = 0, 2
_SHOWN_HOW, _FLAGS_AT, _HIDDEN = 0x03F9, 10, 4
_TITLES = frozenset({0, 6})
_BODIES = frozenset({1, 5, 7, 8})
_NOTES_TEXT = 2
_OTHER_TEXT = 4
_DEEPEST = 40
_MOST_EDITS = 1000
_FURNITURE = "*"
"""What stands in a slide for its number or its date."""


class _Record(NamedTuple):
    kind: int
    instance: int
    begin: int
    end: int
    is_container: bool


class _Text(NamedTuple):
    """A text of a kind, or a table's rows."""

    kind: int
    text: str
    rows: Sequence[Sequence[str]] = ()


class _Place(NamedTuple):
    """A slide or a page of notes as the document lists it."""

    number: int
    slide_id: int
    outline: list[_Text]


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write every slide's title, its texts in their order, and its notes."""
    with compound_file(path) as file:
        user = file.stream("Current User")
        if len(user) < _CURRENT_USER_BYTES:
            raise ParseError(ParseReason.UNSUPPORTED_MEDIA_TYPE, {"format": "OLD_OFFICE"}, what="OLD_OFFICE")
        if unpack_from("<I", user, 12)[0] == _ENCRYPTED:
            raise encrypted()
        data = file.stream("PowerPoint Document")
        document, offsets = _directory(data, unpack_from("<I", user, 16)[0])
        lists = {
            record.instance: record
            for record in _children(data, _record(data, offsets[document]))
            if record.kind == _SLIDE_LIST
        }
        slides = list(_places(data, lists.get(_SLIDES)))
        builder.check_pages(len(slides), "slides")
        hidden = [number for number, slide in enumerate(slides, start=1) if _is_hidden(data, slide, offsets)]
        builder.warn(WarningReason.HIDDEN_SLIDES, hidden)
        notes = dict(_notes(data, _places(data, lists.get(_NOTES)), offsets))
        for slide in slides:
            builder.begin_page()
            _write(_texts(data, slide, offsets), notes.get(slide.slide_id, ""), builder)


def _record(data: bytes, at: int) -> _Record:
    if at + 8 > len(data):
        return _Record(0, 0, len(data), len(data), False)
    head, kind, size = unpack_from("<HHI", data, at)
    return _Record(kind, head >> 4, at + 8, min(at + 8 + size, len(data)), head & 15 == 15)


def _children(data: bytes, parent: _Record) -> Iterator[_Record]:
    at = parent.begin
    while at + 8 <= parent.end:
        record = _record(data, at)
        yield record
        at = record.end


def _directory(data: bytes, edit: int) -> tuple[int, dict[int, int]]:
    """Return the number of the document and where each numbered record begins, of the newest edition that has it."""
    offsets: dict[int, int] = {}
    document = 0
    for _ in range(_MOST_EDITS):
        record = _record(data, edit)
        if record.kind != _USER_EDIT:
            break
        before, directory, number = unpack_from("<3I", data, record.begin + 8)
        document = document or number
        places = _record(data, directory)
        at = places.begin
        while places.kind == _DIRECTORY and at + 4 <= places.end:
            head = unpack_from("<I", data, at)[0]
            first, count = head & 0xFFFFF, head >> 20
            for index, offset in enumerate(unpack_from(f"<{count}I", data, at + 4)):
                offsets.setdefault(first + index, offset)
            at += 4 + 4 * count
        if not before or before >= edit:
            break
        edit = before
    return document, offsets


def _places(data: bytes, listed: _Record | None) -> Iterator[_Place]:
    place: _Place | None = None
    kind = _OTHER_TEXT
    for record in _children(data, listed) if listed else ():
        if record.kind == _SLIDE_PLACE:
            if place:
                yield place
            place = _Place(unpack_from("<I", data, record.begin)[0], unpack_from("<I", data, record.begin + 12)[0], [])
        elif record.kind == _TEXT_KIND:
            kind = unpack_from("<I", data, record.begin)[0]
            if place:
                place.outline.append(_Text(kind, ""))
        elif record.kind in {_WIDE_TEXT, _NARROW_TEXT} and place and place.outline:
            place.outline[-1] = _Text(kind, _text(data, record))
    if place:
        yield place


def _is_hidden(data: bytes, slide: _Place, offsets: dict[int, int]) -> bool:
    """Return whether a slide is passed over when the presentation is shown."""
    if slide.number not in offsets:
        return False
    for record in _children(data, _record(data, offsets[slide.number])):
        if record.kind == _SHOWN_HOW and record.end - record.begin > _FLAGS_AT:
            return bool(data[record.begin + _FLAGS_AT] & _HIDDEN)
    return False


def _text(data: bytes, record: _Record) -> str:
    raw = data[record.begin : record.end]
    text = raw.decode("utf-16-le", "replace") if record.kind == _WIDE_TEXT else raw.decode("latin-1")
    return text.replace("\x0b", "\n")


def _texts(data: bytes, place: _Place, offsets: dict[int, int]) -> list[_Text]:
    """Return the texts of a slide: its boxes in their order, and of its outline what no box names."""
    outline = dict(enumerate(place.outline))
    texts: list[_Text] = []
    offset = offsets.get(place.number)
    slide = None if offset is None else _record(data, offset)
    for drawing in _children(data, slide) if slide else ():
        if drawing.kind == _DRAWING:
            texts += _drawn_texts(data, drawing, outline)
    return [*outline.values(), *texts]


def _drawn_texts(data: bytes, parent: _Record, outline: dict[int, _Text], depth: int = 0) -> Iterator[_Text]:
    """Yield the texts of the shapes within a record in their order."""
    for record in _children(data, parent):
        rows = _table(data, record, outline) if record.kind == _GROUP else ()
        if rows:
            yield _Text(_OTHER_TEXT, "", rows)
        elif record.kind == _TEXT_BOX:
            yield from _box_texts(data, record, outline)
        elif record.is_container and depth < _DEEPEST:
            yield from _drawn_texts(data, record, outline, depth + 1)


def _table(data: bytes, group: _Record, outline: dict[int, _Text]) -> list[list[str]]:
    """Return the rows of a group of shapes that is a table, else none: its cells are shapes by their places."""
    shapes = [list(_children(data, shape)) for shape in _children(data, group) if shape.kind == _SHAPE]
    if not shapes or not any(_is_of_table(data, record) for record in shapes[0]):
        return []
    cells: dict[tuple[int, int], str] = {}
    for shape in shapes[1:]:
        place = next((record for record in shape if record.kind == _CHILD_PLACE), None)
        boxes = [record for record in shape if record.kind == _TEXT_BOX]
        if place and boxes:
            left, top = unpack_from("<2i", data, place.begin)
            cells[top, left] = "\n".join(text.text for text in _box_texts(data, boxes[0], outline)).replace("\r", "\n")
    columns = sorted({left for _, left in cells})
    return [[cells.get((top, left), "") for left in columns] for top in sorted({top for top, _ in cells})]


def _is_of_table(data: bytes, record: _Record) -> bool:
    """Return whether properties of a shape say that its group is a table."""
    codes = range(record.begin, min(record.end, record.begin + 6 * record.instance) - 5, 6)
    return record.kind == _MORE_PROPERTIES and any(
        unpack_from("<H", data, code)[0] & 0x3FFF == _TABLE_PROPERTY for code in codes
    )


def _box_texts(data: bytes, box: _Record, outline: dict[int, _Text]) -> Iterator[_Text]:
    kind = _OTHER_TEXT
    for record in _children(data, box):
        if record.kind == _TEXT_KIND:
            kind = unpack_from("<I", data, record.begin)[0]
        elif record.kind in {_WIDE_TEXT, _NARROW_TEXT}:
            yield _Text(kind, _text(data, record))
        elif record.kind == _OUTLINE_TEXT:
            found = outline.pop(unpack_from("<I", data, record.begin)[0], None)
            if found:
                yield found


def _notes(data: bytes, places: Iterator[_Place], offsets: dict[int, int]) -> Iterator[tuple[int, str]]:
    """Yield the notes by the slide that they are of."""
    for place in places:
        if place.number not in offsets:
            continue
        page = _record(data, offsets[place.number])
        own = next((record for record in _children(data, page) if record.kind == _NOTES_ATOM), None)
        texts = [text.text for text in _texts(data, place, offsets) if text.kind == _NOTES_TEXT]
        if own and texts:
            yield unpack_from("<I", data, own.begin)[0], "\r".join(texts)


def _write(texts: list[_Text], notes: str, builder: DocumentBuilder) -> None:
    titles = [text for text in texts if text.kind in _TITLES]
    for title in titles:
        builder.add(BlockKind.HEADING, " ".join(title.text.split()), 1)
    for text in texts:
        if text.kind in _TITLES or text.text.strip() == _FURNITURE:
            continue
        if text.rows:
            builder.add_table(text.rows)
        lines = [line for line in text.text.split("\r") if line.strip()]
        kind = BlockKind.LIST_ITEM if text.kind in _BODIES and len(lines) > 1 else BlockKind.PARAGRAPH
        for line in lines:
            builder.add(kind, line, int(kind is BlockKind.LIST_ITEM))
    for line in notes.split("\r"):
        builder.add(BlockKind.NOTE, line)
