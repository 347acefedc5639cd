"""The characters of a PDF's page by their index: their text, places, sizes, directions and fonts, as pdfium tells them.

Pdfium answers for one character at a time, tens of thousands of times a page. So whole rows of indices are asked for in
one go, in a loop of C (`map`), and the answers are written side by side into one buffer.
"""

from __future__ import annotations

import ctypes
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import repeat
from struct import calcsize, iter_unpack
from typing import Any, cast

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
_font_size = _by_address(pdfium.FPDFText_GetFontSize, ctypes.c_double)
_angle = _by_address(pdfium.FPDFText_GetCharAngle, ctypes.c_float)


class PageChars:
    """The characters of a page; places are of their loose boxes, whose height and advance are the font's."""

    def __init__(self, text_page: Any) -> None:
        self._text_page = text_page
        self._raw = text_page.raw
        self._page = ctypes.cast(self._raw, ctypes.c_void_p).value
        self._font_name = ctypes.create_string_buffer(_FONT_NAME_BYTES)
        self._font_flags = ctypes.c_int()
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
        pieces: list[str] = []
        at = index = 0
        while at < len(text):
            ahead = self._ahead(at)
            end = bisect_left(range(len(text)), ahead + 1, at + 1, key=self._ahead)
            pieces += (_FILLER * (at + ahead - index), text[at:end])
            index, at = end + ahead, end
        return "".join((*pieces, _FILLER * (count - index)))

    def _ahead(self, at: int) -> int:
        """Return how many characters before that of offset `at` in pdfium's text are not in that text."""
        return int(pdfium.FPDFText_GetCharIndexFromTextIndex(self._raw, at)) - at

    def boxes(self, indices: Sequence[int]) -> list[tuple[float, ...]]:
        """Return left, top, right and bottom of each character."""
        return self._answers(_loose_box, indices, "4f")

    def tight_boxes(self, indices: Sequence[int]) -> list[tuple[float, ...]]:
        """Return left, right, bottom and top of each character's ink."""
        return self._answers(_tight_box, indices, "4d", pointers=4)

    def origins(self, indices: Sequence[int]) -> list[tuple[float, ...]]:
        """Return where on its baseline each character stands."""
        return self._answers(_origin, indices, "2d", pointers=2)

    def sizes(self, indices: Sequence[int]) -> list[float]:
        """Return each font size in points as it appears: pdfium's, times the scale of the character's matrix."""
        sizes = map(_font_size, repeat(self._page), indices)
        columns = self._answers(_matrix, indices, "8x2f8x")
        return [_apparent(size, *column) for size, column in zip(sizes, columns, strict=True)]

    def turns(self, indices: Sequence[int]) -> list[int | None]:
        """Return the quarter turns of each character, None when it runs at an angle, as a watermark does."""
        return [_quarters(angle) if angle else 0 for angle in map(_angle, repeat(self._page), indices)]

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

    def font(self, index: int) -> tuple[str, bool]:
        """Return the font's name, empty when unknown, and whether its descriptor forces bold."""
        name, flags = self._font_name, self._font_flags
        flags.value = 0
        length = pdfium.FPDFText_GetFontInfo(self._raw, index, name, _FONT_NAME_BYTES, flags)
        known = 0 < length <= _FONT_NAME_BYTES
        return name.value.decode("utf-8", "replace") if known else "", bool(flags.value & _FORCE_BOLD)

    def is_generated(self, index: int) -> bool:
        """Return whether a character is none of the file's, but a space that pdfium put there."""
        return bool(pdfium.FPDFText_IsGenerated(self._raw, index) == 1)


@lru_cache(maxsize=1024)
def _apparent(size: float, shear: float, scale: float) -> float:
    """Return a font size scaled by the second column of a matrix, in half points."""
    return round(size * (math.hypot(shear, scale) or 1.0) * 2) / 2


def _quarters(angle: float) -> int | None:
    angle %= math.tau
    quarters = round(angle / _QUARTER)
    return quarters % 4 if abs(angle - quarters * _QUARTER) <= _UPRIGHT_TOLERANCE else None
