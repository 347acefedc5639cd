from __future__ import annotations

import importlib
import io
import re
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.docs.adapters.parsers.worker import PARSERS
from services.docs.domain.upload.media_types import (
    BINARY,
    CSV,
    DOC,
    DOCX,
    EMPTY,
    EPUB,
    HTML,
    KEYNOTE,
    MARKDOWN,
    NOTEBOOK,
    ODP,
    OLE,
    PAGES,
    PDF,
    PPT,
    PPTX,
    RTF,
    SUFFIXES,
    SUPPORTED,
    TEXT,
    UNREAD_SUFFIXES,
    XLS,
    XLSX,
    ZIP,
    refused_format,
)
from services.docs.domain.upload.sniffing import HEAD_BYTES, TAIL_BYTES, admitted_media_type, check_content, sniff
from services.docs.domain.wording.wording import told
from services.docs.values.parsed_document import ParseError, ParseReason

OLE_HEAD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
PNG_HEAD = b"\x89PNG\r\n\x1a\n" + bytes(20)


def archive(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return data.getvalue()


@pytest.mark.parametrize(
    ("head", "name", "media_type"),
    [
        (b"", "a.txt", EMPTY),
        (b"plain words", "a.txt", TEXT),
        (b"plain words", "", TEXT),
        (b"# Title\n\n- item\n", "a.md", MARKDOWN),
        (b"plain words", "a.markdown", MARKDOWN),
        (b"# Title\n\n- item\n", "", MARKDOWN),
        (b"# a shell comment\nls\n", "", TEXT),
        (b"# Title\n\n- item\n", "a.txt", TEXT),
        (b"<!DOCTYPE html><html>", "a.txt", HTML),
        (b"\n<!-- c --><HTML lang='zh'>", "", HTML),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'x'>", "", HTML),
        (b"<p>fragment", "a.html", HTML),
        (b"<p>fragment", "a.txt", TEXT),
        (b"<?xml version='1.0'?><svg/>", "a.svg", "application/xml"),
        ("中文".encode(), "a", TEXT),
        ("中文内容".encode("gb18030"), "a.txt", TEXT),
        ("中文".encode("utf-16"), "a.txt", TEXT),
        ("<!doctype html>".encode("utf-16"), "a", HTML),
        ("多".encode()[:-1], "a.txt", TEXT),
        (b"%PDF-1.7\n", "a.txt", PDF),
        (b"\xef\xbb\xbf%PDF-1.7\n", "", PDF),
        (b"\xff\x00junk%PDF-1.7\n", "", PDF),
        (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.7\n", "a.pdf", PDF),
        (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.7\n", "a.txt", TEXT),
        (b"A PDF begins with its header.\n" * 40 + b"%PDF-1.7\n", "a.pdf", TEXT),
        (archive("[Content_Types].xml", "word/document.xml"), "", DOCX),
        (archive("[Content_Types].xml", "ppt/presentation.xml"), "a.docx", PPTX),
        (archive("[Content_Types].xml", "xl/workbook.xml"), "", XLSX),
        (archive("[Content_Types].xml", "docProps/core.xml"), "a.pptx", PPTX),
        (archive("photos/one.jpg"), "a.docx", ZIP),
        (archive(), "a.zip", ZIP),
        (OLE_HEAD, "a", OLE),
        (OLE_HEAD, "a.doc", DOC),
        (OLE_HEAD + "PowerPoint Document".encode("utf-16-le"), "a.doc", PPT),
        (OLE_HEAD + "WordDocument Workbook".encode("utf-16-le"), "a.xls", XLS),
        (OLE_HEAD + "WordDocument Workbook".encode("utf-16-le"), "a", DOC),
        (OLE_HEAD + "Book\0".encode("utf-16-le"), "a", XLS),
        (archive("Index/Document.iwa", "Metadata/Properties.plist"), "lesson.key", KEYNOTE),
        (archive("Index/Document.iwa"), "lesson.zip", PAGES),
        (archive("mimetype", "META-INF/container.xml"), "", EPUB),
        (archive("Configurations2/a.xml", "content.xml", "META-INF/manifest.xml"), "a.odp", ODP),
        (archive("xl\\workbook.xml"), "", XLSX),
        (PNG_HEAD, "a.pdf", "image/png"),
        (b"\xff\xd8\xff\xe0", "", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WAVE", "", "audio/wav"),
        (b"\x00\x00\x00\x20ftypisom", "", "video/mp4"),
        (b"{\\rtf1", "a.txt", "application/rtf"),
        (b"abc\x00\x01\x02", "a.txt", BINARY),
        (bytes(range(1, 32)) * 4, "a.txt", BINARY),
    ],
)
def test_sniff(head: bytes, name: str, media_type: str) -> None:
    assert sniff(head, name) == media_type


@given(st.binary(max_size=300), st.sampled_from(["", "a.txt", "a.md", "a.html", "a.pdf", "a.docx", "坏.名"]))
def test_sniff_answers_for_any_bytes(head: bytes, name: str) -> None:
    assert "/" in sniff(head, name)


@pytest.mark.parametrize(
    ("head", "name", "reason"),
    [
        (b"", "a.pdf", ParseReason.EMPTY_FILE),
        (PNG_HEAD, "a.png", ParseReason.UNSUPPORTED_MEDIA_TYPE),
        (PNG_HEAD, "a.pdf", ParseReason.MEDIA_TYPE_MISMATCH),
        (b"plain", "a.pdf", ParseReason.MEDIA_TYPE_MISMATCH),
        (b"%PDF-1.4", "a.txt", ParseReason.MEDIA_TYPE_MISMATCH),
        (b"<!doctype html>", "slides.pptx", ParseReason.MEDIA_TYPE_MISMATCH),
        (archive("word/document.xml"), "a.pptx", ParseReason.MEDIA_TYPE_MISMATCH),
        (archive("Index/Document.iwa"), "a.pages", ParseReason.UNSUPPORTED_MEDIA_TYPE),
        (archive("xl/workbook.xml"), "a.docx", ParseReason.MEDIA_TYPE_MISMATCH),
        (b"{not json", "a.pdf", ParseReason.MEDIA_TYPE_MISMATCH),
        (archive("a.txt"), "a.zip", ParseReason.UNSUPPORTED_MEDIA_TYPE),
        (OLE_HEAD, "a.docx", ParseReason.ENCRYPTED_FILE),
        (OLE_HEAD, "a.bin", ParseReason.UNSUPPORTED_MEDIA_TYPE),
        (OLE_HEAD + "Workbook".encode("utf-16-le"), "a.xlsx", ParseReason.MEDIA_TYPE_MISMATCH),
        (OLE_HEAD + "EncryptedPackage".encode("utf-16-le"), "a", ParseReason.ENCRYPTED_FILE),
        (b"\x7fELF\x02", "a", ParseReason.UNSUPPORTED_MEDIA_TYPE),
    ],
)
def test_refused_uploads(head: bytes, name: str, reason: ParseReason) -> None:
    with pytest.raises(ParseError) as caught:
        admitted_media_type(head, name)
    assert caught.value.reason is reason
    assert told(caught.value.reason, caught.value.metadata)


@pytest.mark.parametrize(
    ("head", "name", "media_type"),
    [
        (b"%PDF-1.4", "讲义.PDF", PDF),
        (b"%PDF-1.4", "讲义", PDF),
        (b"# Title", "notes.md", MARKDOWN),
        (b"<html>", "page.txt", HTML),
        (b"a,b\n1,2", "table.csv", CSV),
        (b"{\\rtf1 x}", "from an old program.doc", RTF),
        (b'{"cells": []}', "lesson.ipynb", NOTEBOOK),
        (b"no notebook", "lesson.ipynb", TEXT),
        (archive("ppt/presentation.xml"), "a.pptx", PPTX),
        (archive("[Content_Types].xml", "docProps/thumbnail.jpeg"), "its main part lies further on.docx", DOCX),
        (b'<?xml version="1.0"?> is the first line of an XML file.', "lesson.txt", TEXT),
    ],
)
def test_admitted_uploads(head: bytes, name: str, media_type: str) -> None:
    assert admitted_media_type(head, name) == media_type
    assert media_type in SUPPORTED
    check_content(head, media_type)


@pytest.mark.parametrize(
    ("main", "media_type"),
    [
        ("vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml", DOCX),
        ("vnd.ms-word.template.macroEnabledTemplate.main+xml", DOCX),
        ("vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml", PPTX),
        ("vnd.ms-powerpoint.slideshow.macroEnabled.main+xml", PPTX),
        ("vnd.ms-excel.sheet.macroEnabled.main+xml", XLSX),
    ],
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_list_of_content_types_tells_the_main_part(main: str, media_type: str, method: int) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as file:
        file.writestr("[Content_Types].xml", f'<Override PartName="/d.xml" ContentType="application/{main}"/>')
        file.writestr("docProps/thumbnail.jpeg", bytes(range(256)) * 1000)
        file.writestr("d.xml", "x")
    assert sniff(data.getvalue()[:HEAD_BYTES]) == media_type


@pytest.mark.parametrize(("folder", "media_type"), [("word", DOCX), ("ppt", PPTX), ("xl", XLSX)])
def test_an_archive_is_told_by_its_directory_where_its_head_is_a_picture(folder: str, media_type: str) -> None:
    data = archive("docProps/thumbnail.jpeg", f"{folder}/main.xml")
    head, tail = data[:40], data[-TAIL_BYTES:]
    assert sniff(head, "a", tail) == media_type
    assert admitted_media_type(head, "a", tail) == media_type
    check_content(head, media_type, tail)


def test_an_archive_within_an_archive_tells_nothing() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("photos/a.docx", archive("word/document.xml"))
    assert sniff(data.getvalue(), "a.zip") == ZIP


def test_the_page_offers_what_is_read() -> None:
    page = (Path(__file__).parents[3] / "gateway" / "static" / "index.html").read_text(encoding="utf-8")
    offered = re.search(r'accept="([^"]*)"', page)
    assert offered
    assert offered[1].split(",") == [suffix for suffixes in SUFFIXES.values() for suffix in suffixes]


def test_every_refusal_has_its_words() -> None:
    unknown = told("UNSUPPORTED_MEDIA_TYPE", {})
    unread = {*UNREAD_SUFFIXES.values(), "image/png", "audio/mpeg", "video/mp4", "application/gzip", ZIP, OLE}
    unread |= {"application/xml", "application/postscript", "application/vnd.sqlite3", "application/x-executable"}
    for word in map(refused_format, unread):
        assert told("UNSUPPORTED_MEDIA_TYPE", {"what": word}) != unknown
    assert refused_format(BINARY) == "UNKNOWN"


def test_every_name_that_is_taken_has_a_parser() -> None:
    assert set(PARSERS) == set(SUPPORTED) == set(SUFFIXES)
    for name in PARSERS.values():
        assert callable(importlib.import_module(f"services.docs.adapters.parsers.{name}").parse)


@pytest.mark.parametrize(
    ("head", "name", "word"),
    [
        (archive("Index/Document.iwa"), "a.pages", "Pages document"),
        (archive("Index/Document.iwa"), "a.numbers", "Numbers spreadsheet"),
        (PNG_HEAD, "board.png", "picture"),
        (b"ID3", "song.mp3", "sound recording"),
        (archive("a.txt"), "all.zip", "archive"),
        (b"Rar!\x1a\x07", "all.rar", "archive"),
        (OLE_HEAD, "old", "old Office program"),
    ],
)
def test_a_refusal_names_the_format_and_what_to_do(head: bytes, name: str, word: str) -> None:
    with pytest.raises(ParseError) as caught:
        admitted_media_type(head, name)
    assert word in told(caught.value.reason, caught.value.metadata)
    assert caught.value.metadata["format"].isupper()
