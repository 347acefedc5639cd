"""What a file does not give is said with its pages: scans between pages of text, and letters that are wrong."""

from __future__ import annotations

import io
from collections.abc import Callable
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


WATER = (
    "二十世纪初，许多城市开始修建自来水厂。水先流进很大的池子，让泥沙慢慢沉到底部，然后经过一层一层的细沙，最后再用氯气消毒，居民才可以放心饮用。"
    "在此之前，人们只能从河里挑水，或者从井里打水，夏天常常因为水不干净而生病。自来水普及以后，城市里得传染病的人明显减少，孩子们也活得更久了。"
    "今天我们打开水龙头就有水，很少有人想到这件事背后有多少工人在日夜工作，也很少有人知道一吨水要经过多少道工序才能送到家里。"
)


def mapped_pdf(path: Path, *maps: Callable[[int], int]) -> Path:
    """A PDF of Chinese, a page a map: the codes are those of `WATER`, and the page's font says what each stands for."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>"
        % (len(maps), b" ".join(b"%d 0 R" % (3 + 5 * n) for n in range(len(maps)))),
    ]
    lines = [WATER[start : start + 30] for start in range(0, len(WATER), 30)]
    shown = b"BT /F 12 Tf 20 TL 60 780 Td " + b" ".join(
        b"<%s> Tj T*" % line.encode("utf-16-be").hex().encode() for line in lines
    )
    for number, mapped in enumerate(maps):
        first = 3 + 5 * number
        codes = sorted(set(map(ord, WATER)))
        blocks = b"".join(
            b"%d beginbfchar\n%s endbfchar\n" % (len(some), b"".join(b"<%04x> <%04x>\n" % (c, mapped(c)) for c in some))
            for some in (codes[start : start + 100] for start in range(0, len(codes), 100))
        )
        space = b"1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        cmap = b"/CIDInit /ProcSet findresource begin begincmap\n/CMapName /M def\n%s%sendcmap end" % (space, blocks)
        described = b"/FontName/Song/Flags 4/FontBBox[0 -200 1000 900]/ItalicAngle 0/Ascent 900/Descent -200/StemV 80"
        system = b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
        font = b"/Type/Font/Subtype/CIDFontType2/BaseFont/Song/DW 1000"
        objects += [
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</F %d 0 R>>>>>>"
            % (first + 1, first + 2),
            b"<</Length %d>>stream\n%s ET\nendstream" % (len(shown) + 3, shown),
            b"<</Type/Font/Subtype/Type0/BaseFont/Song/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>"
            % (first + 3, first + 4),
            b"<<%s%s/FontDescriptor<</Type/FontDescriptor%s>>>>" % (font, system, described),
            b"<</Length %d>>stream\n%s\nendstream" % (len(cmap), cmap),
        ]
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    data += b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        table,
        size,
        len(data),
    )
    path.write_bytes(data)
    return path


def moved(by: int) -> Callable[[int], int]:
    return lambda code: code + by if 0x4E00 <= code <= 0x9FA5 else code


def test_pages_whose_font_maps_chinese_to_other_ideographs_are_named(tmp_path: Path) -> None:
    path = mapped_pdf(tmp_path / "a.pdf", moved(0), moved(7), moved(-300), lambda code: 0xE000 + code % 0x1000)
    parsed = parse(path, PDF)
    assert "自来水普及以后" in parsed.text
    assert parsed.warnings == (ReadingWarning(WarningReason.WRONG_LETTERS, (2, 3, 4)),)
