"""What the two Office formats share: errors of their libraries, and formulas as text."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from services.docs.values.parsed_document import ParseError, ParseReason

logger = logging.getLogger(__name__)

_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
FORMULA = f"{_MATH}oMath"
_MATH_TEXT = f"{_MATH}t"
_MATH_GROUPS = {f"{_MATH}sup": "^", f"{_MATH}sub": "_", f"{_MATH}num": "", f"{_MATH}den": "/"}
"""From an element whose text is grouped where needed to what is written before it."""
ALTERNATE_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"

_XML_LIMIT = "XML_PARSE_HUGE"
"""The option that libxml2 names in each error about a limit of its own."""


@contextmanager
def office_faults() -> Iterator[None]:
    """Turn whatever a library raises on a damaged package, which may be any error, into CORRUPT_FILE, and log it.

    What is no damage but nested deeper, or longer, than the XML library reads is TOO_COMPLEX.
    """
    try:
        yield
    except (ParseError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, RecursionError) or _XML_LIMIT in str(error):
            raise ParseError(
                ParseReason.TOO_COMPLEX, "the file's XML is nested too deeply, or a text in it is too long"
            ) from error
        logger.warning("an Office file could not be read", exc_info=True)
        raise ParseError(
            ParseReason.CORRUPT_FILE, "the file is damaged: open it in its program, save it again and upload that"
        ) from error


def math_text(formula: Any) -> str:
    """Write an Office formula on one line: `a/b` for fractions, `x^2` and `x_1` for scripts, grouped where needed."""
    # Walked with a stack of (element, whether leaving), as a hostile formula may nest deeply.
    parts: list[str] = []
    stack: list[tuple[Any, bool]] = [(formula, False)]
    marks: list[int] = []
    while stack:
        element, leaving = stack.pop()
        if leaving:
            begin = marks.pop()
            group = "".join(parts[begin:])
            parts[begin:] = [group if len(group) < 2 else f"({group})"]
            continue
        if element.tag == _MATH_TEXT:
            parts.append(element.text or "")
            continue
        if element.tag in _MATH_GROUPS:
            parts.append(_MATH_GROUPS[element.tag])
            marks.append(len(parts))
            stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))
    return "".join(parts)
