"""A parser of plain text in this process, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from services.docs.domain.indexing.parsed_files import write_parsed_file
from services.docs.values.parsed_document import (
    Block,
    BlockKind,
    ParsedChunk,
    ParsedDocument,
    ParsedFile,
    ParseError,
    ParseReason,
)


class FakeDocumentParser:
    """Takes every line of a UTF-8 file for a chunk, and the file for one page."""

    async def parse(
        self, path: Path, media_type: str, folder: Path, on_long: Callable[[], None] | None = None
    ) -> ParsedFile:
        """Parse the file in a thread, whatever its media type; no file is long."""
        text = await asyncio.to_thread(path.read_text, encoding="utf-8")
        chunks: list[ParsedChunk] = []
        start = 0
        for line in text.splitlines(keepends=True):
            end = start + len(line.rstrip("\n"))
            chunks.append(ParsedChunk(len(chunks), start, end, text[start:end], 1, ("章",)))
            start += len(line)
        if not chunks:
            raise ParseError(ParseReason.EMPTY_FILE)
        blocks = (Block(BlockKind.PARAGRAPH, 0, len(text), 1),)
        parsed = ParsedDocument(text, blocks, 1, "题", "zh", (0,))
        return await asyncio.to_thread(write_parsed_file, parsed, chunks, folder)
