"""Excel: sheets as pages, with their cells as they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.cell_formats import BUILT_IN, shown_number
from services.docs.adapters.parsers.package import RELATION_ID, Package
from services.docs.adapters.parsers.sheets import Row, write_sheet

_S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_REFERENCE = re.compile(r"([A-Z]{1,3})\d*", re.IGNORECASE)
_HIDDEN = frozenset({"hidden", "veryHidden"})
_BOOLEANS = {"0": "FALSE", "1": "TRUE"}


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write every sheet that is shown; a formula is read as the value that was stored for it."""
    with Package.open(path, builder, f"{_S}workbook") as (package, main, workbook):
        relations = package.relations(main)
        parts = {relation.kind: relation.target for relation in relations.values()}
        sheets = [sheet for sheet in workbook.iter(f"{_S}sheet") if sheet.get("state") not in _HIDDEN]
        builder.check_pages(len(sheets), "sheets")
        properties = workbook.find(f"{_S}workbookPr")
        cells = _Cells(
            _shared_texts(package.part(parts.get("sharedStrings", ""))),
            _formats(package.part(parts.get("styles", ""))),
            since_1904=properties is not None and properties.get("date1904") in {"1", "true"},
        )
        for sheet in sheets:
            relation = relations.get(sheet.get(RELATION_ID, ""))
            if relation and relation.kind == "worksheet":
                with package.stream(relation.target) as part:
                    write_sheet(sheet.get("name", ""), cells.rows(part), builder)


def _shared_texts(root: Any) -> list[str]:
    return [] if root is None else [_text(item) for item in root.iterchildren(f"{_S}si")]


def _text(item: Any) -> str:
    """Return the text of a string item without the readings that stand above it."""
    texts = item.iterfind(f"{_S}r/{_S}t") if item.find(f"{_S}r") is not None else item.iterchildren(f"{_S}t")
    return "".join(text.text or "" for text in texts)


def _formats(root: Any) -> list[str]:
    """Return the number format of each style of cells."""
    if root is None:
        return []
    own = {form.get("numFmtId"): form.get("formatCode", "") for form in root.iter(f"{_S}numFmt")}
    styles = root.find(f"{_S}cellXfs")
    ids = [style.get("numFmtId", "0") for style in styles] if styles is not None else []
    return [own.get(key) or BUILT_IN.get(int(key) if key.isdecimal() else 0, "") for key in ids]


class _Cells:
    def __init__(self, texts: list[str], formats: list[str], *, since_1904: bool) -> None:
        self._texts = texts
        self._formats = formats
        self._since_1904 = since_1904

    def rows(self, part: Any) -> Iterator[Row | None]:
        """Yield the rows of a sheet, and None where some are left out; what was read is let go."""
        before = 0
        tags = [f"{namespace}row" for namespace in (_S, _STRICT)]
        for _, row in etree.iterparse(part, tag=tags, resolve_entities=False, no_network=True, load_dtd=False):
            number = row.get("r", "")
            at = int(number) if number.isdecimal() else before + 1
            if at > before + 1:
                yield None
            before = at
            yield self._row(row)
            row.clear()
            while (earlier := row.getprevious()) is not None:
                row.getparent().remove(earlier)

    def _row(self, row: Any) -> Row:
        cells: dict[int, str] = {}
        column = -1
        for cell in row:
            if not isinstance(cell.tag, str):
                continue
            reference = _REFERENCE.match(cell.get("r", ""))
            column = _column(reference[1]) if reference else column + 1
            text = self._shown(cell).strip()
            if text:
                cells[column] = text
        return cells

    def _shown(self, cell: Any) -> str:
        namespace = cell.tag[: cell.tag.index("}") + 1]
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return "".join(text.text or "" for text in cell.iter(f"{namespace}t"))
        value: str | None = cell.findtext(f"{namespace}v")
        if value is None:
            # A program that does not compute writes formulas without their values.
            formula = cell.findtext(f"{namespace}f")
            return f"={formula}" if formula else ""
        if kind == "s":
            known = value.isdecimal() and int(value) < len(self._texts)
            return self._texts[int(value)] if known else ""
        if kind == "b":
            return _BOOLEANS.get(value, value)
        if kind == "n" and value:
            style = cell.get("s", "")
            code = self._formats[int(style)] if style.isdecimal() and int(style) < len(self._formats) else ""
            return shown_number(value, code, since_1904=self._since_1904)
        return value


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1
