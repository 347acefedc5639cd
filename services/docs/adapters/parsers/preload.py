"""What the server that forks workers imports: all parsers, with what they compile and build when they are first used.

A worker starts with the memory of that server. What it would make for its first file costs more than a short file, and
a worker that takes another's place often reads no other.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from services.docs.adapters.parsers.pool import parse_file
from services.docs.adapters.parsers.worker import PARSERS, parser_of
from services.docs.domain.upload.media_types import HTML, MARKDOWN, TEXT
from services.docs.values.parsed_document import ChunkSettings, ParseLimits
from services.kit import heap

_SHORT_FILES = {
    TEXT: "A note of two sentences. Paper was made of bark.\n\n又一段中文。造纸术起源于中国。\n",
    MARKDOWN: "# Notes\n\n- one\n- two\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n",
    HTML: "<html><body><h1>Notes</h1><p>Paper was made of <b>bark</b>.</p></body></html>",
}


def _read_short_files() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for media_type, text in _SHORT_FILES.items():
            path = Path(folder) / "file"
            path.write_text(text, encoding="utf-8")
            parse_file(path, media_type, ParseLimits(), ChunkSettings(), path.parent)


for _media_type in PARSERS:
    parser_of(_media_type)
_read_short_files()
heap.settle()
