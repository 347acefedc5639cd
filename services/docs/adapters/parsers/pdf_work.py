"""How much a PDF has its reader do, counted in its bytes before the library does it.

The library cannot be stopped within a page, so a page that takes for ever would cost a file's whole time. What is
packed into object streams or encrypted is not seen here; processor time and memory bound it.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path

from services.docs.adapters.parsers.builder import DocumentBuilder

_STREAM, _END = re.compile(b"stream"), b"end"
_AT_ONCE = 64
"""Streams that are looked at between two looks at the time."""
_OBJECT_NUMBER = re.compile(rb"\b(\d{1,10})\s+\d{1,5}\s+\Z")
_NUMBER_REACH = 64
_DICTIONARY_REACH = 4096
_NAME = rb"/([^\s/<>\[\](){}%]{1,127})"
_REFERENCE = re.compile(_NAME + rb"\s+(\d{1,10})\s+\d{1,5}\s+R\b")
_DRAW = re.compile(_NAME + rb"\s+Do\b")
_IMAGE = re.compile(rb"/Image\b")
_CONTENTS = re.compile(rb"/Contents\s*\[([^\]]*)\]")
_NUMBER = re.compile(rb"(\d{1,10})\s+\d{1,5}\s+R\b")
_DEEPEST = 40
"""Forms within each other that the library follows."""
_FONT_MARKS = (b"\0\1\0\0", b"\1\0\4", b"OTTO", b"true", b"%!PS-Adobe", b"%!FontType")
_FONT_MARK_BYTES, _FONT_REACH = 16, 1024
"""How the program of a font begins, and no instructions do."""
_MEGABYTES_EACH_SECOND = 8
"""Simple instructions that the library reads in a second of a processor."""


_Stream = tuple[int, Mapping[int, int]]
"""A stream of instructions: its size unpacked, and how often it draws each other object."""
_NOTHING: Mapping[int, int] = {}


def check_work(path: Path, builder: DocumentBuilder) -> None:
    """Raise TOO_COMPLEX when the file's instructions are more than its time allows to read."""
    most = int(builder.limits.seconds * _MEGABYTES_EACH_SECOND) * 1_000_000
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        streams: dict[int, _Stream] = {}
        left, before = most, 0
        # A stream may hold others, as attached files do, and which bytes are read as what is not known here.
        for at, match in enumerate(_STREAM.finditer(data)):
            if at % _AT_ONCE == 0:
                builder.check_deadline()
            if data[match.start() - len(_END) : match.start()] == _END:
                before = match.end()
                continue
            for number, begin in _objects_before(data, before, match.start()):
                instructions, dictionary = _instructions(data, begin, match.start(), left)
                left -= len(instructions)
                builder.check_complexity(most - left, most, "drawing")
                streams[number] = len(instructions), _drawn(instructions, dictionary)
            before = match.end()
        pages = Counter(int(number) for array in _CONTENTS.findall(data) for number in _NUMBER.findall(array))
    builder.check_complexity(_work(streams, pages, most), most, "drawing")


def _number_before(data: mmap, end: int) -> int | None:
    """Return the number of the object whose `obj` begins at `end`; None where it is another word, as in `endobj`."""
    reach = _NUMBER_REACH
    words = data[max(0, end - reach) : end]
    if not words[-1:].isspace():
        return None
    while len(words.split()) < 3 and reach < end:
        reach *= 2
        words = data[max(0, end - reach) : end]
    number = _OBJECT_NUMBER.search(words)
    return int(number[1]) if number else None


def _objects_before(data: mmap, begin: int, stream: int) -> Iterator[tuple[int, int]]:
    """Yield number and begin of the objects whose stream may be that at `stream`; no other stream is behind `begin`."""
    begin = max(begin, stream + len(b"stream") - _DICTIONARY_REACH - len(b"obj"))
    # A slice of the file is searched faster than the file.
    first = max(0, begin - _NUMBER_REACH)
    near, end = data[first:stream], stream - first
    while (at := near.rfind(b"obj", begin - first, end)) >= 0 and near[at - 3 : at] != b"end":
        number = _number_before(data, first + at)
        if number is not None:
            yield number, first + at + len(b"obj")
        end = at


def _instructions(data: mmap, begin: int, end: int, most: int) -> tuple[bytes, bytes]:
    """Return an object's stream, unpacked to a little more than `most` bytes at most, and its dictionary.

    The dictionary is between `begin` and `end`. The program of a font is left out.
    """
    dictionary = data[begin:end]
    if _IMAGE.search(dictionary):
        return b"", dictionary
    start = end + len(b"stream")
    stream = data[start : data.find(b"endstream", start)].lstrip(b"\r\n")
    try:
        for _ in range(dictionary.count(b"/FlateDecode")):
            unpacking = zlib.decompressobj()
            head = unpacking.decompress(stream[:_FONT_REACH], _FONT_MARK_BYTES)
            if head.startswith(_FONT_MARKS):
                return b"", dictionary
            rest = unpacking.unconsumed_tail + stream[_FONT_REACH:]
            stream = head + unpacking.decompress(rest, most + 1)
    except zlib.error:
        return b"", dictionary
    return stream, dictionary


def _drawn(instructions: bytes, dictionary: bytes) -> Mapping[int, int]:
    """Return how often instructions draw each object that a dictionary names."""
    if b"Do" not in instructions:
        return _NOTHING
    objects = {name: int(target) for name, target in _REFERENCE.findall(dictionary)}
    drawn = _DRAW.findall(instructions) if objects else ()
    return Counter(objects[name] for name in drawn if name in objects)


def _work(streams: Mapping[int, _Stream], pages: Mapping[int, int], most: int) -> int:
    """Return how many bytes are read for the costliest stream, or for those that pages list; anything above `most`."""
    work = {number: size for number, (size, _) in streams.items()}
    for _ in range(_DEEPEST):
        before = work
        work = {
            number: min(most + 1, size + sum(times * before.get(inner, 0) for inner, times in draws.items()))
            for number, (size, draws) in streams.items()
        }
        if work == before:
            break
    return max(max(work.values(), default=0), sum(times * work.get(number, 0) for number, times in pages.items()))
