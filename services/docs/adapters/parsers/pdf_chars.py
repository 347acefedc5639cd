"""The characters of a PDF's page by their index: their text, places, sizes, directions and fonts, as pdfium tells them.

Pdfium answers for one character at a time, tens of thousands of times a page. So whole rows of indices are asked for in
one go, in a loop of C (`map`), and the answers are written side by side into one buffer.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import repeat
from struct import calcsize, iter_unpack, unpack
from typing import Any, NamedTuple, cast

import pypdfium2
import pypdfium2.raw as pdfium

_QUARTER = math.tau / 4
_UPRIGHT_TOLERANCE = math.radians(4)
_FORCE_BOLD = 1 << 18
_FONT_NAME_BYTES = 256
_FILLER = "\0"
"""What stands for a character without text, and at the second index of one beyond the first 65,536; normalized text
drops it."""


def _by_address(function: Any, result: type, *arguments: type) -> Callable[..., Any]:
    """Return a function of pdfium that takes addresses as numbers: to make a pointer of each costs more than the call.

    The interpreter is not let go meanwhile, since an answer takes less than that does.
    """
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return cast("Callable[..., Any]", ctypes.PYFUNCTYPE(result, ctypes.c_void_p, ctypes.c_int, *arguments)(address))


_loose_box = _by_address(pdfium.FPDFText_GetLooseCharBox, ctypes.c_int, ctypes.c_void_p)
_tight_box = _by_address(pdfium.FPDFText_GetCharBox, ctypes.c_int, *[ctypes.c_void_p] * 4)
_origin = _by_address(pdfium.FPDFText_GetCharOrigin, ctypes.c_int, *[ctypes.c_void_p] * 2)
_matrix = _by_address(pdfium.FPDFText_GetMatrix, ctypes.c_int, ctypes.c_void_p)
_font_info = _by_address(pdfium.FPDFText_GetFontInfo, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p)
_char_index = _by_address(pdfium.FPDFText_GetCharIndexFromTextIndex, ctypes.c_int)
_font_size = _by_address(pdfium.FPDFText_GetFontSize, ctypes.c_double)
_angle = _by_address(pdfium.FPDFText_GetCharAngle, ctypes.c_float)


class Boxes(NamedTuple):
    """The edges of characters' boxes, each in the order in which they were asked for."""

    lefts: Sequence[float]
    tops: Sequence[float]
    rights: Sequence[float]
    bottoms: Sequence[float]


class PageChars:
    """The characters of a page; places are of their loose boxes, whose height and advance are the font's."""

    def __init__(self, text_page: Any) -> None:
        self._text_page = text_page
        self._raw = text_page.raw
        self._page = ctypes.cast(self._raw, ctypes.c_void_p).value
        self.text = self._read()
        """A character for each of pdfium's, so that an offset is an index."""

    def _read(self) -> str:
        count = self._text_page.count_chars()
        text = str(self._text_page.get_text_range(0, count, errors="surrogatepass")) if count else ""
        if len(text) == count:
            return text
        text = "".join(char + _FILLER if char > "\uffff" else char for char in text)
        return text if len(text) == count else self._with_fillers(text, count)

    def _with_fillers(self, text: str, count: int) -> str:
        """Return the text with a filler for each character that pdfium has no text of."""
        chars = [_FILLER] * count
        for char, index in zip(text, map(_char_index, repeat(self._page), range(len(text))), strict=True):
            chars[index] = char
        return "".join(chars)

    def boxes(self, indices: Sequence[int]) -> Boxes:
        """Return the edges of each character's box."""
        edges = self._floats(_loose_box, indices, 4)
        return Boxes(edges[::4], edges[1::4], edges[2::4], edges[3::4])

    def tight_boxes(self, indices: Sequence[int]) -> list[tuple[float, ...]]:
        """Return left, right, bottom and top of each character's ink."""
        return self._answers(_tight_box, indices, "4d", pointers=4)

    def origins(self, indices: Sequence[int]) -> list[tuple[float, ...]]:
        """Return where on its baseline each character stands."""
        return self._answers(_origin, indices, "2d", pointers=2)

    def sizes(self, indices: Sequence[int]) -> list[float]:
        """Return each font size in points as it appears: pdfium's, times the scale of the character's matrix."""
        matrices = self._floats(_matrix, indices, 6)
        return list(map(_apparent, map(_font_size, repeat(self._page), indices), matrices[2::6], matrices[3::6]))

    def turns(self, indices: Sequence[int]) -> list[int | None]:
        """Return the quarter turns of each character, None when it runs at an angle, as a watermark does."""
        return [_quarters(angle) if angle else 0 for angle in map(_angle, repeat(self._page), indices)]

    def fonts(self, indices: Sequence[int]) -> list[tuple[str, bool]]:
        """Return each character's font: its name, empty when unknown, and whether its descriptor forces bold."""
        if not indices:
            return []
        names = ctypes.create_string_buffer(_FONT_NAME_BYTES * len(indices))
        flags = (ctypes.c_int * len(indices))()
        begin, first = ctypes.addressof(names), ctypes.addressof(flags)
        places = range(begin, begin + len(names), _FONT_NAME_BYTES)
        flag_places = range(first, first + ctypes.sizeof(flags), ctypes.sizeof(ctypes.c_int))
        lengths = list(map(_font_info, repeat(self._page), indices, places, repeat(_FONT_NAME_BYTES), flag_places))
        raw = names.raw
        known = (
            raw[at * _FONT_NAME_BYTES : at * _FONT_NAME_BYTES + length - 1] if 0 < length <= _FONT_NAME_BYTES else b""
            for at, length in enumerate(lengths)
        )
        return [(_decoded(name), bool(of_font & _FORCE_BOLD)) for name, of_font in zip(known, flags, strict=True)]

    def _answers(
        self, function: Callable[..., Any], indices: Sequence[int], layout: str, pointers: int = 1
    ) -> list[tuple[float, ...]]:
        """Return what a function writes of each character, into one place of this layout or into several."""
        if not indices:
            return []
        size = calcsize(layout)
        buffer = ctypes.create_string_buffer(size * len(indices))
        begin = ctypes.addressof(buffer)
        places = [range(begin + at, begin + len(buffer), size) for at in range(0, size, size // pointers)]
        if not all(map(function, repeat(self._page), indices, *places)):
            raise pypdfium2.PdfiumError("a character has no place")
        return list(iter_unpack(layout, buffer))

    def _floats(self, function: Callable[..., Any], indices: Sequence[int], count: int) -> tuple[float, ...]:
        """Return the `count` floats that a function writes of each character, one after the other."""
        if not indices:
            return ()
        size = 4 * count
        buffer = ctypes.create_string_buffer(size * len(indices))
        begin = ctypes.addressof(buffer)
        if not all(map(function, repeat(self._page), indices, range(begin, begin + len(buffer), size))):
            raise pypdfium2.PdfiumError("a character has no place")
        return unpack(f"{count * len(indices)}f", buffer)

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
