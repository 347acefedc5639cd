"""Numbers as a spreadsheet shows them: dates, percentages, decimals."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's dates have no zone
_EPOCH_1904_DAYS = 1462
_LAST_SERIAL = 2_958_465
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DATE = re.compile(r"[ydhs]|m", re.IGNORECASE)
_DECIMALS = re.compile(r"[0#,]*[0#](?:\.([0#]+))?")
BUILT_IN = (
    {9: "0%", 10: "0.00%", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00"}
    | dict.fromkeys([*range(14, 18), *range(27, 32), *range(34, 37), *range(50, 59)], "yyyy-mm-dd")
    | dict.fromkeys([18, 19, 20, 21, 32, 33, 45, 46, 47], "hh:mm")
    | {22: "yyyy-mm-dd hh:mm"}
)
"""Formats that a file names by number alone."""


@lru_cache(maxsize=256)
def _kind(code: str) -> tuple[str, int | None]:
    """Return what a format shows, and how many decimals where it says so."""
    section = _LITERAL.sub("", code.partition(";")[0]).strip()
    if not section or section.lower() in {"general", "@"}:
        return "general", None
    if "%" in section:
        return "percent", len(section.partition(".")[2].replace("%", ""))
    if _DATE.search(section) and "e+" not in section.lower():
        return "date", None
    fixed = _DECIMALS.fullmatch(section)
    return ("general", len(fixed[1] or "")) if fixed else ("general", None)


def shown_number(value: str, code: str = "", *, since_1904: bool = False) -> str:
    """Return the number `value` as its format shows it, dates by ISO 8601; what is no number as it is."""
    try:
        number = float(value)
    except ValueError:
        return value
    kind, decimals = _kind(code)
    if kind == "date" and 0 <= number <= _LAST_SERIAL:
        return _date(number + (_EPOCH_1904_DAYS if since_1904 else 0))
    if kind == "percent":
        return f"{number * 100:.{decimals}f}%"
    if decimals is not None and "." in value:
        return f"{number:.{decimals}f}"
    return f"{number:.15g}" if "." in value or "e" in value.lower() else value


def _date(serial: float) -> str:
    moment = _EPOCH + timedelta(seconds=round(serial * 86_400))
    time = f"{moment:%H:%M:%S}".removesuffix(":00")
    if serial < 1:
        return time
    return f"{moment:%Y-%m-%d}" + (f" {time}" if moment.hour or moment.minute or moment.second else "")
