"""The only entry to the parsers, made for a spawned worker process.

Importing this module is cheap: a parser and the library that it needs are imported when the first file of the format
arrives, so the service's own process never loads one.
"""

from __future__ import annotations

import importlib
import resource
from pathlib import Path
from types import ModuleType

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.domain.indexing.chunking import chunk
from services.docs.domain.upload.media_types import (
    CSV,
    DOC,
    DOCX,
    EPUB,
    HTML,
    MAIL,
    MARKDOWN,
    NOTEBOOK,
    ODP,
    ODS,
    ODT,
    PDF,
    PPT,
    PPTX,
    RTF,
    TEXT,
    XLS,
    XLSX,
)
from services.docs.domain.upload.sniffing import HEAD_BYTES, TAIL_BYTES, check_content
from services.docs.values.parsed_document import (
    ChunkSettings,
    ParsedChunk,
    ParsedDocument,
    ParseError,
    ParseLimits,
    ParseReason,
)
from services.kit.priority import stand_aside

PARSERS = {
    TEXT: "text",
    MARKDOWN: "markdown",
    HTML: "html",
    PDF: "pdf",
    PPTX: "pptx",
    DOCX: "docx",
    XLSX: "xlsx",
    DOC: "doc",
    PPT: "ppt",
    XLS: "xls",
    CSV: "csv_table",
    ODT: "odf",
    ODP: "odf",
    ODS: "odf",
    RTF: "rtf",
    EPUB: "epub",
    NOTEBOOK: "notebook",
    MAIL: "mail",
}
"""From media type to the module whose `parse` writes a file into a builder; it raises `ParseError` and nothing else."""


def parser_of(media_type: str) -> ModuleType:
    """Return the module whose `parse` reads files of this type."""
    return importlib.import_module(f"services.docs.adapters.parsers.{PARSERS[media_type]}")


def prepare_worker(memory_bytes: int, *, aside: bool = False) -> None:
    """Bound the memory that hostile files can make a worker process take, and put it behind others where `aside`.

    This is the process's initializer.
    """
    if aside:
        stand_aside()
    pages_in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    in_use = pages_in_use * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = in_use + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def parse(path: Path, media_type: str, limits: ParseLimits | None = None) -> ParsedDocument:
    """Read the file at `path`, whose content must be of `media_type`.

    This blocks: run it in a worker process, and kill it somewhat above `limits.seconds`.

    Raises:
        ParseError: the file cannot be parsed; any other error is a fault of this program.
    """
    limits = limits or ParseLimits()
    size = path.stat().st_size
    if size == 0:
        raise ParseError(ParseReason.EMPTY_FILE)
    if size > limits.file_bytes:
        raise ParseError(ParseReason.FILE_TOO_LARGE, {"limit": str(limits.file_bytes), "found": str(size)})
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(0, size - TAIL_BYTES))
        check_content(head, media_type, file.read())
    module = parser_of(media_type)
    builder = DocumentBuilder(limits)
    try:
        module.parse(path, builder)
        return builder.finish()
    except MemoryError as error:
        raise ParseError(ParseReason.OUT_OF_MEMORY) from error


def parse_and_chunk(
    path: Path, media_type: str, limits: ParseLimits | None = None, settings: ChunkSettings | None = None
) -> tuple[ParsedDocument, list[ParsedChunk]]:
    """Parse a file and cut it into chunks, in one trip to the worker process."""
    parsed = parse(path, media_type, limits)
    return parsed, chunk(parsed, settings)
