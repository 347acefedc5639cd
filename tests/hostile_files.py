"""Files that are small and take a parser long."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable


def _pdf_of(*objects: bytes) -> bytes:
    """A PDF of these objects, numbered from 1; the first is its catalog."""
    data = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return (
        data
        + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(data))
    )


def _page_of(resources: bytes, *objects: bytes, contents: bytes = b"4 0 R") -> bytes:
    """A PDF of one page; the first of `objects` is number 4."""
    return _pdf_of(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %s /Resources << %s >> >>"
        % (contents, resources),
        *objects,
    )


def _stream(content: bytes, entries: bytes = b"", *, deflated: int = 1) -> bytes:
    for _ in range(deflated):
        content = zlib.compress(content)
    filters = b"/Filter [%s]" % (b"/FlateDecode " * deflated)
    return b"<< %s %s /Length %d >>\nstream\n%s\nendstream" % (entries, filters, len(content), content)


def drawing_itself(depth: int, times: int = 10, note: bytes = b"") -> bytes:
    """A PDF of a few kB whose form draws another one ten times, that one yet another, and the last one the first."""
    form = note + b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F %d 0 R >> >>"
    forms = [_stream(b"/F Do " * times, form % (5 + (number + 1) % depth)) for number in range(depth)]
    return _page_of(b"/XObject << /F 5 0 R >>", _stream(b"/F Do"), *forms)


def unpacking(megabytes: int, *, deflated: int = 2) -> bytes:
    """A PDF of a few kB whose page has so many megabytes of instructions."""
    return _page_of(b"", _stream(b"0 0 m 1 1 l S \n" * (megabytes * 1_000_000 // 15), deflated=deflated))


def with_a_font(program: bytes) -> bytes:
    """A PDF with a line of text and the program of a font that nothing is set in."""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    text = b"BT /F1 12 Tf 72 700 Td (Water evaporates from the sea.) Tj ET"
    return _page_of(b"/Font << /F1 5 0 R >>", _stream(text), font, _stream(program))


def repeating_its_contents(times: int) -> bytes:
    """A PDF whose page consists of one stream of 100 kB, again and again."""
    return _page_of(b"", _stream(b"0 0 m 1 1 l S \n" * 7_000), contents=b"[%s]" % (b"4 0 R " * times))


def saving_its_state(times: int) -> bytes:
    """A PDF of a few kB whose page takes 160 bytes of memory for each of so many instructions."""
    return _page_of(b"", _stream(b"q " * times))


def crowded_page(pieces: int) -> bytes:
    """A PDF of one page with so many pieces of text, which nobody can tell from an honest one before it is read."""
    text = b"".join(b"BT /F1 9 Tf %d %d Td (ab) Tj ET " % (n * 7 % 599, n * 13 % 799) for n in range(pieces))
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    return _page_of(b"/Font << /F1 5 0 R >>", _stream(text), font)


def _office_file(main: str, media_type: str, xml: bytes) -> bytes:
    """An Office file with nothing but a main part."""
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/{main}" ContentType="{media_type}"/></Types>'
    )
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        f'Target="{main}"/></Relationships>'
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("[Content_Types].xml", types), ("_rels/.rels", relations), (main, xml)):
            archive.writestr(name, content)
    return data.getvalue()


def word_file_of(body: bytes) -> bytes:
    """A Word file with this XML in its body."""
    return _office_file(
        "word/document.xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>%s</w:body>'
        b"</w:document>" % body,
    )


HOSTILE: dict[str, Callable[[], bytes]] = {
    "forms.pdf": lambda: drawing_itself(12),
    "streams.pdf": lambda: unpacking(200),
    "paths.pdf": lambda: unpacking(70, deflated=1),
    "pieces.pdf": lambda: crowded_page(100_000),
    "nested.html": lambda: b"<html><body>" + b"<div>" * 100_000 + b"x",
    "crowded.html": lambda: b"<html><body><p " + b" ".join(b"a%d=1" % number for number in range(300_000)) + b">x",
    "comments.md": lambda: b"<!--" * 100_000,
    "brackets.md": lambda: b"[" * 100_000,
    "lines.txt": lambda: b"a\n" * 5_000_000,
    "paragraphs.txt": lambda: b"a\n\n" * 300_000,
    "deep.docx": lambda: word_file_of(b"<w:p>" * 300_000),
}
