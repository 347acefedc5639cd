"""An Office Open XML package: parts, and the relationships between them, as Office opens them.

Office reads a file with a relationship that leads nowhere, and so does this. Names of the strict variant become those
of the usual one, and of alternate content the first choice stays, so a parser sees one kind of XML.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote

from lxml import etree

from services.docs.adapters.parsers.archive import Archive, Source
from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.office import office_faults
from services.docs.values.parsed_document import ParseError, ParseReason

_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_STRICT_NAME = "http://purl.oclc.org/ooxml/"
_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_DUBLIN_CORE_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_EMPTY_TITLES = frozenset({"Word Document", "PowerPoint Presentation"})
"""What libraries write where nobody gave a title."""
RELATION_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass(frozen=True, slots=True)
class Relation:
    """What a part says of another: the last word of the relationship's type, such as `slide`, and the part's name."""

    kind: str
    target: str


class Package:
    """The parts of an open package."""

    def __init__(self, archive: Archive, builder: DocumentBuilder) -> None:
        self._archive = archive
        self._builder = builder

    @classmethod
    @contextmanager
    def open(cls, source: Source, builder: DocumentBuilder, root: str) -> Iterator[tuple[Self, str, Any]]:
        """Yield the package in `source`, and name and root element of its main part, whose tag must be `root`.

        Raises:
            ParseError: the file is damaged, or of another format.
        """
        with Archive.open(source, builder) as archive, office_faults():
            package = cls(archive, builder)
            main = package.related("", "officeDocument")
            document = package.part(main) if main else None
            if document is None:
                raise ParseError(ParseReason.CORRUPT_FILE)
            if document.tag != root:
                raise ParseError(ParseReason.MEDIA_TYPE_MISMATCH, what="part")
            properties = package.part(package.related("", "core-properties"))
            if properties is not None:
                title = (properties.findtext(_DUBLIN_CORE_TITLE) or "").strip()
                builder.title = "" if title in _EMPTY_TITLES else title
            yield package, main, document

    def part(self, name: str) -> Any:
        """Return a part's root element, None where there is no such part."""
        data = self._archive.read_xml(name) if name else None
        if not data:
            return None
        root = parse_xml(data)
        if b"AlternateContent" in data:
            _choose(root)
        return root

    def data(self, name: str) -> bytes | None:
        """Return a part that is no XML of the package, None where there is no such part."""
        return self._archive.read(name)

    @contextmanager
    def stream(self, name: str) -> Iterator[Any]:
        """Open a part to read it in blocks."""
        with self._archive.open_part(name) as part:
            yield part

    def relations(self, name: str) -> dict[str, Relation]:
        """Return a part's relationships to parts that exist, by their ids; those of the package for an empty name."""
        folder, own = posixpath.split(name)
        root = self.part(posixpath.join(folder, "_rels", f"{own}.rels"))
        relations = {}
        for relation in root.iter(_RELATIONSHIP) if root is not None else ():
            target = posixpath.normpath(posixpath.join("/", folder, unquote(relation.get("Target", "")))).lstrip("/")
            if relation.get("TargetMode") != "External" and target in self._archive:
                kind = relation.get("Type", "").rpartition("/")[2]
                relations[relation.get("Id", "")] = Relation(_KINDS.get(kind, kind), target)
        return relations

    def related(self, name: str, kind: str) -> str:
        """Return the name of the first part of a kind that a part is related to, empty without one."""
        return next((relation.target for relation in self.relations(name).values() if relation.kind == kind), "")


_KINDS = {"coreProperties": "core-properties"}
"""Kinds that the strict variant calls otherwise."""


def parse_xml(data: bytes) -> Any:
    """Return the root element of a part's XML; entities stay as they are, and nothing is fetched."""
    if _STRICT_NAME.encode() in data:
        data = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", data)
    return etree.fromstring(data, _parser())


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        # Programs write an id twice, which is a fault of XML but none of the text.
        collect_ids=False,
    )


def _choose(root: Any) -> None:
    """Put the first choice of each alternate content, or what stands in for all, in its place."""
    for alternate in list(root.iter(f"{_COMPATIBILITY}AlternateContent")):
        choices = [child for child in alternate if child.tag == f"{_COMPATIBILITY}Choice"]
        unwrap(alternate, (choices or [*alternate, None])[0])


def unwrap(element: Any, content: Any) -> None:
    """Put the children of `content` in the place of an element; none where it is None."""
    for child in [] if content is None else list(content):
        element.addprevious(child)
    element.getparent().remove(element)
