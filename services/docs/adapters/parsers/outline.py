"""Headings and list items recognized by their wording, for formats that do not mark them: plain text and PDF."""

from __future__ import annotations

import re

from services.language.detection import LANGUAGES
from services.language.outline import OutlineRules
from services.language.scripts import is_cjk

RULES = OutlineRules.joined(language.outline for language in LANGUAGES)
_HEADINGS = (
    (re.compile(RULES.chapter), 1),
    (re.compile(rf"{RULES.section}|\d{{1,2}}\.\d{{1,2}}(?!{RULES.measured})\.?\s*[^\d\s.、%℃°]"), 2),
    (re.compile(rf"{RULES.subsection}|\d{{1,2}}\.\d{{1,2}}\.\d{{1,2}}\.?\s*[^\d\s.、]"), 3),
)
_ALONE = re.compile(rf"(?:{RULES.alone})[：:]?")
_TYPOGRAPHIC_BULLETS = "•●▪■◦○➢✓◆◇"
_BULLET = re.compile(r"[-*+•●▪■◦○·–➢✓◆◇]\s+(?=\S)|[•●▪■◦➢✓◆◇](?=\S)")
_NUMBER = re.compile(
    r"(?:[（(]?\d{1,3}[.)）、．]\s*(?=[^\d\s])|[（(]?[A-Za-z][.)）]\s+(?=\S)(?![A-Z]\.\s)|[①-⑳]\s*(?=\S))"
)
_AFTER_LETTER = frozenset(".)")
_CAPTION = re.compile(RULES.caption)
_MAX_CHARS = 80
_MAX_CHARS_CJK = 40
_SENTENCE_END = "。！？!?；;，,、：:"
_ROMAN = frozenset("ivxlc")
_LEADER = re.compile(r"(?:(?:[.．·]\s?){4,}|…{2,}|\s{3,})\s*(?:(\d{1,4})|[ivxlc]+)\s*$")
_CONTENTS = re.compile(RULES.contents, re.IGNORECASE)


def heading_level(line: str) -> int:
    """Return the heading level by the wording of `line`: 1 a chapter, 2 a section, 3 below, 0 no heading.

    A line that ends like a sentence or like an entry in a table of contents is none.
    """
    line = line.strip()
    if not line or len(line) > _MAX_CHARS or line[-1] in _SENTENCE_END or is_contents_entry(line):
        return 0
    if line.endswith(".") and not line[:-1].isdigit() and len(line.split()) > 3:
        return 0
    if _ALONE.fullmatch(line):
        return 2
    if len(line) > _MAX_CHARS_CJK and is_cjk(max(line)):
        return 0
    return next((level for pattern, level in _HEADINGS if pattern.match(line)), 0)


def is_list_item(line: str) -> bool:
    """Return whether `line` begins with a bullet or a number, as a list item does."""
    # Most lines begin with a letter, of which one alone is a number: this is asked of every line.
    if line[:1].isalpha() and line[1:2] not in _AFTER_LETTER:
        return False
    return _BULLET.match(line) is not None or _NUMBER.match(line) is not None


def is_bulleted(line: str) -> bool:
    """Return whether `line` begins with a bullet that no programming language or sum begins with."""
    return line[:1] in _TYPOGRAPHIC_BULLETS and _BULLET.match(line) is not None


def is_caption(line: str) -> bool:
    """Return whether `line` begins as the caption of a figure or table does."""
    return _CAPTION.match(line) is not None


def is_list_mark(text: str) -> bool:
    """Return whether `text` is a bullet or number alone."""
    return is_list_item(f"{text} x") and not is_list_item(text)


def is_contents_entry(line: str) -> bool:
    """Return whether `line` may be one of a table of contents: a title, dots, a page number."""
    # This is asked of every line, and few end as a number does.
    last = line.rstrip()[-1:]
    return (last.isdecimal() or last in _ROMAN) and _LEADER.search(line) is not None


def contents_title(entry: str) -> str:
    """Return the title of an entry in a table of contents."""
    return _LEADER.sub("", entry).strip()


def contents_page(entry: str) -> int:
    """Return the page of an entry in a table of contents, 0 for one in Roman figures."""
    found = _LEADER.search(entry)
    return int(found.group(1) or 0) if found else 0


def is_contents_heading(line: str) -> bool:
    """Return whether `line` heads a table of contents."""
    return _CONTENTS.fullmatch(line.strip()) is not None


def without_bullet(text: str) -> str:
    """Return a list item without its bullet; a number stays, because the text may refer to it."""
    return _BULLET.sub("", text, count=1) if _BULLET.match(text) else text
