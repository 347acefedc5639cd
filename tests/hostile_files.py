"""Files that are small and take a parser long."""

from __future__ import annotations

import io
import zipfile


def drawing_itself(depth: int) -> bytes:
    """A PDF of a few kB whose form draws another one ten times, that one yet another, and so on."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /XObject << /F 5 0 R >> >> >>",
        b"<< /Length 5 >>\nstream\n/F Do\nendstream",
    ]
    for number in range(depth):
        inner = b" /XObject << /F %d 0 R >>" % (6 + number) if number < depth - 1 else b""
        draw = b"/F Do " * 10
        objects.append(
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <<%s >> /Length %d >>\nstream\n%s\nendstream"
            % (inner, len(draw), draw)
        )
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


HOSTILE = {
    "forms.pdf": lambda: drawing_itself(12),
    "wider.pdf": lambda: drawing_itself(9),
    "nested.html": lambda: b"<html><body>" + b"<div>" * 100_000 + b"x",
    "crowded.html": lambda: b"<html><body><p " + b" ".join(b"a%d=1" % number for number in range(300_000)) + b">x",
    "comments.md": lambda: b"<!--" * 100_000,
    "brackets.md": lambda: b"[" * 100_000,
    "lines.txt": lambda: b"a\n" * 5_000_000,
    "paragraphs.txt": lambda: b"a\n\n" * 300_000,
    "deep.docx": lambda: word_file_of(b"<w:p>" * 300_000),
}
