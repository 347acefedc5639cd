"""Reads files named on standard input with one reader: `python reader.py tiku|tree|kreuzberg|markitdown|pdfminer`.

For each line, a path, it prints a line of JSON: the text, or why there is none, the processor seconds, the most memory
of the process so far, and from Tiku the pages and paragraphs. It imports nothing of Tiku unless that is the reader, so
an interpreter that has a peer alone can run it. `tree` is the parsers of whatever source tree is on the path, an older
one too: a line is then a media type and a path, and the answer has a digest of all that was read.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_Reader = tuple[Callable[[str], Any], Callable[[Any], dict[str, Any]]]
"""What reads the file that a line names, which is timed, and what tells of it, which is not."""


def _tiku() -> _Reader:
    from services.docs.adapters.parsers.worker import parse
    from services.docs.domain.upload.sniffing import HEAD_BYTES, TAIL_BYTES, admitted_media_type
    from services.docs.domain.wording.wording import told
    from services.docs.values.parsed_document import BlockKind, ParseError

    importlib.import_module("services.docs.adapters.parsers.preload")

    def read(name: str) -> Any:
        path = Path(name)
        data = path.read_bytes()
        try:
            return parse(path, admitted_media_type(data[:HEAD_BYTES], path.name, data[-TAIL_BYTES:]))
        except ParseError as error:
            return error

    def tell(parsed: Any) -> dict[str, Any]:
        if isinstance(parsed, ParseError):
            return {"refused": parsed.reason.value, "message": told(parsed.reason, parsed.metadata)}
        paragraphs = [
            parsed.text[block.start : block.end] for block in parsed.blocks if block.kind is BlockKind.PARAGRAPH
        ]
        return {"text": parsed.text, "pages": parsed.page_count, "paragraphs": paragraphs}

    return read, tell


def _tree() -> _Reader:
    worker = importlib.import_module("services.docs.adapters.parsers.worker")
    error_type = importlib.import_module("services.docs.values.parsed_document").ParseError
    try:
        importlib.import_module("services.docs.adapters.parsers.preload")
    except ModuleNotFoundError:
        # Older trees load a parser with the first file of its format.
        for name in getattr(worker, "PARSERS", {}).values():
            importlib.import_module(f"services.docs.adapters.parsers.{name}")

    def read(line: str) -> Any:
        media_type, _, name = line.partition(" ")
        try:
            return worker.parse(Path(name), media_type)
        except error_type as error:
            return error

    def tell(parsed: Any) -> dict[str, Any]:
        if isinstance(parsed, error_type):
            return {"refused": str(parsed.reason.value)}
        blocks = [(block.kind.value, block.start, block.end, block.page, block.level) for block in parsed.blocks]
        whole = repr((parsed.text, blocks, parsed.page_starts, parsed.title, parsed.language))
        digest = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()
        return {"digest": digest, "pages": parsed.page_count, "chars": len(parsed.text)}

    return read, tell


def _of_text(read: Callable[[str], str]) -> _Reader:
    return read, lambda text: {"text": text}


def _kreuzberg() -> _Reader:
    kreuzberg = importlib.import_module("kreuzberg")
    return _of_text(lambda name: str(kreuzberg.extract_file_sync(name).content))


def _markitdown() -> _Reader:
    converter = importlib.import_module("markitdown").MarkItDown()
    return _of_text(lambda name: str(converter.convert(name).text_content))


def _pdfminer() -> _Reader:
    return _of_text(importlib.import_module("pdfminer.high_level").extract_text)


_READERS = {"tiku": _tiku, "tree": _tree, "kreuzberg": _kreuzberg, "markitdown": _markitdown, "pdfminer": _pdfminer}


def main() -> None:
    """Answer each line of standard input until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.disable(logging.CRITICAL)
    read, tell = _READERS[sys.argv[1]]()
    for line in sys.stdin:
        begun = time.process_time()
        seconds = None
        try:
            answer = read(line.rstrip("\n"))
            seconds = time.process_time() - begun
            found = tell(answer)
        except Exception as error:
            found = {"failed": f"{type(error).__name__}: {error}"[:300]}
        found["seconds"] = time.process_time() - begun if seconds is None else seconds
        found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
