"""How structure that plain text lacks is written: tables, exponents, indices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.language.scripts import is_cjk

_SUPERSCRIPTS = str.maketrans("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ")
_SUBSCRIPTS = str.maketrans("0123456789+-−=()aeoxhklmnpst", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₒₓₕₖₗₘₙₚₛₜ")


def table_text(rows: Iterable[Sequence[str]]) -> str:
    """Write rows as lines with bars between cells; line breaks within a cell become spaces, empty rows vanish."""
    return "\n".join(line for line in map(table_line, rows) if line.strip(" |"))


def table_line(row: Sequence[str]) -> str:
    """Write one row of a table."""
    return " | ".join(" ".join(cell.split()) for cell in row).rstrip()


def joined_items(texts: Sequence[str], bulleted: Sequence[bool]) -> str:
    """Put paragraphs on one line; a semicolon shows where an item that had a bullet ends and another begins."""
    line = ""
    for text, is_item, was_item in zip(texts, bulleted, [False, *bulleted], strict=False):
        parted = is_item and was_item and line[-1:].isalnum()
        line += f"{'' if not line else '；' if parted and is_cjk(line[-1]) else '; ' if parted else ' '}{text}"
    return line


_ENDINGS = frozenset({"st", "nd", "rd", "th"})
"""What English raises behind a number: 1st."""


def superscript(text: str) -> str:
    """Write `text` in Unicode's superscripts where all of it exists in them, else as `^text`; ordinals' ends as is."""
    if text.strip() in _ENDINGS:
        return text
    return _raised(text, _SUPERSCRIPTS, "^")


def subscript(text: str) -> str:
    """Write `text` in Unicode's subscripts where all of it exists in them, else as `_text`."""
    return _raised(text, _SUBSCRIPTS, "_")


def _raised(text: str, table: dict[int, int], mark: str) -> str:
    text = text.strip()
    if not text:
        return ""
    if all(ord(char) in table for char in text):
        return text.translate(table)
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"
