"""Comma-separated values, or what else separates them: one table."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import read_text
from services.docs.values.parsed_document import BlockKind

_SEPARATORS = ",\t;|"
_DECLARED = re.compile(r"(?i:sep)=([,\t;|:])[ \t]*(?:\r\n?|\n)")
"""A first line for Excel that names the separator."""
_SAMPLE_LINES = 50
_LONGEST_CELL = 1_000_000


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the rows as a table; a file without any separator is lines of text."""
    source = read_text(path, builder)
    builder.check_complexity(source.count("\n") + source.count("\r"), builder.limits.lines, "lines")
    csv.field_size_limit(_LONGEST_CELL)
    declared = _DECLARED.match(source)
    source = source[declared.end() :] if declared else source
    separator = declared[1] if declared else _separator(source)
    reader = csv.reader(io.StringIO(source, newline=""), delimiter=separator)
    try:
        rows = [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error:  # A cell without an end, or a bare null byte.
        rows = [[line] for line in source.splitlines()]
    if any(len(row) > 1 for row in rows):
        builder.add_table(rows)
    else:
        builder.add(BlockKind.PARAGRAPH, "\n".join(cell for row in rows for cell in row))


def _separator(source: str) -> str:
    """Return the separator that parts most of the first lines into the same number of cells, more than one."""
    sample = "".join(source.splitlines(keepends=True)[:_SAMPLE_LINES])

    def agreement(separator: str) -> tuple[int, int]:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=separator) if row]
        except csv.Error:
            return 0, 0
        first = widths[0] if widths else 1
        return (widths.count(first), first) if first > 1 else (0, max(widths, default=1))

    return max(_SEPARATORS, key=agreement)
