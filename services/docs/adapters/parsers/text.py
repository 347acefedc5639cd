"""Plain text: paragraphs by blank lines, wrapped lines joined, headings and lists by their wording."""

from __future__ import annotations

import re
from functools import reduce
from itertools import pairwise
from pathlib import Path
from unicodedata import east_asian_width

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import read_text
from services.docs.adapters.parsers.outline import heading_level, is_list_item, without_bullet
from services.docs.values.parsed_document import BlockKind
from services.language.folding import normalize
from services.language.scripts import is_cjk, join_lines

_UNDERLINE = re.compile(r"={3,}|-{3,}")
_PARAGRAPH_GAP = re.compile(r"\n[ \t]*\n+")
_NARROWEST_WRAP = 50
"""Narrower lines than these are verse, dialogue or a table rather than prose broken by an editor."""
_WIDEST_WRAP = 132


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the blocks of the text without markup at `path`; it has no pages."""
    source = read_text(path, builder)
    builder.check_complexity(max(source.count("\n"), source.count("\r")), builder.limits.lines, "lines")
    # Normalizing first may lose indents, which mean nothing to this parser.
    source = normalize(source.expandtabs(4))
    builder.check_complexity(source.count("\n"), builder.limits.lines, "lines")
    for paragraph in _PARAGRAPH_GAP.split(source):
        _write([line.strip() for line in paragraph.split("\n")], builder)


def _write(lines: list[str], builder: DocumentBuilder) -> None:
    if len(lines) == 2 and _UNDERLINE.fullmatch(lines[1]) and len(lines[0]) <= 120:
        builder.add(BlockKind.HEADING, lines[0], 1 if lines[1][0] == "=" else 2)
        return
    level = heading_level(lines[0])
    if level:
        builder.add(BlockKind.HEADING, lines[0], level)
        lines = lines[1:]
    for block in _blocks(lines):
        if is_list_item(block[0]):
            builder.add(BlockKind.LIST_ITEM, without_bullet(_unwrap(block)), 1)
        else:
            builder.add(BlockKind.PARAGRAPH, _unwrap(block))


def _blocks(lines: list[str]) -> list[list[str]]:
    """Split lines before each list item; what follows an item belongs to it."""
    blocks: list[list[str]] = []
    for line in lines:
        if not blocks or is_list_item(line):
            blocks.append([line])
        else:
            blocks[-1].append(line)
    return blocks


def _unwrap(lines: list[str]) -> str:
    """Join the lines to running text when an editor broke them at a margin, else keep them."""
    return reduce(join_lines, lines) if len(lines) > 1 and _is_hard_wrapped(lines) else "\n".join(lines)


def _is_hard_wrapped(lines: list[str]) -> bool:
    """Return whether no line had room for the next line's first word, as greedy filling leaves them and verse not."""
    widths = [_width(line) for line in lines]
    margin = max(widths)
    if not _NARROWEST_WRAP <= margin <= _WIDEST_WRAP:
        return False
    return all(
        width + _width(_first_word(following)) + 1 > margin - 1
        for width, (_, following) in zip(widths, pairwise(lines), strict=False)
    )


def _first_word(line: str) -> str:
    if line and is_cjk(line[0]):
        return line[:2]
    return line.split(" ", 1)[0]


def _width(text: str) -> int:
    """Return the columns on a terminal: two for a wide character."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
