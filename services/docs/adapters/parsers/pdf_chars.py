"""The characters of a PDF's page by their index: their text, places, sizes, directions and fonts, as pdfium tells them.

Pdfium answers for one character at a time, tens of thousands of times a page, and to make an argument of a number costs
ctypes more than the whole call. So whole rows of indices are asked for in one go, in a loop of C (`map`), and the
places into which pdfium writes its answers are made once, as arguments.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import repeat
from typing import Any, cast

import pypdfium2
import pypdfium2.raw as pdfium

LEFT, TOP, RIGHT, BOTTOM = range(4)
"""Edges of a character's box, in pdfium's order."""
_QUARTER = math.tau / 4
_UPRIGHT_TOLERANCE = math.radians(4)
_FORCE_BOLD = 1 << 18
_FILLER = "\0"
"""What stands for a character without text, and at the second index of one beyond the first 65,536; normalized text
drops it."""

_ANSWERS, _ANSWER_BYTES, _FONT_NAME_BYTES = 1024, 32, 256
"""How many answers are asked for in one go, the room for each, and that for a font's name."""
_room = bytearray(_ANSWERS * _ANSWER_BYTES)
"""Where the answers are written. There is one for the process, which pdfium allows no two threads either."""
_floats, _doubles = memoryview(_room).cast("f"), memoryview(_room).cast("d")
_memory = (ctypes.c_char * len(_room)).from_buffer(_room)
_flags = (ctypes.c_int * (len(_room) // _FONT_NAME_BYTES))()


def _places(step: int, first: int = 0) -> list[Any]:
    """Return the addresses of places in the room as arguments, so many bytes apart."""
    return [ctypes.byref(_memory, at) for at in range(first, len(_room), step)]


_first, _second, _third, _fourth = (_places(_ANSWER_BYTES, at) for at in range(0, _ANSWER_BYTES, 8))
_names = _places(_FONT_NAME_BYTES)
_name_size = ctypes.c_ulong.from_param(_FONT_NAME_BYTES)
_flag_places = [ctypes.byref(_flags, at) for at in range(0, ctypes.sizeof(_flags), ctypes.sizeof(ctypes.c_int))]


def _bare(function: Any, result: type) -> Callable[..., Any]:
    """Return a function of pdfium that takes arguments as they are: made ones, and numbers as a C int.

    The interpreter is not let go meanwhile, since an answer takes less than that does.
    """
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return cast("Callable[..., Any]", ctypes.PYFUNCTYPE(result)(address))


_loose_box = _bare(pdfium.FPDFText_GetLooseCharBox, ctypes.c_int)
_tight_box = _bare(pdfium.FPDFText_GetCharBox, ctypes.c_int)
_origin = _bare(pdfium.FPDFText_GetCharOrigin, ctypes.c_int)
_matrix = _bare(pdfium.FPDFText_GetMatrix, ctypes.c_int)
_font_info = _bare(pdfium.FPDFText_GetFontInfo, ctypes.c_ulong)
_char_index = _bare(pdfium.FPDFText_GetCharIndexFromTextIndex, ctypes.c_int)
_font_size = _bare(pdfium.FPDFText_GetFontSize, ctypes.c_double)
_angle = _bare(pdfium.FPDFText_GetCharAngle, ctypes.c_float)


class PageChars:
    """The characters of a page; places are of their loose boxes, whose height and advance are the font's."""

    def __init__(self, text_page: Any) -> None:
        self._raw = text_page
        self._page: Any = repeat(ctypes.c_void_p.from_param(ctypes.cast(text_page, ctypes.c_void_p).value))
        """The page as an argument, for each call."""
        self.text = self._read()
        """A character for each of pdfium's, so that an offset is an index."""

    def _read(self) -> str:
        count = pdfium.FPDFText_CountChars(self._raw)
        if count < 0:
            raise pypdfium2.PdfiumError("the characters of a page were not counted")
        text = self._told(count)
        if len(text) == count:
            return text
        text = "".join(char + _FILLER if char > "\uffff" else char for char in text)
        return text if len(text) == count else self._with_fillers(text, count)

    def _told(self, count: int) -> str:
        """Return the text that pdfium has of so many characters; it has none of some, nor of what follows the last."""
        place_of = partial(pdfium.FPDFText_GetTextIndexFromCharIndex, self._raw)
        first = next((index for index in range(count) if place_of(index) >= 0), None)
        last = next((index for index in reversed(range(count)) if place_of(index) >= 0), None)
        if first is None or last is None:
            return ""
        buffer = (ctypes.c_ushort * (max(last - first, place_of(last) - place_of(first)) + 2))()
        length = pdfium.FPDFText_GetText(self._raw, first, last - first + 1, buffer) - 1
        return bytes(memoryview(buffer)[:length]).decode("utf-16-le", "surrogatepass")

    def _with_fillers(self, text: str, count: int) -> str:
        """Return the text with a filler for each character that pdfium has no text of."""
        chars = [_FILLER] * count
        for char, index in zip(text, map(_char_index, self._page, range(len(text))), strict=True):
            chars[index] = char
        return "".join(chars)

    def edges(self, indices: Sequence[int], *edges: int) -> list[list[float]]:
        """Return these edges of the characters' boxes, each edge in the order of the characters."""
        return self._columns(indices, edges, _floats, _loose_box, _first)

    def tight_boxes(self, indices: Sequence[int]) -> Iterator[tuple[float, ...]]:
        """Yield left, right, bottom and top of each character's ink."""
        places = _first, _second, _third, _fourth
        return zip(*self._columns(indices, range(4), _doubles, _tight_box, *places), strict=True)

    def origins(self, indices: Sequence[int]) -> list[tuple[float, ...]]:
        """Return where on its baseline each character stands."""
        return list(zip(*self._columns(indices, range(2), _doubles, _origin, _first, _second), strict=True))

    def sizes(self, indices: Sequence[int]) -> list[float]:
        """Return each font size in points as it appears: pdfium's, times the scale of the character's matrix."""
        shears, scales = self._columns(indices, (2, 3), _floats, _matrix, _first)
        return list(map(_apparent, map(_font_size, self._page, indices), shears, scales))

    def turns(self, indices: Sequence[int]) -> list[int | None]:
        """Return the quarter turns of each character, None when it runs at an angle, as a watermark does."""
        return [_quarters(angle) if angle else 0 for angle in map(_angle, self._page, indices)]

    def fonts(self, indices: Sequence[int]) -> list[tuple[str, bool]]:
        """Return each character's font: its name, empty when unknown, and whether its descriptor forces bold."""
        found: list[tuple[str, bool]] = []
        for begin in range(0, len(indices), len(_names)):
            asked = indices[begin : begin + len(_names)]
            lengths = list(map(_font_info, self._page, asked, _names, repeat(_name_size), _flag_places))
            raw = bytes(_room)
            told = zip(range(0, len(raw), _FONT_NAME_BYTES), lengths, _flags, strict=False)
            found += [
                (
                    _decoded(raw[place : place + length - 1]) if 0 < length <= _FONT_NAME_BYTES else "",
                    length > 0 and flags & _FORCE_BOLD != 0,
                )
                for place, length, flags in told
            ]
        return found

    def _columns(
        self, indices: Sequence[int], columns: Sequence[int], numbers: memoryview[Any], function: Any, *places: Any
    ) -> list[list[float]]:
        """Return some of the numbers that a function writes of each character, into one place or into several."""
        found: list[list[float]] = [[] for _ in columns]
        step = _ANSWER_BYTES // numbers.itemsize
        for begin in range(0, len(indices), _ANSWERS):
            asked = indices[begin : begin + _ANSWERS]
            if not all(map(function, self._page, asked, *places)):
                raise pypdfium2.PdfiumError("a character has no place")
            for column, values in zip(columns, found, strict=True):
                values += numbers[column : len(asked) * step : step].tolist()
        return found

    def is_generated(self, index: int) -> bool:
        """Return whether a character is none of the file's, but a space that pdfium put there."""
        return bool(pdfium.FPDFText_IsGenerated(self._raw, index) == 1)


@lru_cache(maxsize=256)
def _decoded(name: bytes) -> str:
    return name.partition(b"\0")[0].decode("utf-8", "replace")


@lru_cache(maxsize=1024)
def _apparent(size: float, shear: float, scale: float) -> float:
    """Return a font size scaled by the second column of a matrix, in half points."""
    return round(size * (math.hypot(shear, scale) or 1.0) * 2) / 2


def _quarters(angle: float) -> int | None:
    angle %= math.tau
    quarters = round(angle / _QUARTER)
    return quarters % 4 if abs(angle - quarters * _QUARTER) <= _UPRIGHT_TOLERANCE else None
