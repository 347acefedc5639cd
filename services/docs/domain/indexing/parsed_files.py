"""Writing a parsed document into a scratch folder, and streaming it out of there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import msgspec

from services.docs.domain.objects import TEXT_ENCODING
from services.docs.values.document import StoredChunk
from services.docs.values.parsed_document import ParsedChunk, ParsedDocument, ParsedFile

_TEXT_PART_CHARS = 64 * 1024
_TEXT_PART_BYTES = 256 * 1024
_CHUNKS_PER_PART = 200
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ParsedChunk).decode


def write_parsed_file(parsed: ParsedDocument, chunks: Iterable[ParsedChunk], folder: Path) -> ParsedFile:
    """Write a parsed document into `folder`; this blocks, so the worker process that parsed it calls it."""
    text_path, chunks_path = folder / "text", folder / "chunks"
    with text_path.open("wb") as file:
        for start in range(0, len(parsed.text), _TEXT_PART_CHARS):
            file.write(parsed.text[start : start + _TEXT_PART_CHARS].encode(TEXT_ENCODING))
    count = 0
    with chunks_path.open("wb") as lines:
        for chunk in chunks:
            count += 1
            lines.write(_encode(chunk) + b"\n")
    return ParsedFile(
        page_count=parsed.page_count,
        text_length=len(parsed.text),
        language=parsed.language,
        title=parsed.title,
        chunk_count=count,
        text=text_path,
        chunks=chunks_path,
    )


async def text_parts(parsed: ParsedFile) -> AsyncIterator[bytes]:
    """Yield the text in `TEXT_ENCODING`, in parts of at most 256 KiB."""
    file = await asyncio.to_thread(parsed.text.open, "rb")
    try:
        while part := await asyncio.to_thread(file.read, _TEXT_PART_BYTES):
            yield part
    finally:
        await asyncio.to_thread(file.close)


async def chunk_parts(parsed: ParsedFile, document_id: str) -> AsyncGenerator[Sequence[StoredChunk], None]:
    """Yield the chunks in reading order, at most 200 at once.

    A chunk's id is derived from the document's id and the chunk's place, so that a second run gives the same ids.
    """
    file = await asyncio.to_thread(parsed.chunks.open, "rb")
    namespace = uuid.UUID(document_id)

    def next_part() -> list[StoredChunk]:
        chunks = [_decode(line) for line in islice(file, _CHUNKS_PER_PART)]
        ids = [uuid.uuid5(namespace, f"{chunk.ordinal}:{chunk.start}:{chunk.end}") for chunk in chunks]
        return [StoredChunk(chunk_id=str(id_), **asdict(chunk)) for id_, chunk in zip(ids, chunks, strict=True)]

    try:
        while chunks := await asyncio.to_thread(next_part):
            yield chunks
    finally:
        await asyncio.to_thread(file.close)
