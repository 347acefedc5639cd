"""EPUB: the chapters of a book in the order in which they are read."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from services.docs.adapters.parsers.archive import Archive
from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import decode
from services.docs.adapters.parsers.html import declared_charset, write_html
from services.docs.adapters.parsers.office import office_faults
from services.docs.adapters.parsers.package import parse_xml
from services.docs.values.parsed_document import ParseError, ParseReason

_CONTAINER = "META-INF/container.xml"
_ROOT_FILE = "{urn:oasis:names:tc:opendocument:xmlns:container}rootfile"
_OPF = "{http://www.idpf.org/2007/opf}"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
_FONT_OBFUSCATION = (b"http://www.idpf.org/2008/embedding", b"http://ns.adobe.com/pdf/enc#RC")


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the chapters of the spine without navigation; a book has no pages of its own."""
    with Archive.open(path, builder) as archive, office_faults():
        _check_rights(archive)
        container = archive.read_xml(_CONTAINER)
        name = next((file.get("full-path", "") for file in parse_xml(container or b"<none/>").iter(_ROOT_FILE)), "")
        data = archive.read_xml(name)
        if not data:
            raise ParseError(ParseReason.CORRUPT_FILE)
        book = parse_xml(data)
        title = next((found.text or "" for found in book.iter(_TITLE)), "")
        for chapter in _chapters(book, posixpath.dirname(name)):
            # A document type is usual in XHTML, and the HTML parser expands no entity of its own.
            page = archive.read(chapter)
            if page:
                write_html(decode(page, declared_charset(page)), builder)
        builder.title = title


def _check_rights(archive: Archive) -> None:
    """Refuse a book whose text is encrypted; fonts that are only made unreadable do no harm."""
    rights = archive.read_xml("META-INF/encryption.xml") or b""
    if rights.count(b"EncryptionMethod") > sum(map(rights.count, _FONT_OBFUSCATION)):
        raise ParseError(ParseReason.ENCRYPTED_FILE, what="copying")


def _chapters(book: Any, folder: str) -> list[str]:
    items = {item.get("id"): item for item in book.iter(f"{_OPF}item")}
    chapters = []
    for reference in book.iter(f"{_OPF}itemref"):
        item = items.get(reference.get("idref"))
        if item is not None and item.get("media-type") in _PAGES and "nav" not in item.get("properties", "").split():
            chapters.append(posixpath.normpath(posixpath.join(folder, unquote(item.get("href", "")))))
    return chapters
