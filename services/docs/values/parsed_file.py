"""What parsing a file left in a scratch folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A file that was parsed: its figures, and the files that hold its text and its chunks.

    A book's text and chunks are too large for a pipe between processes. So the worker process writes them, and the
    service streams them on; its memory never holds all of them.
    """

    page_count: int
    text_length: int
    """Length of the normalized text in code points."""
    language: str
    title: str
    chunk_count: int
    text: Path
    chunks: Path
