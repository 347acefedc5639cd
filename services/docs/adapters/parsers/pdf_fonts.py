"""The fonts that pdfium takes where a PDF does not bring its own: the same on every machine.

Many PDFs in Chinese, Japanese and Korean name a font that the reader has to have. Pdfium looks for it among those of
the machine, and leaves out the characters that no font draws, where each is written by itself: on a server without
such fonts it found no text. So it looks in our folder alone, at a font that draws every ideograph, syllable and
full-width form as a box of one em. How a character looks is of no matter here; where it stands and how wide it is, is.

`fonts/boxes.ttf` was made with fontTools' FontBuilder: 1,000 units an em, one glyph from (50, -70) to (950, 830) of
advance 1,000, a `cmap` of format 13 that maps to it U+2E80–A4CF, AC00–D7A3, F900–FAFF, FE30–FE4F, FF00–FFEF and
20000–323AF, and the bits of code pages 932, 936, 949, 950 and 1361 in `OS/2`, by which pdfium chooses.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pypdfium2.raw as pdfium

FOLDER = Path(__file__).parent / "fonts"
_TEXT = ctypes.POINTER(ctypes.c_char)
_kept: list[Any] = []
"""What pdfium points to."""


def use_own_fonts() -> None:
    """Have pdfium begin anew with our fonts in place of the machine's; no document may be open.

    Pypdfium2 begins with the machine's when it is imported, and has no way to say otherwise.
    """
    name = ctypes.c_char_p(str(FOLDER).encode())
    paths = (_TEXT * 2)(ctypes.cast(name, _TEXT))  # The second ends the list.
    config = pdfium.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=paths, m_pIsolate=None, m_v8EmbedderSlot=0)
    _kept[:] = [name, paths, config]
    pdfium.FPDF_DestroyLibrary()
    pdfium.FPDF_InitLibraryWithConfig(config)
