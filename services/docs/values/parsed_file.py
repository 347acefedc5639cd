"""What reading a file left in a scratch folder: a book's text and chunks are too much for a pipe between processes.

The worker process writes, the service streams on; neither text nor chunks are ever whole in the service's memory.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from services.docs.values.document import TEXT_ENCODING, StoredChunk
from services.docs.values.parsed_document import Chunk, ParsedDocument

_TEXT_PART_CHARS = 64 * 1024
_TEXT_PART_BYTES = 256 * 1024
_CHUNKS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that was read: what it is, and where its text (see `TEXT_ENCODING`) and its chunks lie."""

    page_count: int
    text_length: int
    language: str
    title: str
    chunk_count: int
    text: Path
    chunks: Path

    async def text_parts(self) -> AsyncIterator[bytes]:
        """The text as it is stored, in parts."""
        file = await asyncio.to_thread(self.text.open, "rb")
        try:
            while part := await asyncio.to_thread(file.read, _TEXT_PART_BYTES):
                yield part
        finally:
            await asyncio.to_thread(file.close)

    async def chunk_parts(self, document_id: str) -> AsyncGenerator[Sequence[StoredChunk], None]:
        """The chunks in reading order, some at once, under ids that the same passage of a document always gets."""
        file = await asyncio.to_thread(self.chunks.open, encoding="utf-8")
        namespace = uuid.UUID(document_id)

        def some() -> list[StoredChunk]:
            return [_stored(namespace, line) for line in islice(file, _CHUNKS_AT_ONCE)]

        try:
            while chunks := await asyncio.to_thread(some):
                yield chunks
        finally:
            await asyncio.to_thread(file.close)


def write_reading(parsed: ParsedDocument, chunks: Iterable[Chunk], folder: Path) -> Reading:
    """Lays a parsed document down in `folder`. Blocking: for the worker that parsed it."""
    text, lines = folder / "text", folder / "chunks"
    with text.open("wb") as file:
        for start in range(0, len(parsed.text), _TEXT_PART_CHARS):
            file.write(parsed.text[start : start + _TEXT_PART_CHARS].encode(TEXT_ENCODING))
    count = 0
    with lines.open("w", encoding="utf-8") as out:
        for chunk in chunks:
            count += 1
            record = (
                chunk.ordinal,
                chunk.start,
                chunk.end,
                chunk.page,
                chunk.page_starts,
                chunk.heading_path,
                chunk.text,
            )
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
    return Reading(
        page_count=parsed.page_count,
        text_length=len(parsed.text),
        language=parsed.language,
        title=parsed.title,
        chunk_count=count,
        text=text,
        chunks=lines,
    )


def _stored(namespace: uuid.UUID, line: str) -> StoredChunk:
    ordinal, start, end, page, page_starts, heading_path, text = json.loads(line)
    return StoredChunk(
        chunk_id=str(uuid.uuid5(namespace, f"{ordinal}:{start}:{end}")),
        ordinal=ordinal,
        text=text,
        page=page,
        start=start,
        end=end,
        heading_path=tuple(heading_path),
        page_starts=tuple(page_starts),
    )
