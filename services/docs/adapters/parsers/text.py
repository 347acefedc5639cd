"""Plain text: paragraphs by blank lines, wrapped lines joined, headings and lists by their wording."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.encoding import read_text
from services.docs.adapters.parsers.outline import heading_level, is_list_item, without_bullet
from services.docs.adapters.parsers.wrapping import is_soft_break, margin_of, paragraphs_of, unwrapped
from services.docs.values.parsed_document import BlockKind
from services.language.folding import normalize

_ENDS = frozenset('。！？!?.…；;”"’)）')
_UNDERLINE = re.compile(r"={3,}|-{3,}")


def parse(path: Path, builder: DocumentBuilder) -> None:
    """Write the blocks of the text without markup at `path`; it has no pages."""
    write_text(read_text(path, builder), builder)


def write_text(source: str, builder: DocumentBuilder) -> None:
    """Write the blocks of a text without markup."""
    builder.check_complexity(max(source.count("\n"), source.count("\r")), builder.limits.lines, "lines")
    # Normalizing first may lose the first line's indent.
    source = normalize(source.expandtabs(4))
    builder.check_complexity(source.count("\n"), builder.limits.lines, "lines")
    paragraphs = paragraphs_of(source)
    margin = margin_of(paragraphs)
    for lines in paragraphs:
        for part in _parts(lines, margin):
            _write(part, margin, builder)


def _parts(lines: list[str], margin: int) -> Iterator[list[str]]:
    """Yield the lines of a paragraph, anew from each heading on that no blank line parts from what it follows."""
    start = 0
    for number in range(1, len(lines)):
        before, line = lines[number - 1], lines[number]
        under_heading = start == number - 1 and heading_level(before)
        ended = before.rstrip()[-1:] in _ENDS or under_heading or is_list_item(before.strip())
        if not ended or not heading_level(line) or is_soft_break(before, line, margin):
            continue
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if not (following.lstrip()[:1].islower() or is_soft_break(line, following, margin)):
            yield lines[start:number]
            start = number
    yield lines[start:]


def _write(lines: list[str], margin: int, builder: DocumentBuilder) -> None:
    first = lines[0].strip()
    if len(lines) == 2 and _UNDERLINE.fullmatch(lines[1].strip()) and len(first) <= 120:
        builder.add(BlockKind.HEADING, first, 1 if lines[1].strip()[0] == "=" else 2)
        return
    level = 0 if len(lines) > 1 and is_soft_break(lines[0], lines[1], margin) else heading_level(first)
    if level:
        builder.add(BlockKind.HEADING, first, level)
        lines = lines[1:]
    for block in _blocks(lines):
        if is_list_item(block[0].strip()):
            builder.add(BlockKind.LIST_ITEM, without_bullet(unwrapped(block, margin)), 1)
        else:
            builder.add(BlockKind.PARAGRAPH, unwrapped(block, margin))


def _blocks(lines: list[str]) -> list[list[str]]:
    """Split lines before each list item; what follows an item belongs to it."""
    blocks: list[list[str]] = []
    for line in lines:
        if not blocks or is_list_item(line.strip()):
            blocks.append([line])
        else:
            blocks[-1].append(line)
    return blocks
