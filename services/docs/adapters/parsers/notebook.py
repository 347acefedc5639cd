"""Jupyter notebooks: their text, their code, and what the code wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import read_text
from services.docs.adapters.parsers.markdown import write_markdown
from services.docs.values.parsed_document import BlockKind, ParseError, ParseReason


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the cells in their order; of what code wrote only text."""
    try:
        notebook = orjson.loads(read_text(path, builder))
    except orjson.JSONDecodeError as error:
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


def _write(cell: dict[str, Any], builder: DocumentBuilder) -> None:
    source = _joined(cell.get("source", cell.get("input", "")))
    if cell.get("cell_type") == "markdown":
        write_markdown(source, builder)
    elif cell.get("cell_type") == "heading":
        level = cell.get("level", 1)
        builder.add(BlockKind.HEADING, source, level if isinstance(level, int) else 1)
    elif cell.get("cell_type") == "code":
        builder.add(BlockKind.CODE, source.expandtabs(4))
        for output in _list(cell.get("outputs")):
            if isinstance(output, dict):
                data = output.get("data")
                written = output.get("text", data.get("text/plain", "") if isinstance(data, dict) else "")
                builder.add(BlockKind.CODE, _joined(written).expandtabs(4))
    else:
        builder.add(BlockKind.PARAGRAPH, source)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _joined(value: Any) -> str:
    """Return a text that may be stored as a list of lines."""
    return value if isinstance(value, str) else "".join(line for line in _list(value) if isinstance(line, str))


def _no_notebook() -> ParseError:
    return ParseError(ParseReason.CORRUPT_FILE)
