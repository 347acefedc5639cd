"""Files that are damaged, locked or built to hurt: each is refused with its own reason, and nothing else happens."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pptx import Presentation
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from services.docs.adapters.parsers.worker import parse, parse_and_chunk, prepare_worker
from services.docs.domain.upload.media_types import DOCX, HTML, MARKDOWN, PDF, PPTX, TEXT
from services.docs.domain.wording.wording import told
from services.docs.values.parsed_document import ParseError, ParseLimits, ParseReason
from tests.hostile_files import drawing_itself, repeating_its_contents, unpacking, with_a_font, word_file_of

DOCUMENT_PART = "word/document.xml"


@cache
def word_file() -> bytes:
    document = docx.Document()
    document.add_heading("牛顿定律 Newton's laws", 1)
    document.add_paragraph("一切物体在没有受到力的作用时，总保持静止或匀速直线运动状态。")
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


@cache
def slides_file() -> bytes:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Cells 细胞"
    slide.placeholders[1].text_frame.text = "The nucleus\n细胞核"
    data = io.BytesIO()
    presentation.save(data)
    return data.getvalue()


@cache
def pdf_file(password: str = "", pages: int = 3) -> bytes:
    data = io.BytesIO()
    canvas = Canvas(data, encrypt=StandardEncryption(password, canPrint=0) if password else None)
    for number in range(pages):
        canvas.drawString(72, 700, f"Photosynthesis on page {number} turns light into energy.")
        canvas.showPage()
    canvas.save()
    return data.getvalue()


def repacked(source: bytes, change: Callable[[str, bytes], bytes | None], **added: bytes) -> bytes:
    """The archive with each part replaced by `change(name, content)`, dropped where that is None."""
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = change(entry.filename, old.read(entry))
            if content is not None:
                new.writestr(entry.filename, content)
        for name, content in added.items():
            new.writestr(name, content)
    return data.getvalue()


def keep(_: str, content: bytes) -> bytes:
    return content


def refusal(data: bytes, media_type: str, tmp_path: Path, limits: ParseLimits | None = None) -> ParseError:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ParseError) as caught:
        parse(path, media_type, limits)
    message = told(caught.value.reason, caught.value.metadata)
    assert len(message) > 10
    assert str(tmp_path) not in message
    return caught.value


def text_of(data: bytes, media_type: str, tmp_path: Path) -> str:
    path = tmp_path / "file"
    path.write_bytes(data)
    return parse(path, media_type).text


@pytest.mark.parametrize(
    ("made", "media_type"), [(word_file, DOCX), (slides_file, PPTX), (pdf_file, PDF)], ids=["docx", "pptx", "pdf"]
)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_truncated(made: Callable[[], bytes], media_type: str, share: float, tmp_path: Path) -> None:
    data = made()
    assert refusal(data[: int(len(data) * share)], media_type, tmp_path).reason is ParseReason.TRUNCATED_FILE


def test_damaged_pdf(tmp_path: Path) -> None:
    assert refusal(b"%PDF-1.7\n" + b"junk " * 500 + b"\n%%EOF\n", PDF, tmp_path).reason is ParseReason.CORRUPT_FILE


def test_pdf_with_a_password(tmp_path: Path) -> None:
    error = refusal(pdf_file("secret"), PDF, tmp_path)
    assert error.reason is ParseReason.ENCRYPTED_FILE


def test_a_damaged_pdf_after_one_with_a_password_needs_none(tmp_path: Path) -> None:
    refusal(pdf_file("secret"), PDF, tmp_path)
    without_pages = pdf_file().replace(b"/Pages ", b"/Pagex ")
    assert refusal(without_pages, PDF, tmp_path).reason is ParseReason.CORRUPT_FILE


def test_office_file_with_a_password(tmp_path: Path) -> None:
    compound = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)
    assert refusal(compound, DOCX, tmp_path).reason is ParseReason.ENCRYPTED_FILE
    locked = bytearray(word_file())
    with zipfile.ZipFile(io.BytesIO(word_file())) as archive:
        begin = archive.start_dir
    locked[begin + 8] |= 1  # the flag of an encrypted entry
    assert refusal(bytes(locked), DOCX, tmp_path).reason is ParseReason.ENCRYPTED_FILE


def ten_thousand_pages() -> bytes:
    """A small PDF whose page tree names one page 10,000 times."""
    kids = b" ".join([b"3 0 R"] * 10_000)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 10000 /Kids [" + kids + b"] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << >> >>",
    ]
    data = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return data + (
        b"xref\n0 4\n0000000000 65535 f \n%strailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (table, len(data))
    )


@pytest.fixture(scope="module")
def soon(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds of processor time: two hundred times what this process takes for an honest text of 264 kB."""
    path = tmp_path_factory.mktemp("honest") / "file"
    path.write_bytes(b"Water evaporates from the sea. Clouds form. " * 6_000)
    took = []
    for _ in range(3):
        begin = time.thread_time()
        parse(path, TEXT)
        took.append(time.thread_time() - begin)
    return 200 * min(took)


def test_a_pdf_of_ten_thousand_pages_is_refused_before_it_is_read(tmp_path: Path, soon: float) -> None:
    begin = time.thread_time()
    error = refusal(ten_thousand_pages(), PDF, tmp_path)
    assert error.reason is ParseReason.TOO_MANY_PAGES
    assert error.metadata == {"limit": "2000", "found": "10000", "what": "pages"}
    assert time.thread_time() - begin < soon


@pytest.mark.parametrize("media_type", [DOCX, PPTX])
def test_a_part_that_unpacks_a_thousandfold(media_type: str, tmp_path: Path) -> None:
    source = word_file() if media_type == DOCX else slides_file()
    bomb = repacked(source, keep, **{"media/zeros.bin": bytes(64 * 1024**2)})
    assert len(bomb) < 200_000
    assert refusal(bomb, media_type, tmp_path).reason is ParseReason.ZIP_BOMB


def test_too_many_entries_and_too_many_bytes(tmp_path: Path) -> None:
    for limits in (ParseLimits(zip_entries=5), ParseLimits(zip_bytes=10_000)):
        assert refusal(word_file(), DOCX, tmp_path, limits).reason is ParseReason.ZIP_BOMB
    crowd = repacked(word_file(), keep, **{f"n/{number}": b"" for number in range(300)})
    assert refusal(crowd, DOCX, tmp_path, ParseLimits(zip_entries=100)).reason is ParseReason.ZIP_BOMB


def test_a_directory_that_claims_less_than_there_is(tmp_path: Path) -> None:
    lying = bytearray(repacked(word_file(), keep))
    with zipfile.ZipFile(io.BytesIO(bytes(lying))) as archive:
        begin = archive.start_dir
    while True:  # central directory entries: sizes at 24, lengths of name, extra field and comment at 28, 30, 32
        lengths = [int.from_bytes(lying[begin + at : begin + at + 2], "little") for at in (28, 30, 32)]
        if lying[begin + 46 : begin + 46 + lengths[0]] == DOCUMENT_PART.encode():
            lying[begin + 24 : begin + 28] = (100).to_bytes(4, "little")
            break
        begin += 46 + sum(lengths)
    assert refusal(bytes(lying), DOCX, tmp_path).reason in {ParseReason.CORRUPT_FILE, ParseReason.ZIP_BOMB}


def test_entries_that_share_bytes(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(DOCUMENT_PART, bytes(100_000))
        first = archive.infolist()[0]
        for number in range(50):
            twin = zipfile.ZipInfo(f"word/{number:08}.xml")
            twin.compress_type, twin.CRC = first.compress_type, first.CRC
            twin.file_size, twin.compress_size, twin.header_offset = first.file_size, first.compress_size, 0
            archive.filelist.append(twin)
    assert refusal(data.getvalue(), DOCX, tmp_path).reason is ParseReason.ZIP_BOMB


def test_an_archive_within_the_archive_is_inert(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(100 * 1024**2))
    nested = repacked(word_file(), keep, **{"word/embeddings/inner.zip": inner.getvalue()})
    assert text_of(nested, DOCX, tmp_path) == text_of(word_file(), DOCX, tmp_path)


BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + b"".join(
        b'<!ENTITY lol%d "%s">' % (n, b"&lol%d;" % (n - 1) * 10 if n > 1 else b"&lol;" * 10) for n in range(1, 10)
    )
    + b']><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
    b"<w:t>&lol9;</w:t></w:r></w:p></w:body></w:document>"
)
EXTERNAL_ENTITY = BILLION_LAUGHS.replace(b'"lol"', b'SYSTEM "file:///etc/passwd"', 1)


@pytest.mark.parametrize(
    "xml",
    [
        BILLION_LAUGHS,
        EXTERNAL_ENTITY,
        BILLION_LAUGHS.replace(b'version="1.0"', b'version="1.0" encoding="UTF-16"').decode().encode("utf-16"),
        b"<!-- " + b"x" * 262_139 + b"--><!DOC" + BILLION_LAUGHS.partition(b"<!DOC")[2],
    ],
    ids=["laughs", "external", "utf-16", "across blocks"],
)
def test_xml_entities(xml: bytes, tmp_path: Path) -> None:
    hostile = repacked(word_file(), lambda name, content: xml if name == DOCUMENT_PART else content)
    assert refusal(hostile, DOCX, tmp_path).reason is ParseReason.XML_ENTITY


def test_names_that_climb_are_inert(tmp_path: Path) -> None:
    names = {"../../escaped.xml": b"<x/>", "/tmp/tiku-escaped.xml": b"<x/>", "word/..\\..\\escaped": b"x"}
    inside = tmp_path / "deep" / "deeper"
    inside.mkdir(parents=True)
    assert text_of(repacked(word_file(), keep, **names), DOCX, inside) == text_of(word_file(), DOCX, inside)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file"]
    assert not Path("/tmp/tiku-escaped.xml").exists()


def test_a_package_without_its_parts(tmp_path: Path) -> None:
    for gone in (DOCUMENT_PART, "_rels/.rels"):

        def without(name: str, content: bytes, gone: str = gone) -> bytes | None:
            return None if name == gone else content

        reason = refusal(repacked(word_file(), without), DOCX, tmp_path).reason
        assert reason in {ParseReason.CORRUPT_FILE, ParseReason.MEDIA_TYPE_MISMATCH}
    broken = repacked(word_file(), lambda name, content: content[:-50] if name == DOCUMENT_PART else content)
    assert refusal(broken, DOCX, tmp_path).reason is ParseReason.CORRUPT_FILE
    deep = b"<w:p>" * 100_000
    nested = repacked(
        word_file(), lambda name, content: content.replace(b"<w:p>", deep, 1) if name == DOCUMENT_PART else content
    )
    assert refusal(nested, DOCX, tmp_path).reason is ParseReason.TOO_COMPLEX


SLOW: dict[str, tuple[str, Callable[[], bytes]]] = {
    "one element": (HTML, lambda: b"<html><body>" + b"<section>" * 60_000 + b"x"),
    "elements in turn": (HTML, lambda: b"<html><body>" + b"<ul><li><b>" * 20_000 + b"x"),
    "end tags of others": (HTML, lambda: b"<html><body>" + b"<div></x>" * 60_000 + b"x"),
    "attributes": (HTML, lambda: b"<html><body><i " + b" ".join(b"k%d" % number for number in range(50_000)) + b">x"),
    "attributes with values": (
        HTML,
        lambda: b"<html><body><p " + b"".join(b'/a%d="1"' % n for n in range(50_000)) + b">x",
    ),
    "brackets": (MARKDOWN, lambda: b"[" * 60_000),
    "images": (MARKDOWN, lambda: b"text ![a" * 30_000),
    "stars": (MARKDOWN, lambda: b"*a **b " * 30_000),
    "comments in text": (MARKDOWN, lambda: b"text <!-- " * 30_000),
    "code": (MARKDOWN, lambda: b"".join(b"`" * (number % 300) + b"a" for number in range(30_000))),
    "lines": (TEXT, lambda: b"1\n" * 3_000_000),
    "forms": (PDF, lambda: drawing_itself(12)),
    "fewer forms": (PDF, lambda: drawing_itself(9)),
    "forms with a note": (PDF, lambda: drawing_itself(12, note=b"/Note (1 0 obj << >> 2 0 obj) ")),
    "a form that draws itself": (PDF, lambda: drawing_itself(1)),
    "doubly deflated": (PDF, lambda: unpacking(100)),
    "contents again and again": (PDF, lambda: repeating_its_contents(5_000)),
    "nested elements of Word": (DOCX, lambda: word_file_of(b"<w:p>" * 300_000)),
    "nested tables of Word": (DOCX, lambda: word_file_of(b"<w:tbl><w:tr><w:tc>" * 2_000)),
}
"""Media types, and what makes the files: only where they are needed, since that takes a while."""


@pytest.mark.parametrize("kind", SLOW)
def test_what_would_be_slow_is_refused_at_once_as_such(kind: str, tmp_path: Path, soon: float) -> None:
    media_type, made = SLOW[kind]
    data = made()
    begin = time.thread_time()
    error = refusal(data, media_type, tmp_path, ParseLimits().of_size(len(data)))
    assert error.reason is ParseReason.TOO_COMPLEX
    assert set(error.metadata) == {"limit", "what"} or media_type == DOCX
    assert time.thread_time() - begin < soon


@pytest.mark.parametrize("mark", [b"\0\1\0\0", b"OTTO", b"\1\0\4\2", b"%!PS-AdobeFont-1.0"])
def test_the_program_of_a_font_is_no_instruction(mark: bytes, tmp_path: Path) -> None:
    limits = ParseLimits(seconds=1.0)
    path = tmp_path / "file.pdf"
    path.write_bytes(with_a_font(mark + bytes(9_000_000)))
    assert parse(path, PDF, limits).text == "Water evaporates from the sea."
    assert refusal(with_a_font(b"q " * 4_500_000), PDF, tmp_path, limits).reason is ParseReason.TOO_COMPLEX


def test_a_text_box_within_text_boxes_is_read_once(tmp_path: Path) -> None:
    # Each further level once doubled the time.
    opened, closed = b"<w:p><w:r><w:pict><w:txbxContent>", b"</w:txbxContent></w:pict></w:r></w:p>"
    text = b"<w:p><w:r><w:t>inmost</w:t></w:r></w:p>"
    assert text_of(word_file_of(opened * 50 + text + closed * 50), DOCX, tmp_path) == "inmost"


@pytest.mark.parametrize(
    "properties",
    ["", "<p:spPr/>", "<p:spPr><a:xfrm><a:off x='1' y='2'/></a:xfrm></p:spPr>"],
    ids=["none", "empty", "no size"],
)
def test_a_shape_without_geometry_is_read(properties: str, tmp_path: Path) -> None:
    shape = (
        f"<p:sp><p:nvSpPr><p:cNvPr id='7' name='x'/><p:cNvSpPr/><p:nvPr/></p:nvSpPr>{properties}<p:txBody><a:bodyPr/>"
        "<a:p><a:r><a:t>A word</a:t></a:r></a:p></p:txBody></p:sp>"
    )

    def with_shapes(name: str, content: bytes) -> bytes:
        end = b"</p:spTree>"
        return content.replace(end, 2 * shape.encode() + end) if name == "ppt/slides/slide1.xml" else content

    text = text_of(repacked(slides_file(), with_shapes), PPTX, tmp_path)
    assert text.count("A word") == 2
    assert "细胞核" in text


def test_forms_that_honest_files_draw_are_read(tmp_path: Path) -> None:
    data = io.BytesIO()
    canvas = Canvas(data)
    canvas.beginForm("logo")
    canvas.drawString(0, 0, "Tiku")
    canvas.endForm()
    for number in range(100):
        canvas.doForm("logo")
        canvas.drawString(72, 700, f"Photosynthesis on page {number} turns light into energy.")
        canvas.showPage()
    canvas.save()
    assert "on page 99" in text_of(data.getvalue(), PDF, tmp_path)


@pytest.mark.parametrize("data", [b"<!--" * 60_000, b"<p " * 60_000, b"<div>\n" + b"<!-- a <" * 60_000])
def test_markup_without_an_end_takes_linear_time(data: bytes, tmp_path: Path, soon: float) -> None:
    begin = time.thread_time()
    assert refusal(data, MARKDOWN, tmp_path).reason in {ParseReason.NO_TEXT, ParseReason.TOO_COMPLEX}
    assert time.thread_time() - begin < soon


def test_what_many_honest_files_have_is_read(tmp_path: Path) -> None:
    page = "<html><body>" + "<p>one<br><ul><li>two<li>three</ul><img alt=x src='data:image/png;base64,%s'>" % (
        "A" * 500_000
    )
    assert "three" in text_of((page + "<p>four" * 5_000).encode(), HTML, tmp_path)
    table = "| $x_1$ | `y` |\n|---|---|\n" + "| $x_1$ | `y` |\n" * 5_000
    assert "y" in text_of(table.encode(), MARKDOWN, tmp_path)


def test_parts_of_too_many_elements(tmp_path: Path) -> None:
    limits = ParseLimits(xml_marks=500)
    assert refusal(word_file(), DOCX, tmp_path, limits).reason is ParseReason.TOO_COMPLEX


def test_a_word_file_without_its_text(tmp_path: Path) -> None:
    emptied = repacked(
        word_file(), lambda name, content: None if name.startswith("word/") else content, **{"xl/a.xml": b"<x/>"}
    )
    assert refusal(emptied, DOCX, tmp_path).reason is ParseReason.CORRUPT_FILE


def test_unknown_media_type(tmp_path: Path) -> None:
    error = refusal(b"\x89PNG\r\n\x1a\n", "image/png", tmp_path)
    assert error.reason is ParseReason.UNSUPPORTED_MEDIA_TYPE
    assert error.metadata == {"media_type": "image/png", "format": "IMAGE", "what": "IMAGE"}


SEEDS: dict[str, Callable[[], bytes]] = {
    DOCX: word_file,
    PPTX: slides_file,
    PDF: pdf_file,
    TEXT: lambda: "第一章 力学\n\n力是物体对物体的作用。".encode(),
    MARKDOWN: lambda: b"# Cells\n\n- *one* `two`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    HTML: lambda: "<html><body><h1>Cells</h1><p>细胞<table><tr><td>a</table></body></html>".encode(),
}


@pytest.mark.parametrize("media_type", SEEDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_a_parse_error_or_harmless(media_type: str, data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(SEEDS[media_type]())
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path = tmp_path / "file"
    path.write_bytes(bytes(content))
    with contextlib.suppress(ParseError):  # anything else that is raised fails the test
        parsed, chunks = parse_and_chunk(path, media_type)
        assert all(chunk.text == parsed.text[chunk.start : chunk.end] for chunk in chunks)


def test_memory_is_bounded_in_a_worker_process(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_text("光合作用。\n" * 4_000_000, encoding="utf-8")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=prepare_worker, initargs=(96 * 1024**2,)) as pool:
        error = pool.submit(parse, path, TEXT, ParseLimits(chars=10**9)).exception(timeout=60)
    assert isinstance(error, ParseError)
    assert error.reason is ParseReason.OUT_OF_MEMORY


def test_errors_cross_processes_whole(tmp_path: Path) -> None:
    path = tmp_path / "locked.pdf"
    path.write_bytes(pdf_file("secret"))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        error = pool.submit(parse, path, PDF).exception(timeout=60)
    assert isinstance(error, ParseError)
    assert (error.reason, error.metadata) == (ParseReason.ENCRYPTED_FILE, {})


def test_the_service_process_loads_no_parser_library() -> None:
    code = (
        "import sys, services.docs.adapters.parsers.worker, services.docs.domain.upload.sniffing\n"
        "heavy = {'pypdfium2', 'pptx', 'docx', 'lxml', 'selectolax', 'markdown_it'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_text_far_too_long_is_refused_unread(tmp_path: Path, soon: float) -> None:
    path = tmp_path / "sparse.txt"
    with path.open("wb") as file:
        file.write("光合作用。\n".encode() * 8000)
        file.truncate(400 * 1024**2)
    begin = time.thread_time()
    with pytest.raises(ParseError) as caught:
        parse(path, TEXT)
    assert caught.value.reason is ParseReason.TOO_MUCH_TEXT
    assert time.thread_time() - begin < soon
