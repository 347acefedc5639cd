"""What pdfium tells of many characters at once is what it tells of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from reportlab.pdfgen.canvas import Canvas

from services.docs.adapters.parsers.pdf_chars import BOTTOM, LEFT, RIGHT, TOP, PageChars

TURNS = (0, 90, 180, 270)
ANGLE = 45
SCALES = (1.0, 1.5)


@pytest.fixture
def text_page(tmp_path: Path) -> Iterator[Any]:
    """A page with text of two sizes, scaled and in all directions."""
    path = tmp_path / "page.pdf"
    canvas = Canvas(str(path))
    for at, angle in enumerate((*TURNS, ANGLE)):
        for scale in SCALES:
            canvas.saveState()
            canvas.translate(300, 400)
            canvas.rotate(angle)
            canvas.scale(scale, scale)
            canvas.setFont("Helvetica", 8 + at)
            canvas.drawString(20, 40 * scale, f"water {angle}")
            canvas.restoreState()
    canvas.save()
    with (
        closing(pypdfium2.PdfDocument(path)) as document,
        closing(document[0]) as page,
        closing(page.get_textpage()) as text,
    ):
        yield text


def test_places_are_those_of_each_character(text_page: Any) -> None:
    chars = PageChars(text_page.raw)
    indices = range(len(chars.text))
    lefts, bottoms, rights, tops = chars.edges(indices, LEFT, BOTTOM, RIGHT, TOP)
    loose = list(zip(lefts, bottoms, rights, tops, strict=True))
    tight = [(left, bottom, right, top) for left, right, bottom, top in chars.tight_boxes(indices)]
    assert loose == [text_page.get_charbox(index, loose=True) for index in indices]
    assert tight == [text_page.get_charbox(index) for index in indices]
    assert [chars.edges([index], LEFT) for index in indices] == [[[left]] for left in lefts]
    assert chars.edges([7, 3, 7], RIGHT) == [[rights[index] for index in (7, 3, 7)]]


def test_more_is_asked_than_there_is_room_for_at_once(text_page: Any) -> None:
    chars = PageChars(text_page.raw)
    indices = list(range(len(chars.text))) * 40
    assert chars.edges(indices, LEFT) == [chars.edges(indices[: len(chars.text)], LEFT)[0] * 40]
    assert chars.fonts(indices) == chars.fonts(indices[: len(chars.text)]) * 40


def test_sizes_and_turns_are_those_of_what_was_drawn(text_page: Any) -> None:
    chars = PageChars(text_page.raw)
    shown = [index for index, char in enumerate(chars.text) if not char.isspace()]
    expected = {(8 + at) * scale for at in range(len(TURNS) + 1) for scale in SCALES}
    assert set(chars.sizes(shown)) == expected
    assert set(chars.turns(shown)) == {0, 1, 2, 3, None}
    assert len(set(chars.origins(shown))) == len(shown)


def test_nothing_is_asked_of_nothing_and_no_character_beyond_the_last(text_page: Any) -> None:
    chars = PageChars(text_page.raw)
    assert [*chars.edges([], LEFT, TOP), chars.sizes([]), chars.turns([]), chars.fonts([])] == [[], [], [], [], []]
    for asked in (lambda of: chars.edges(of, LEFT), chars.tight_boxes, chars.origins, chars.sizes):
        with pytest.raises(pypdfium2.PdfiumError):
            asked([0, pdfium.FPDFText_CountChars(text_page)])


def test_fonts_are_those_of_each_character(text_page: Any) -> None:
    chars = PageChars(text_page.raw)
    assert chars.fonts(range(3)) == [("Helvetica", False)] * 3
