"""Jupyter notebooks: their text, their code, and what the code wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import read_text
from services.docs.adapters.parsers.html import write_fragment
from services.docs.adapters.parsers.markdown import write_markdown
from services.docs.values.parsed_document import BlockKind, ParseError, ParseReason

_DEEPEST = 1_000
"""Deeper than any notebook; the library stops a little above."""
_BRACKETS = re.compile(r'[\[{\]}]|"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_NO_TEXT = re.compile(r"\[?<[^<>]*(?: at 0x[0-9A-Fa-f]+| object| with \d+ Axes)>\]?")
"""What stands for a picture or an object in the text of an output."""
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the cells in their order; of what code wrote only text."""
    source = read_text(path, builder)
    try:
        notebook = orjson.loads(source)
    except orjson.JSONDecodeError as error:
        builder.check_complexity(_depth(source), _DEEPEST, "lists")
        raise _no_notebook() from error
    if not isinstance(notebook, dict):
        raise _no_notebook()
    sheets = notebook.get("worksheets")
    holders = sheets if isinstance(sheets, list) else [notebook]
    cells = [cell for holder in holders if isinstance(holder, dict) for cell in _list(holder.get("cells"))]
    for cell in cells:
        builder.check_deadline()
        if isinstance(cell, dict):
            _write(cell, builder)


def _depth(source: str) -> int:
    """Return how many lists and objects stand within each other at most."""
    depth = deepest = 0
    for mark in _BRACKETS.finditer(source):
        if mark[0][0] != '"':
            depth += 1 if mark[0] in "[{" else -1
            deepest = max(deepest, depth)
    return deepest


def _write(cell: dict[str, Any], builder: DocumentBuilder) -> None:
    source = _joined(cell.get("source", cell.get("input", "")))
    if cell.get("cell_type") == "markdown":
        write_markdown(source, builder)
    elif cell.get("cell_type") == "heading":
        level = cell.get("level", 1)
        # True is an int as well.
        builder.add(BlockKind.HEADING, source, max(level, 1) if type(level) is int else 1)
    elif cell.get("cell_type") == "code":
        builder.add(BlockKind.CODE, source.expandtabs(4))
        for output in _list(cell.get("outputs")):
            if isinstance(output, dict):
                _write_output(output, builder)
    else:
        builder.add(BlockKind.PARAGRAPH, source)


def _write_output(output: dict[str, Any], builder: DocumentBuilder) -> None:
    """Write an output's text, or what it shows instead as Markdown, as a formula or as HTML."""
    if output.get("output_type") in {"error", "pyerr"}:
        builder.add(BlockKind.CODE, f"{output.get('ename', '')}: {output.get('evalue', '')}")
        return
    data = output.get("data")
    data = data if isinstance(data, dict) else {}
    written = _COLOR.sub("", _joined(output.get("text", data.get("text/plain", ""))))
    if written.strip() and not _NO_TEXT.fullmatch(written.strip()):
        builder.add(BlockKind.CODE, written.expandtabs(4))
    elif "text/markdown" in data:
        write_markdown(_joined(data["text/markdown"]), builder)
    elif "text/latex" in data:
        builder.add(BlockKind.PARAGRAPH, _joined(data["text/latex"]))
    elif "text/html" in data:
        write_fragment(_joined(data["text/html"]), builder)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _joined(value: Any) -> str:
    """Return a text that may be stored as a list of lines."""
    return value if isinstance(value, str) else "".join(line for line in _list(value) if isinstance(line, str))


def _no_notebook() -> ParseError:
    return ParseError(ParseReason.CORRUPT_FILE)
