"""Word: text boxes, and parts that are files of another format (altChunk)."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from services.docs.adapters.parsers.worker import parse
from services.docs.domain.upload.media_types import DOCX
from services.docs.values.parsed_document import BlockKind, ParsedDocument, ReadingWarning, WarningReason
from tests.unit.docs.office_files import SPACES, paragraph, relations, run, text_of, write

NOT_READ = (ReadingWarning(WarningReason.PARTS_NOT_READ),)
CHUNK = '<w:altChunk r:id="c"/>'


def with_part(tmp_path: Path, name: str, data: bytes, body: str = "", *, mode: str = "") -> ParsedDocument:
    """Read a Word file that holds a part between two paragraphs."""
    body = body or paragraph("before") + CHUNK + paragraph("after")
    links = relations(c=f"aFChunk {name}").replace('Id="c"', f'Id="c" {mode}')
    parts = {
        "word/document.xml": f"<w:document SPACES><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": links,
    }
    path = write(tmp_path / "a.docx", DOCX, parts)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"word/{name}", data)
    return parse(path, DOCX)


def package(body: str, name: str = "", data: bytes = b"") -> bytes:
    """The bytes of a Word file, which may hold a part."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types>application/vnd.x-wordprocessingml.document.main+xml</Types>")
        archive.writestr("_rels/.rels", relations(r1="officeDocument word/document.xml"))
        archive.writestr("word/document.xml", f"<w:document {SPACES}><w:body>{body}</w:body></w:document>")
        if name:
            archive.writestr("word/_rels/document.xml.rels", relations(c=f"aFChunk {name}"))
            archive.writestr(f"word/{name}", data)
    return file.getvalue()


MHT = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=B\r\n\r\n--B\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"<p>Iron =E2=86=92 rust</p>\r\n--B\r\nContent-Type: image/png\r\n\r\nxx\r\n--B--\r\n"
)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("p.htm", b"<html><head><title>T</title></head><body><h2>Rust</h2><p>Iron rusts.</p></body></html>",
         "Rust\n\nIron rusts."),
        ("p.html", b"<ul><li>oxygen<li>water</ul>", "oxygen\nwater"),
        ("p.xhtml", '<html xmlns="x"><meta charset="gbk"/><p>铁生锈。</p></html>'.encode("gbk"), "铁生锈。"),
        ("p.rtf", rb"{\rtf1\ansi{\info{\title T}} Iron rusts.\par}", "Iron rusts."),
        ("p.txt", "第一行。\r\n\r\n第二行。".encode(), "第一行。\n\n第二行。"),
        ("p.mht", MHT, "Iron → rust"),
        ("p.docx", package(paragraph("Iron rusts.")), "Iron rusts."),
        ("p.bin", package(CHUNK, "q.html", b"<p>Iron rusts.</p>"), "Iron rusts."),
    ],
)  # fmt: skip
def test_parts_of_other_formats_are_read_in_their_place(name: str, data: bytes, text: str, tmp_path: Path) -> None:
    parsed = with_part(tmp_path, name, data)
    assert parsed.text == f"before\n\n{text}\n\nafter"
    assert parsed.warnings == ()
    assert parsed.title in {"", "Rust"}


def nested(depth: int) -> bytes:
    data = package(paragraph("innermost"))
    for _ in range(depth):
        data = package(CHUNK, "n.docx", data)
    return data


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("p.docx", b"PK\x03\x04 broken"),
        ("p.txt", "Größe".encode("utf-16-be")[:7] + b"\x81\xff\x8d"),
        ("p.xlsx", b"%PDF-1.4 no parser here"),
        ("p.bin", bytes(range(256)) * 4),
        ("p.xml", b"<?xml version='1.0'?><w:wordDocument/>"),
        ("p.xml", b"<w:document><w:body/></w:document>"),
        ("p.docx", nested(6)),
        ("p.mht", b"MIME-Version: 1.0\r\nContent-Disposition: attachment\r\n\r\nx\r\n"),
    ],
)  # fmt: skip
def test_a_part_that_is_not_read_is_warned_of(name: str, data: bytes, tmp_path: Path) -> None:
    parsed = with_part(tmp_path, name, data)
    assert parsed.text == "before\n\nafter"
    assert parsed.warnings == NOT_READ


def test_a_part_outside_the_file_or_missing_is_warned_of(tmp_path: Path) -> None:
    body = paragraph("before") + CHUNK + '<w:altChunk r:id="none"/><w:subDoc r:id="c"/>' + paragraph("after")
    parsed = with_part(tmp_path, "p.html", b"<p>x</p>", body, mode='TargetMode="External"')
    assert (parsed.text, parsed.warnings) == ("before\n\nafter", NOT_READ)


def test_a_part_in_a_cell_follows_the_table(tmp_path: Path) -> None:
    parsed = with_part(tmp_path, "p.html", b"<p>in it</p>", table(paragraph("a"), CHUNK + paragraph("b")))
    assert parsed.text == "a | b\n\nin it"


def box(*paragraphs: str) -> str:
    content = f"<w:txbxContent>{''.join(paragraphs)}</w:txbxContent>"
    return f"<w:r><w:pict><w:shape><w:textbox>{content}</w:textbox></w:shape></w:pict></w:r>"


def table(*cells: str) -> str:
    return f"<w:tbl><w:tr>{''.join(f'<w:tc>{cell}</w:tc>' for cell in cells)}</w:tr></w:tbl>"


@pytest.mark.parametrize(
    ("body", "blocks"),
    [
        (f"<w:p>{run('text')}{box(paragraph('box'))}</w:p>", ["text", "box"]),
        (f"<w:p>{box(paragraph('one'), paragraph('two'))}{box(paragraph('three'))}</w:p>", ["one", "two", "three"]),
        (f"<w:p>{box('<w:p>' + run('outer') + box(paragraph('inner')) + '</w:p>')}</w:p>", ["outer", "inner"]),
        (f"<w:p>{run('a')}{box(table(paragraph('x'), paragraph('y')))}</w:p>", ["a", "x | y"]),
        (table(paragraph("c"), f"<w:p>{run('d')}{box(paragraph('box'))}</w:p>"), ["c | d box"]),
    ],
)
def test_text_boxes_follow_the_paragraph_that_they_hang_on(body: str, blocks: list[str], tmp_path: Path) -> None:
    parsed = with_part(tmp_path, "p.html", b"", body)
    assert [text_of(parsed, block) for block in parsed.blocks] == blocks


def test_bullets_in_a_cell_are_parted(tmp_path: Path) -> None:
    listed = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="9"/></w:numPr>'
    level = '<w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="•"/></w:lvl>'
    parts = {
        "word/document.xml": (
            "<w:document SPACES><w:body><w:tbl><w:tr>"
            f"<w:tc>{paragraph('叶')}</w:tc><w:tc>{paragraph('呼吸', listed)}{paragraph('制糖', listed)}</w:tc></w:tr>"
            f"<w:tr><w:tc>{paragraph('Leaf')}</w:tc><w:tc>{paragraph('It')}{paragraph('breathes', listed)}"
            f"{paragraph('makes sugar.', listed)}{paragraph('drinks', listed)}</w:tc></w:tr></w:tbl></w:body>"
            "</w:document>"
        ),
        "word/_rels/document.xml.rels": relations(n="numbering numbering.xml"),
        "word/numbering.xml": (
            f'<w:numbering SPACES><w:abstractNum w:abstractNumId="9">{level}</w:abstractNum>'
            '<w:num w:numId="9"><w:abstractNumId w:val="9"/></w:num></w:numbering>'
        ),
    }
    parsed = parse(write(tmp_path / "a.docx", DOCX, parts), DOCX)
    assert parsed.text == "叶 | 呼吸；制糖\nLeaf | It breathes; makes sugar. drinks"
    assert parsed.blocks[0].kind is BlockKind.TABLE
