"""Lines that an editor broke at a margin, and paragraphs put together from them again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from unicodedata import east_asian_width

from services.docs.adapters.parsers.outline import heading_level, is_list_item
from services.language.scripts import is_cjk, is_han, join_lines

_NARROWEST, _NARROWEST_HAN = 50, 36
"""Narrower lines than these, in columns, are verse, dialogue or a table rather than prose broken by an editor."""
_WIDEST = 132
_LEAST_BREAKS = 6
"""Line breaks within sentences by which the margin of a text is known."""
_LEAST_SHARE = 0.4
"""Their least share of all line breaks within paragraphs."""
_LEAST_FULL = 0.6
"""The least share of them that reach the margin."""
_MARGIN = 0.95
"""The share of those lines that are not longer than the margin: some hang over."""
_RAGGED = 6
"""A line may miss the margin by a sixth of it, besides the next word: not every editor fills lines greedily."""
_CLOSING = "。！？…．!?.:：;；”’」』）)》〉\"'"
_PARAGRAPH_GAP = re.compile(r"\n[ \t]*\n+")
_COLUMNS = re.compile(r"\S {3,}\S|\|")
"""What lines of a table hold."""


def paragraphs_of(source: str) -> list[list[str]]:
    """Return the paragraphs of a text as lines that belong together, without what surrounds them.

    They are divided by blank lines. Where nearly all lines have blank ones between them and yet stop within sentences,
    those are no paragraphs: lines go together until one does not reach the margin.
    """
    paragraphs = [paragraph.split("\n") for paragraph in _PARAGRAPH_GAP.split(source)]
    lines = [lines[0] for lines in paragraphs]
    if sum(map(len, paragraphs)) < 1.1 * len(lines) and (margin := margin_of([lines])):
        return list(_regrouped(paragraphs, margin))
    return paragraphs


def _regrouped(paragraphs: list[list[str]], margin: int) -> Iterator[list[str]]:
    group: list[str] = []
    for lines in paragraphs:
        if group and not (len(lines) == 1 and _is_soft_gap(group[-1], lines[0], margin)):
            yield group
            group = []
        group.extend(lines)
    yield group


def _is_soft_gap(line: str, following: str, margin: int) -> bool:
    closed = line.rstrip()[-1] in _CLOSING
    return is_soft_break(line, following, margin) and (not closed or _is_full(line, following, margin, 0))


def margin_of(paragraphs: Sequence[Sequence[str]]) -> int:
    """Return the columns to which a text's lines were broken, 0 where too few breaks stand within sentences."""
    breaks = [pair for lines in paragraphs for pair in pairwise(lines)]
    within = [pair for pair in breaks if _goes_on(pair[0].strip(), pair[1].strip())]
    if len(within) < max(_LEAST_BREAKS, _LEAST_SHARE * len(breaks)):
        return 0
    margin = sorted(_width(line) for line, _ in within)[int(_MARGIN * (len(within) - 1))]
    full = [line for line, following in within if _is_full(line, following, margin, margin // _RAGGED)]
    han = sum(is_han(line.rstrip()[-1]) for line in full)
    narrowest = _NARROWEST_HAN if 2 * han > len(full) else _NARROWEST
    return margin if narrowest <= margin <= _WIDEST and len(full) >= _LEAST_FULL * len(within) else 0


def unwrapped(lines: Sequence[str], margin: int) -> str:
    """Join lines to running text where they were broken at the margin of the text, or at one of their own."""
    full = _is_hard_wrapped([line.strip() for line in lines]) and not any(map(_COLUMNS.search, lines))
    parts = [lines[0].strip()]
    for line, following in pairwise(lines):
        before, after = line.strip(), following.strip()
        soft = full or is_soft_break(line, following, margin)
        parts.append(join_lines(before, after)[len(before) :] if soft else f"\n{after}")
    return "".join(parts)


def is_soft_break(line: str, following: str, margin: int) -> bool:
    """Return whether a line was broken at the margin of its text (0 for none), and not at the end of what it says."""
    before, after = line.strip(), following.strip()
    if not margin or not before or not after or _COLUMNS.search(before) or _COLUMNS.search(after):
        return False
    if is_list_item(after) or heading_level(after):
        return False
    closed = before[-1] in _CLOSING
    if closed and _indent(following) > _indent(line):
        return False
    if not closed and after[0].islower():
        return 2 * _width(line.rstrip()) >= margin
    return _is_full(line, following, margin, margin // _RAGGED)


def _is_full(line: str, following: str, margin: int, slack: int) -> bool:
    return margin - _width(line.rstrip()) <= _width(_first_word(following.strip())) + slack


def _goes_on(line: str, following: str) -> bool:
    """Return whether a sentence goes on from a line to the next one, as far as their edges tell."""
    if not line or not following or line[-1] in _CLOSING or is_list_item(following):
        return False
    return following[0].islower() or (is_cjk(line[-1]) and is_han(following[0]))


def _is_hard_wrapped(lines: Sequence[str]) -> bool:
    """Return whether no line had room for the next line's first word, as greedy filling leaves them and verse not."""
    widths = [_width(line) for line in lines]
    margin = max(widths)
    if not _NARROWEST <= margin <= _WIDEST:
        return False
    return all(
        width + _width(_first_word(following)) + 1 > margin - 1
        for width, (_, following) in zip(widths, pairwise(lines), strict=False)
    )


def _first_word(line: str) -> str:
    if line and is_cjk(line[0]):
        return line[:2]
    return line.split(" ", 1)[0]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _width(text: str) -> int:
    """Return the columns on a terminal: two for a wide character."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
