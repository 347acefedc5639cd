"""Writing a parsed document into a scratch folder, and streaming it out of there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from services.docs.domain.objects import TEXT_ENCODING
from services.docs.values.document import StoredChunk
from services.docs.values.parsed_document import ParsedChunk, ParsedDocument, ParsedFile

_TEXT_PART_CHARS = 64 * 1024
_TEXT_PART_BYTES = 256 * 1024
_CHUNKS_PER_PART = 200
PartT = TypeVar("PartT", bound=Sequence[object] | bytes)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ParsedChunk).decode


def write_parsed_file(parsed: ParsedDocument, chunks: Sequence[ParsedChunk], folder: Path) -> ParsedFile:
    """Write a parsed document into `folder`; this blocks, so the worker process that parsed it calls it."""
    text_path, chunks_path = folder / "text", folder / "chunks"
    with text_path.open("wb") as file:
        for start in range(0, len(parsed.text), _TEXT_PART_CHARS):
            file.write(parsed.text[start : start + _TEXT_PART_CHARS].encode(TEXT_ENCODING))
    with chunks_path.open("wb") as lines:
        lines.writelines(_encode(chunk) + b"\n" for chunk in chunks)
    return ParsedFile(
        page_count=parsed.page_count,
        text_length=len(parsed.text),
        language=parsed.language,
        title=parsed.title,
        chunk_count=len(chunks),
        text=text_path,
        chunks=chunks_path,
        warnings=parsed.warnings,
    )


def text_parts(parsed: ParsedFile) -> AsyncGenerator[bytes, None]:
    """Yield the text in `TEXT_ENCODING`, in parts of at most 256 KiB."""
    return _parts(parsed.text, lambda file: file.read(_TEXT_PART_BYTES))


def chunk_parts(parsed: ParsedFile, document_id: str) -> AsyncGenerator[Sequence[StoredChunk], None]:
    """Yield the chunks in reading order, at most 200 at once.

    A chunk's id is derived from the document's id and the chunk's place, so that a second run gives the same ids.
    """
    namespace = uuid.UUID(document_id)

    def next_part(file: BinaryIO) -> list[StoredChunk]:
        chunks = [_decode(line) for line in islice(file, _CHUNKS_PER_PART)]
        ids = [uuid.uuid5(namespace, f"{chunk.ordinal}:{chunk.start}:{chunk.end}") for chunk in chunks]
        return [StoredChunk(chunk_id=str(id_), **asdict(chunk)) for id_, chunk in zip(ids, chunks, strict=True)]

    return _parts(parsed.chunks, next_part)


async def _parts(path: Path, read: Callable[[BinaryIO], PartT]) -> AsyncGenerator[PartT, None]:
    """Yield what `read` returns until it is empty; files are read in threads."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while part := await asyncio.to_thread(read, file):
            yield part
    finally:
        await asyncio.to_thread(file.close)
