"""Excel of before 2007: sheets as pages, with their cells as they are shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xlrd

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.cell_formats import shown_number
from services.docs.adapters.parsers.compound import encrypted
from services.docs.adapters.parsers.office import office_faults
from services.docs.adapters.parsers.sheets import Row, write_sheet


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write every sheet that is shown; a formula is read as the value that was stored for it."""
    with office_faults(), _open(path) as book:
        sheets = [sheet for sheet in book.sheets() if not sheet.visibility]
        builder.check_pages(len(sheets), "sheets")
        for sheet in sheets:
            write_sheet(sheet.name, _rows(book, sheet), builder)


def _open(path: Path) -> Any:
    try:
        return xlrd.open_workbook(
            str(path), logfile=io.StringIO(), formatting_info=True, ragged_rows=True, ignore_workbook_corruption=True
        )
    except xlrd.XLRDError as error:
        if "encrypted" in str(error):
            raise encrypted() from error
        raise


def _rows(book: Any, sheet: Any) -> Iterator[Row | None]:
    for row in range(sheet.nrows):
        yield {at: text for at, cell in enumerate(sheet.row(row)) if (text := _shown(book, cell).strip())} or None


def _shown(book: Any, cell: Any) -> str:
    if cell.ctype in {xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK}:
        return ""
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return "TRUE" if cell.value else "FALSE"
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, ""))
    if cell.ctype == xlrd.XL_CELL_TEXT:
        return str(cell.value)
    known = cell.xf_index is not None and cell.xf_index < len(book.xf_list)
    form = book.format_map.get(book.xf_list[cell.xf_index].format_key) if known else None
    # A whole number is stored as others are.
    value = str(int(cell.value)) if float(cell.value).is_integer() else repr(cell.value)
    return shown_number(value, (form.format_str if form else "") or "", since_1904=bool(book.datemode))
