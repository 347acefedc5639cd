"""Cutting a parsed document into chunks: passages of a size that embeds well, cut where the text pauses (ADR 0029)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate, pairwise

from services.docs.values.parsed_document import Block, BlockKind, ChunkSettings, ParsedChunk, ParsedDocument
from services.language.sentences import Span, runs_on, split_sentences
from services.language.tokens import LEAST_PER_CHARACTER, estimate_tokens

_LINE = re.compile(r"[^\n]*[^\s]")
_COMMA = re.compile(r"[，、,：:]\s*|\s+")

_SMALLEST_UNIT_TOKENS = 12.0
"""Sentences smaller than this are grouped before the search, which keeps it linear in the length of the text."""

_MOST_UNITS = 96
"""No chunk holds more units than this: a document of one-letter lines must not make the search quadratic."""

_REACH = 240
"""Characters on each side of a border by which it is told whether a sentence goes on."""
_LONGEST_GAP = 64
"""Characters of white space over which neighbors may be joined again."""

_LONGEST_LEAD_IN_TOKENS = 40.0
"""Text above the first heading that is not taken for a part of its own."""

_COST_TINY = 1.0
_COST_ORPHANED_HEADING = 4.0
_COST_OPEN_SENTENCE = 2.0
_TEXT = frozenset({BlockKind.PARAGRAPH, BlockKind.LIST_ITEM})
_PROSE = _TEXT | {BlockKind.NOTE}
_MOST_BETWEEN = 8
"""Units that may stand between the parts of a sentence, such as a picture's lettering."""
_MOST_OF_NOTES = 24
"""Those of notes that may stand there as well."""
_WHOLE = frozenset({BlockKind.TABLE, BlockKind.CODE})
"""Kinds of blocks that lose their meaning when cut."""


class _Border(IntEnum):
    """What lies before a unit, from a mere pause to a new chapter."""

    WITHIN_WHOLE = 0
    """Inside a table or a code block."""
    WITHIN_PARAGRAPH = 1
    BETWEEN_ITEMS = 2
    BETWEEN_BLOCKS = 3
    SECTION = 4
    CHAPTER = 5


_OPENING_COSTS = {_Border.WITHIN_WHOLE: 0.5, _Border.WITHIN_PARAGRAPH: 0.15, _Border.BETWEEN_ITEMS: 0.1}
"""What it costs to cut at a border."""
_RUNNING_COSTS = {_Border.CHAPTER: 1.0, _Border.SECTION: 0.15}
"""What it costs to run across a border."""


@dataclass(frozen=True, slots=True)
class _Unit:
    start: int
    end: int
    tokens: float
    kind: BlockKind
    border: _Border
    path: tuple[str, ...]


def chunk(parsed: ParsedDocument, settings: ChunkSettings | None = None) -> list[ParsedChunk]:
    """Cut a document into chunks, in reading order.

    They are disjoint and cover all text that is not white space; each is an exact slice of at most `max_tokens`
    estimated tokens. The same document and settings always give the same chunks.
    """
    settings = settings or ChunkSettings()
    units = list(_units(parsed, settings.max_tokens))
    chunks: list[ParsedChunk] = []
    for first, last in _cheapest_grouping(units, _open_sentences(parsed.text, units), settings):
        group = units[first:last]
        start, end = group[0].start, group[-1].end
        following = units[last].start if last < len(units) else end
        chunks.append(
            ParsedChunk(
                ordinal=len(chunks),
                start=start,
                end=end,
                text=parsed.text[start:end],
                page=parsed.page_at(start),
                heading_path=_path(group),
                page_starts=parsed.page_starts_within(start, end),
                gap=parsed.text[end:following] if following - end <= _LONGEST_GAP else "",
            )
        )
    return chunks


def _path(group: list[_Unit]) -> tuple[str, ...]:
    """Return the headings above a chunk's first text, or its own where it holds headings only.

    Some lines above a document's first heading, such as its author, do not take the heading from the chunk.
    """
    lead_in = 0.0
    for unit in group:
        if unit.kind is BlockKind.HEADING:
            continue
        lead_in += unit.tokens
        if unit.path or lead_in > _LONGEST_LEAD_IN_TOKENS:
            return unit.path
    return group[-1].path


def _units(parsed: ParsedDocument, max_tokens: int) -> Iterator[_Unit]:
    chapter_level = _chapter_level(parsed.blocks)
    path: list[tuple[int, str]] = []
    previous: Block | None = None
    for block in parsed.blocks:
        if block.kind is BlockKind.HEADING:
            path = [(level, text) for level, text in path if level < block.level]
            path.append((block.level, " ".join(parsed.text[block.start : block.end].split())))
        border = _border_before(block, previous, chapter_level)
        titles = tuple(text for _, text in path)
        within = _Border.WITHIN_WHOLE if block.kind in _WHOLE else _Border.WITHIN_PARAGRAPH
        for start, end, tokens in _pieces(parsed.text, block, max_tokens):
            yield _Unit(start, end, tokens, block.kind, border, titles)
            border = within
        previous = block


def _chapter_level(blocks: tuple[Block, ...]) -> int:
    """Return the highest heading level that divides the document: the first with two headings or more, 0 for none.

    A lone heading above all others is the document's title and divides nothing.
    """
    counts = Counter(block.level for block in blocks if block.kind is BlockKind.HEADING)
    return next((level for level in sorted(counts) if counts[level] > 1), 0)


def _border_before(block: Block, previous: Block | None, chapter_level: int) -> _Border:
    if block.kind is BlockKind.HEADING:
        return _Border.CHAPTER if block.level <= chapter_level else _Border.SECTION
    items = previous is not None and previous.kind is block.kind is BlockKind.LIST_ITEM
    return _Border.BETWEEN_ITEMS if items else _Border.BETWEEN_BLOCKS


def _pieces(text: str, block: Block, max_tokens: int) -> Iterator[tuple[int, int, float]]:
    """Cut a block at its natural pauses into pieces of at most `max_tokens`, and group small ones."""
    if block.kind in _WHOLE:
        spans = [Span(*line.span()) for line in _LINE.finditer(text, block.start, block.end)]
    elif block.kind is BlockKind.HEADING:
        spans = [Span(block.start, block.end)]
    else:
        spans = _whole_sentences(text, split_sentences(text, block.start, block.end), max_tokens / 2)
    start, end, tokens = block.start, block.start, 0.0
    for piece_start, piece_end, piece_tokens in _fitting(text, spans, max_tokens):
        if tokens and (tokens >= _SMALLEST_UNIT_TOKENS or tokens + piece_tokens > max_tokens):
            yield start, end, tokens
            tokens = 0.0
        if not tokens:
            start = piece_start
        end = piece_end
        tokens += piece_tokens
    if end > start:
        yield start, end, tokens


def _whole_sentences(text: str, spans: list[Span], max_tokens: float) -> list[Span]:
    """Join lines over which a sentence goes on, as in verse, to spans of at most so many tokens."""
    whole: list[Span] = []
    tokens = 0.0
    for span in spans:
        own = estimate_tokens(text[span.start : span.end])
        if whole and tokens + own <= max_tokens and "\n" in text[whole[-1].end : span.start]:
            before, after = text[whole[-1].start : whole[-1].end], text[span.start : span.start + _REACH]
            if runs_on(before, after):
                whole[-1] = Span(whole[-1].start, span.end)
                tokens += own
                continue
        whole.append(span)
        tokens = own
    return whole


def _fitting(
    text: str, spans: list[Span], max_tokens: int, *, clauses: bool = False
) -> Iterator[tuple[int, int, float]]:
    """Cut sentences that are too long for one chunk: at semicolons; `clauses` at commas, spaces, or anywhere."""
    for start, end in spans:
        tokens = estimate_tokens(text[start:end])
        if tokens <= max_tokens:
            yield start, end, tokens
        elif not clauses:
            yield from _fitting(text, split_sentences(text, start, end, clauses=True), max_tokens, clauses=True)
        else:
            opened = start
            while opened < end:
                cut = _furthest_cut(text, opened, end, max_tokens)
                closed = opened + len(text[opened:cut].rstrip())
                yield opened, closed, estimate_tokens(text[opened:closed])
                opened = cut + len(text[cut:end]) - len(text[cut:end].lstrip())


def _furthest_cut(text: str, start: int, end: int, max_tokens: int) -> int:
    """Return the last pause at which `text[start:cut]` still fits, or the last character when there is no pause."""
    # Nothing past this reach can fit.
    reach = min(end, start + int(max_tokens / LEAST_PER_CHARACTER) + 1)
    low, high = start + 1, reach
    while low < high:
        middle = (low + high + 1) // 2
        if estimate_tokens(text[start:middle]) <= max_tokens:
            low = middle
        else:
            high = middle - 1
    if low >= end:
        return end
    pauses = [match.end() for match in _COMMA.finditer(text, start + (low - start) // 2, low)]
    return pauses[-1] if pauses else low


def _open_sentences(text: str, units: list[_Unit]) -> list[bool]:
    """Return for each unit whether a sentence is open behind it, which goes on in a later line or paragraph."""
    is_open = [False] * len(units)
    for at, unit in enumerate(units):
        following = _next_of_text(units, at) if unit.kind in _PROSE else None
        if following is None:
            continue
        if units[following].border is _Border.WITHIN_PARAGRAPH and "\n" not in text[unit.end : units[following].start]:
            continue
        before, after = (
            text[max(unit.start, unit.end - _REACH) : unit.end],
            text[units[following].start : units[following].start + _REACH],
        )
        if runs_on(before, after):
            is_open[at:following] = [True] * (following - at)
    return is_open


def _next_of_text(units: list[_Unit], at: int) -> int | None:
    """Return the unit in which the sentence of another one may go on; notes at a page's foot stand between them."""
    kinds = _PROSE if units[at].kind is BlockKind.NOTE else _TEXT
    between = 0
    for later in range(at + 1, min(at + 2 + _MOST_BETWEEN + _MOST_OF_NOTES, len(units))):
        if units[later].kind in kinds:
            return later
        between += units[later].kind is not BlockKind.NOTE
        if between > _MOST_BETWEEN:
            break
    return None


def _cheapest_grouping(units: list[_Unit], is_open: list[bool], settings: ChunkSettings) -> list[tuple[int, int]]:
    """Return half-open ranges of units, one a chunk, of the least total cost, in time linear in the units."""
    totals = [0.0, *accumulate(unit.tokens for unit in units)]
    opening = [_OPENING_COSTS.get(unit.border, 0.0) for unit in units]
    opening[:1] = [0.0]
    # To run across a border right below a heading costs nothing.
    running = [0.0] + [
        0.0 if above.kind is BlockKind.HEADING else _RUNNING_COSTS.get(unit.border, 0.0)
        for above, unit in pairwise(units)
    ]
    best = [0.0] + [float("inf")] * len(units)
    origin = [0] * (len(units) + 1)
    for last in range(1, len(units) + 1):
        orphaned = units[last - 1].kind is BlockKind.HEADING and last < len(units)
        closing = _COST_ORPHANED_HEADING if orphaned else _COST_OPEN_SENTENCE if is_open[last - 1] else 0.0
        inner = 0.0  # the cost of the borders that the group runs across
        for first in range(last - 1, max(-1, last - 1 - _MOST_UNITS), -1):
            tokens = totals[last] - totals[first]
            if tokens > settings.max_tokens and first < last - 1:
                break
            cost = best[first] + opening[first] + inner + _size_cost(tokens, settings) + closing
            if cost < best[last]:
                best[last], origin[last] = cost, first
            inner += running[first]
    groups: list[tuple[int, int]] = []
    last = len(units)
    while last:
        groups.append((origin[last], last))
        last = origin[last]
    return groups[::-1]


def _size_cost(tokens: float, settings: ChunkSettings) -> float:
    distance = (tokens - settings.target_tokens) / settings.target_tokens
    if tokens >= settings.min_tokens:
        return distance * distance
    return distance * distance + _COST_TINY * (1 - tokens / settings.min_tokens)
