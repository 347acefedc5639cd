"""The characters of a PDF's page by their index: their text, places, sizes, directions and fonts, as pdfium tells them.

A page is asked tens of thousands of times, so what an answer is written into is made once.
"""

from __future__ import annotations

import ctypes
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

_QUARTER = math.tau / 4
_UPRIGHT_TOLERANCE = math.radians(4)
_FORCE_BOLD = 1 << 18
_FONT_NAME_BYTES = 256
_FILLER = "\0"
"""What stands for a character without text, and at the second index of one beyond the first 65,536; normalized text
drops it."""


class PageChars:
    """The characters of a page; places are of their loose boxes, whose height and advance are the font's."""

    def __init__(self, text_page: Any) -> None:
        self._text_page = text_page
        self._page = text_page.raw
        self._box = pdfium.FS_RECTF()
        self._matrix = pdfium.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
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
        return int(pdfium.FPDFText_GetCharIndexFromTextIndex(self._page, at)) - at

    def _boxed(self, index: int) -> Any:
        if not pdfium.FPDFText_GetLooseCharBox(self._page, index, self._box):
            raise pypdfium2.PdfiumError("a character has no place")
        return self._box

    def left(self, index: int) -> float:
        """Return where a character begins."""
        return float(self._boxed(index).left)

    def right(self, index: int) -> float:
        """Return where a character ends."""
        return float(self._boxed(index).right)

    def gaps(self, pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[float, float]]:
        """Yield where the first character of each pair ends and the second one begins."""
        place_of, page, box = pdfium.FPDFText_GetLooseCharBox, self._page, self._box
        for before, after in pairs:
            found = place_of(page, before, box)
            right = box.right
            if not found or not place_of(page, after, box):
                raise pypdfium2.PdfiumError("a character has no place")
            yield right, box.left

    def height(self, index: int) -> tuple[float, float]:
        """Return the bottom and the top of a character."""
        box = self._boxed(index)
        return box.bottom, box.top

    def tight_box(self, index: int) -> tuple[float, float, float, float]:
        """Return left, bottom, right and top of a character's ink."""
        box: tuple[float, float, float, float] = self._text_page.get_charbox(index)
        return box

    def origin(self, index: int) -> tuple[float, float]:
        """Return where a character stands on its baseline."""
        pdfium.FPDFText_GetCharOrigin(self._page, index, self._x, self._y)
        return self._x.value, self._y.value

    def size(self, index: int) -> float:
        """Return the font size in points as it appears: pdfium's, times the scale of the character's matrix."""
        size: float = pdfium.FPDFText_GetFontSize(self._page, index)
        matrix = self._matrix
        if pdfium.FPDFText_GetMatrix(self._page, index, matrix):
            size *= math.hypot(matrix.c, matrix.d) or 1.0
        return round(size * 2) / 2

    def turn(self, index: int) -> int | None:
        """Return the quarter turns of a character, None when it runs at an angle, as a watermark does."""
        angle = pdfium.FPDFText_GetCharAngle(self._page, index)
        if not angle:
            return 0
        angle %= math.tau
        quarters = round(angle / _QUARTER)
        return quarters % 4 if abs(angle - quarters * _QUARTER) <= _UPRIGHT_TOLERANCE else None

    def font(self, index: int) -> tuple[str, bool]:
        """Return the font's name, empty when unknown, and whether its descriptor forces bold."""
        name, flags = self._font_name, self._font_flags
        flags.value = 0
        length = pdfium.FPDFText_GetFontInfo(self._page, index, name, _FONT_NAME_BYTES, flags)
        known = 0 < length <= _FONT_NAME_BYTES
        return name.value.decode("utf-8", "replace") if known else "", bool(flags.value & _FORCE_BOLD)

    def is_generated(self, index: int) -> bool:
        """Return whether a character is none of the file's, but a space that pdfium put there."""
        return bool(pdfium.FPDFText_IsGenerated(self._page, index) == 1)
