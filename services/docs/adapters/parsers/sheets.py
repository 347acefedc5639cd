"""What every table program's files become: a page and a heading for each sheet, and its tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.values.parsed_document import BlockKind

Row = Mapping[int, str]
"""The texts of a row's cells by their column; cells without text are left out."""


def write_sheet(name: str, rows: Iterable[Row | None], builder: DocumentBuilder) -> None:
    """Write a sheet; rows without anything part its tables, and a row of one cell above a table is its title."""
    builder.begin_page()
    builder.add(BlockKind.HEADING, name, 1)
    for table in _tables(rows, builder):
        while table and len(table[0]) == 1 and (len(table) == 1 or len(table[1]) > 1):
            builder.add(BlockKind.PARAGRAPH, next(iter(table[0].values())))
            table = table[1:]
        # Only columns that are used stand in the text, as a cell may stand far from all others.
        columns = sorted({column for row in table for column in row})
        builder.check_chars(len(table) * len(columns))
        builder.add_table([row.get(column, "") for column in columns] for row in table)


def _tables(rows: Iterable[Row | None], builder: DocumentBuilder) -> Iterator[Sequence[Row]]:
    table: list[Row] = []
    chars = 0
    for row in rows:
        builder.check_deadline()
        if row:
            chars += sum(map(len, row.values()))
            builder.check_chars(chars)
            table.append(row)
        elif table:
            yield table
            table = []
    if table:
        yield table
