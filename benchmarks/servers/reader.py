"""Reads files named on standard input with one reader: `python reader.py tiku|kreuzberg|markitdown|pdfminer`.

For each line, a path, it prints a line of JSON: the text, or why there is none, the processor seconds, the most memory
of the process so far, and from Tiku the pages and paragraphs. It imports nothing of Tiku unless that is the reader, so
an interpreter that has a peer alone can run it.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any


def _tiku() -> Callable[[str], dict[str, Any]]:
    from pathlib import Path

    from services.docs.adapters.parsers.worker import parse
    from services.docs.domain.upload.sniffing import HEAD_BYTES, TAIL_BYTES, admitted_media_type
    from services.docs.domain.wording.wording import told
    from services.docs.values.parsed_document import BlockKind, ParseError

    importlib.import_module("services.docs.adapters.parsers.preload")

    def read(name: str) -> dict[str, Any]:
        path = Path(name)
        data = path.read_bytes()
        try:
            parsed = parse(path, admitted_media_type(data[:HEAD_BYTES], path.name, data[-TAIL_BYTES:]))
        except ParseError as error:
            return {"refused": error.reason.value, "message": told(error.reason, error.metadata)}
        paragraphs = [
            parsed.text[block.start : block.end] for block in parsed.blocks if block.kind is BlockKind.PARAGRAPH
        ]
        return {"text": parsed.text, "pages": parsed.page_count, "paragraphs": paragraphs}

    return read


def _kreuzberg() -> Callable[[str], dict[str, Any]]:
    kreuzberg = importlib.import_module("kreuzberg")
    return lambda name: {"text": kreuzberg.extract_file_sync(name).content}


def _markitdown() -> Callable[[str], dict[str, Any]]:
    converter = importlib.import_module("markitdown").MarkItDown()
    return lambda name: {"text": converter.convert(name).text_content}


def _pdfminer() -> Callable[[str], dict[str, Any]]:
    extract_text = importlib.import_module("pdfminer.high_level").extract_text
    return lambda name: {"text": extract_text(name)}


_READERS = {"tiku": _tiku, "kreuzberg": _kreuzberg, "markitdown": _markitdown, "pdfminer": _pdfminer}


def main() -> None:
    """Answer each line of standard input until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.disable(logging.CRITICAL)
    read = _READERS[sys.argv[1]]()
    for line in sys.stdin:
        begun = time.process_time()
        try:
            found = read(line.rstrip("\n"))
        except Exception as error:
            found = {"failed": f"{type(error).__name__}: {error}"[:300]}
        found["seconds"] = time.process_time() - begun
        found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
