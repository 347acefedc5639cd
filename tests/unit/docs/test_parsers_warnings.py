"""What a file does not give is said with its pages: scans between pages of text, and letters that are wrong."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import PDF
from services.docs.values.parsed_document import ReadingWarning, WarningReason

PROSE = "Plants take in carbon dioxide through stomata and turn light into chemical energy."
STAMP = "Scanned in the school library"


def scan() -> ImageReader:
    data = io.BytesIO()
    Image.new("L", (60, 80), 250).save(data, "PNG")
    data.seek(0)
    return ImageReader(data)


def pdf(tmp_path: Path, pages: str, stamp: str = "") -> Path:
    """Make a PDF: each letter is a page of text, of a scan, of scanned strips, of a logo alone, or a blank one."""
    path = tmp_path / "book.pdf"
    canvas = Canvas(str(path), pagesize=(600, 800))
    for number, page in enumerate(pages, start=1):
        match page:
            case "t":
                for line in range(12):
                    canvas.drawString(72, 700 - 14 * line, f"{number}.{line} {PROSE}")
            case "s":
                canvas.drawImage(scan(), 0, 0, 600, 800)
            case "r":
                for strip in range(10):
                    canvas.drawImage(scan(), 20, 80 * strip, 560, 80)
            case "l":
                canvas.drawImage(scan(), 250, 400, 100, 60)
            case _:
                canvas.line(0, 0, 10, 10)
        if stamp:
            canvas.drawString(200, 20, stamp)
        canvas.showPage()
    canvas.save()
    return path


@pytest.mark.parametrize(
    ("pages", "stamp", "found"),
    [
        ("tsst", "", (2, 3)),
        ("trttts", "", (2, 6)),
        ("stt", "", (1,)),
        ("tstst", STAMP, (2, 4)),
        ("ttt", "", ()),
        ("tlbt", "", ()),
        ("tt" + "s" * 30, "", tuple(range(3, 33))),
    ],
)
def test_pages_that_hold_only_images_are_named(pages: str, stamp: str, found: tuple[int, ...], tmp_path: Path) -> None:
    parsed = parse(pdf(tmp_path, pages, stamp), PDF)
    wanted = (ReadingWarning(WarningReason.PAGES_WITHOUT_TEXT, found),) if found else ()
    assert parsed.warnings == wanted
    assert parsed.page_count == len(pages)
