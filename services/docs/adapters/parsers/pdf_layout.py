"""Making a document of the lines on pages: without furniture, headings found by size, paragraphs put together.

Coordinates are points from the page's lower left corner, so a line further down has a smaller `bottom`.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, reduce
from itertools import groupby, islice, pairwise
from typing import NamedTuple

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.adapters.parsers.markup import table_text
from services.docs.adapters.parsers.outline import (
    RULES,
    contents_page,
    contents_title,
    heading_level,
    is_bulleted,
    is_caption,
    is_contents_entry,
    is_contents_heading,
    is_list_item,
    is_list_mark,
    without_bullet,
)
from services.docs.values.parsed_document import BlockKind, WarningReason
from services.language.scripts import LATIN, hyphenated_words, is_cjk, is_han, join_lines
from services.language.sentences import runs_on

_MARGIN = 0.12
"""Running headers, footers and page numbers stand in this part of the page at its top and bottom."""
_REPEATED_ON_PAGES = 3
_LEAST_IMAGE_SHARE = 0.2
"""How much of a page without text its images cover where it is a scan and no page with a small ornament."""
_CONTENTS_ENTRIES = 3
"""How many entries make a table of contents."""
_SLIDE_FURNITURE_RATIO = 0.9
"""Slides repeat lines at their foot that are content (a result, a question), but not in small print."""
_POSITION_TOLERANCE = 3.0
_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b")
_OUTER_NUMBER = re.compile(r"^\d{1,4}(?=\s)|(?<=\s)\d{1,4}$")
_PAGE_NUMBER = re.compile(
    rf"[-–—·•\s|]*(?:(?:{RULES.before_page})\s*)?(?:\d{{1,4}}|[ivxlc]{{1,6}})\s*(?:{RULES.after_page})?"
    rf"(?:\s*(?:/|{RULES.of_pages})\s*\d{{1,4}}\s*(?:{RULES.after_page})?)?[-–—·•\s|]*",
    re.IGNORECASE,
)
CELL_GAP_EMS = 1.0
"""The gap between words, in ems, from which on it separates cells."""
_ALIGNMENT = 3.0
_GAP = 1.3
_USUAL_LEADING = 1.4
_ROWS_OF_COLUMNS = 4
"""How many rows show that columns of text stand side by side."""
_NOTE_MARK = re.compile(r"[\[(（〔]?(?:\d{1,3}(?![.,]?\d)|[①-⑳]|[*†‡§]{1,3}|[¹²³⁰⁴-⁹]{1,3})[\])）〕]?\.?\s*[^\W\d_]")
"""What a note begins with."""
_NOTE_RATIO = 0.95
_SHORTEST_NOTE = 8
_ABOVE_NOTES = frozenset({BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.TABLE})
_FIRST_WORD = re.compile("[（《〈“‘「『【([]*(?:[!-~]+|.)[，。、；：？！）》〉”’」』】)]*")
"""What of a line in Chinese cannot be parted: an opening mark stands on the line of what it opens."""
_OF_SENTENCES = frozenset({BlockKind.PARAGRAPH, BlockKind.LIST_ITEM})
_LIKE_SHARE = 0.5
_LINES_TOLD = 3
"""How many lines at a column's end tell whether a sentence goes on."""
_RAGGED = 6.0
"""How unevenly, in ems, lines of running text end."""
_ROW_STEP = 1.1
"""How much farther apart the rows of a table are than the lines within its cells."""
_LEAST_ROWS = 3
"""How many rows show that columns are a table's."""
_NARROWEST_COLUMN = 10.0
"""The width of a column of running text, in ems."""
_TERM_SHARE, _TERM_WORDS = 0.8, 2
"""How wide a term may be, as a share of the narrowest column, and how many words it may have."""
_PAIR = re.compile(r"[^\s:：]+(?: [^\s:：]+){0,2}(?:: |：)\S")
"""A term and what is said of it."""
_HEADING_RATIO = 1.12
_NUMBERED = re.compile(r"[（(]?\d{1,3}(?:\.\d{1,3})*[.)）、]?\s*[^\d\s]")
_LONGEST_HEADING = 120
_LONG_SHARE = 0.2
"""The least share of longer lines in a size that is no heading's."""
_DEEPEST_INDENT = 3.0
_LABEL_RATIO = 0.92
_LONGEST_LABEL = 50
_SENTENCE_END = '。！？.!?：:；;”"』」…'
_FIRST_CJK = "\u2e80"
"""The first character that `is_cjk`."""
_HYPHEN_END = re.compile(f"([{LATIN}]+)-$")
_OWN_HYPHEN = re.compile(f"[{LATIN}0-9]-$")
_COMPOUND = re.compile(RULES.compound)
_WORD_START = re.compile(f"[{LATIN}]+")


class Cell(NamedTuple):
    """A part of a line between wide gaps, with its horizontal extent."""

    text: str
    left: float
    right: float


class PrintedLine(NamedTuple):
    """A printed line: its text, its box, its font size in points, and its cells where wide gaps part it.

    Pages have hundreds of them and of their parts; a frozen dataclass takes several times as long to make.
    """

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float
    bold: bool = False
    monospaced: bool = False
    cells: tuple[Cell, ...] = ()

    def part(self, text: str, left: float, right: float, cells: tuple[Cell, ...] = ()) -> PrintedLine:
        """Return this line with another text from `left` to `right`, in these cells."""
        # `_replace` takes several times as long, and tables have tens of thousands of parts.
        manner = self.size, self.bold, self.monospaced
        return PrintedLine(text, left, right, self.bottom, self.top, *manner, cells)

    def is_left_of(self, other: PrintedLine) -> bool:
        """Return whether `other` continues the same row to the right."""
        same_row = abs(self.bottom - other.bottom) < 0.35 * min(self.size, other.size)
        return same_row and other.left >= self.right - 0.2 * self.size

    def beside(self, other: PrintedLine) -> PrintedLine:
        """Return this line with `other` to its right: as cells when far apart, as one text when near."""
        # pdfium ends a line after an index: what follows it closely is the same word.
        space = "" if other.left - self.right < 0.15 * self.size else " "
        joined = self.part(f"{self.text}{space}{other.text}", self.left, other.right)
        first = self.cells or (Cell(self.text, self.left, self.right),)
        second = other.cells or (Cell(other.text, other.left, other.right),)
        if other.left - self.right < CELL_GAP_EMS * self.size:
            middle = Cell(f"{first[-1].text}{space}{second[0].text}", first[-1].left, second[0].right)
            return joined.with_cells((*first[:-1], middle, *second[1:]))
        return joined.with_cells((*first, *second))

    def with_cells(self, cells: tuple[Cell, ...]) -> PrintedLine:
        """Return this line with its cells, when two or more show something; a list's number or bullet is no cell."""
        cells = tuple(cell for cell in cells if cell.text)
        if len(cells) > 1 and is_list_mark(cells[0].text):
            cells = (Cell(f"{cells[0].text} {cells[1].text}", cells[0].left, cells[1].right), *cells[2:])
        return self.part(self.text, self.left, self.right, cells) if len(cells) > 1 else self

    def is_row_with(self, other: PrintedLine) -> bool:
        """Return whether both lines are rows of one table: a cell after the first lines up, left, right or centered."""
        return any(
            abs(mine.left - theirs.left) < _ALIGNMENT
            or abs(mine.right - theirs.right) < _ALIGNMENT
            or abs(mine.left + mine.right - theirs.left - theirs.right) < 2 * _ALIGNMENT
            for mine in self.cells[1:]
            for theirs in other.cells[1:]
        )


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """A page: its 1-based number, its height in points, its lines in reading order, its width where it is known.

    `asides` holds the lines of text that runs in other directions, as if the page were turned. `image_share` is how
    much of a page without much text its images cover, from 0 to 1. `wrong_letters` says that its characters are not
    those that it shows.
    """

    number: int
    height: float
    lines: list[PrintedLine]
    width: float = 0.0
    asides: tuple[list[PrintedLine], ...] = ()
    image_share: float = 0.0
    wrong_letters: bool = False

    @property
    def all_lines(self) -> list[PrintedLine]:
        """Return the lines of all directions."""
        return [line for part in (self.lines, *self.asides) for line in part]

    @property
    def is_slide(self) -> bool:
        """Return whether the page is wider than high."""
        return self.width > self.height


@dataclass(slots=True)
class _Draft:
    """A block in the making: its lines, where among them a new page begins, whether it is a figure's lettering."""

    kind: BlockKind
    lines: list[PrintedLine]
    level: int = 0
    is_label: bool = False
    page_breaks: list[int] = field(default_factory=list)


class _Role(NamedTuple):
    """What a line would be as a block of its own."""

    kind: BlockKind
    level: int = 0
    is_label: bool = False


_TEXT, _TABLE, _CODE = _Role(BlockKind.PARAGRAPH), _Role(BlockKind.TABLE), _Role(BlockKind.CODE)
_CAPTION, _LABEL = _Role(BlockKind.CAPTION), _Role(BlockKind.CAPTION, is_label=True)
_ITEM = _Role(BlockKind.LIST_ITEM, 1)


def write_layout(pages: list[PrintedPage], builder: DocumentBuilder) -> None:
    """Write the pages' blocks into `builder`, opening a page for each."""
    pages = _without_furniture(pages)
    builder.warn(
        WarningReason.PAGES_WITHOUT_TEXT,
        [page.number for page in pages if page.image_share >= _LEAST_IMAGE_SHARE and not page.all_lines],
    )
    builder.warn(WarningReason.WRONG_LETTERS, [page.number for page in pages if page.wrong_letters])
    lines = [line for page in pages for line in page.all_lines]
    styles, words = _Styles(lines), _Vocabulary(lines)
    pending: list[_Draft] = []
    for page in pages:
        builder.check_deadline()
        columns = [column for part in (page.lines, *page.asides) for column in _columns(part)]
        drafts = list(_drafts(columns, styles))
        if pending and drafts and _continues(pending[-1], drafts[0], columns[0]):
            pending[-1].page_breaks.append(len(pending[-1].lines))
            pending[-1].lines += drafts.pop(0).lines
            pending += drafts
        else:
            for draft in pending:
                _write(draft, builder, words)
            builder.begin_page()
            pending = drafts
    for draft in pending:
        _write(draft, builder, words)


def _write(draft: _Draft, builder: DocumentBuilder, words: _Vocabulary) -> None:
    if draft.kind is BlockKind.TABLE:
        builder.add(draft.kind, table_text([cell.text for cell in line.cells] for line in draft.lines))
        return
    if draft.kind is BlockKind.CODE or draft.is_label:
        # A monospaced character is about 0.6 em wide.
        edge = min(line.left for line in draft.lines)
        indents = [0 if draft.is_label else round((line.left - edge) / (0.6 * line.size)) for line in draft.lines]
        lines = (" " * indent + line.text for indent, line in zip(indents, draft.lines, strict=True))
        builder.add(draft.kind, "\n".join(lines))
        return
    breaks = [0, *draft.page_breaks, len(draft.lines)]
    texts = [line.text for line in draft.lines]
    parts = [words.joined(texts[first:last]) for first, last in pairwise(breaks)]
    # A word may be divided across pages too; its end then stays with its beginning.
    for index in range(len(parts) - 1):
        parts[index], parts[index + 1] = words.mend(parts[index], parts[index + 1])
    if draft.kind is BlockKind.LIST_ITEM:
        parts[0] = without_bullet(parts[0])
    builder.add_across_pages(draft.kind, parts, draft.level)


def _without_furniture(pages: list[PrintedPage]) -> list[PrintedPage]:
    """Return the pages without running headers and footers and without page numbers.

    Furniture stands at the page's edge, apart from the text and no larger than it, on a slide smaller; a header's
    words, numbers aside, come back at the same place on at least three pages, or count the pages. The lines of a table
    of contents go too.
    """
    body_size = _body_size(line for page in pages for line in page.lines)
    edges = [_edge_lines(page, body_size) for page in pages]
    places = Counter(key for lines in edges for key in {_furniture_key(line) for line in lines})
    offsets = Counter(offset for page, lines in zip(pages, edges, strict=True) for offset in _offsets(page, lines))

    def is_furniture(line: PrintedLine, page: PrintedPage) -> bool:
        repeated = places[_furniture_key(line)] >= _REPEATED_ON_PAGES
        counted = any(offsets[offset] >= _REPEATED_ON_PAGES for offset in _offsets(page, [line]))
        return repeated or counted or _PAGE_NUMBER.fullmatch(line.text) is not None

    sideways = Counter(text for page in pages for text in {line.text for part in page.asides for line in part})
    cleaned = []
    for page, lines in zip(pages, edges, strict=True):
        removed = {id(line) for line in lines if is_furniture(line, page)}
        kept = [line for line in page.lines if id(line) not in removed]
        asides = ([line for line in part if sideways[line.text] < _REPEATED_ON_PAGES] for part in page.asides)
        cleaned.append(replace(page, lines=kept, asides=tuple(filter(None, asides))))
    return _without_contents(cleaned)


def _without_contents(pages: list[PrintedPage]) -> list[PrintedPage]:
    """Return the pages without the entries of a table of contents.

    Dots before a number also lead to prices and continue a row of numbers. The entries of contents are several, their
    pages rise, and they stand under a heading that says so, after a page of contents, are numbered as chapters and
    sections are, or name headings of the document.
    """
    entries = [[line.text for line in page.lines if is_contents_entry(line.text)] for page in pages]
    if not any(entries):
        return pages
    texts = {line.text for page in pages for line in page.lines}
    cleaned, goes_on = [], False
    for page, found in zip(pages, entries, strict=True):
        headed = goes_on or any(is_contents_heading(line.text) for line in page.lines)
        titles = [contents_title(entry) for entry in found]
        named = sum(title in texts or heading_level(title) > 0 for title in titles)
        several = len(found) >= (1 if goes_on else _CONTENTS_ENTRIES)
        goes_on = (
            several and (headed or 2 * named >= len(found)) and _rise([contents_page(entry) for entry in found], headed)
        )
        kept = [line for line in page.lines if not (goes_on and is_contents_entry(line.text))]
        cleaned.append(replace(page, lines=kept))
    return cleaned


def _rise(numbers: list[int], headed: bool) -> bool:
    """Return whether page numbers go up, but for one in ten; Roman ones (0) count by themselves.

    Under a heading, lists of figures and of tables may follow, each with pages of its own.
    """
    arabic = [number for number in numbers if number]
    return 10 * sum(later < earlier for earlier, later in pairwise(arabic)) <= len(arabic) + (20 if headed else 0)


def _offsets(page: PrintedPage, lines: Iterable[PrintedLine]) -> set[int]:
    """Return how far the numbers that begin or end these lines are ahead of the page's own number."""
    numbers = (number for line in lines for number in _OUTER_NUMBER.findall(line.text))
    return {int(number) - page.number for number in numbers}


def _edge_lines(page: PrintedPage, body_size: float) -> list[PrintedLine]:
    """Return the lines at the page's top and bottom that stand apart from its text."""
    downwards = sorted(page.lines, key=lambda line: -line.bottom)
    heights = ((page.height - line.top, page.height - line.bottom) for line in downwards)
    top = _edge_stacks(heights, page.height * _MARGIN, body_size)
    upwards = downwards[::-1]
    bottom = _edge_stacks(((line.bottom, line.top) for line in upwards), page.height * _MARGIN, body_size)
    small = body_size * (_SLIDE_FURNITURE_RATIO if page.is_slide else _HEADING_RATIO)
    # Notes leave less room above a page's number, which says itself what it is.
    bottom = bottom or int(
        bool(upwards) and upwards[0].top <= page.height * _MARGIN and _says_its_page(upwards[0].text)
    )
    return [line for line in (*downwards[:top], *upwards[:bottom]) if line.size <= small]


def _says_its_page(text: str) -> bool:
    return _PAGE_NUMBER.fullmatch(text) is not None and any(map(is_cjk, text)) and any(map(str.isdecimal, text))


def _edge_stacks(extents: Iterable[tuple[float, float]], margin: float, gap: float) -> int:
    """Count the lines, from the edge on, that make up at most two stacks that end within the margin.

    Each extent is a line's distance from the edge, near and far side. A stack ends where the next line is at
    least `gap` away; one that reaches out of the margin is the page's text.
    """
    counted = stacks = 0
    reached, index = 0.0, -1
    for index, (near, far) in enumerate(extents):
        if index and near - reached >= gap:
            counted = index
            stacks += 1
        reached = max(reached, far)
        if stacks == 2 or reached > margin:
            return counted
    return index + 1


def _furniture_key(line: PrintedLine) -> tuple[str, int]:
    return _DIGITS.sub("#", line.text), round(line.bottom / _POSITION_TOLERANCE)


def _body_size(lines: Iterable[PrintedLine]) -> float:
    """Return the size in which most characters are set."""
    weights: Counter[float] = Counter()
    for line in lines:
        weights[line.size] += len(line.text)
    return weights.most_common(1)[0][0] if weights else 0.0


class _Styles:
    """The document's typography: its text size, and which larger sizes are headings of which level."""

    def __init__(self, lines: list[PrintedLine]) -> None:
        self.body_size = _body_size(lines)
        self.label_size = self.body_size * _LABEL_RATIO
        """The most in which the lettering of a figure is set."""
        self.large_size = self.body_size * _HEADING_RATIO
        """The least in which headings are set that stand among text."""
        self._bold_is_special = sum(len(line.text) if line.bold else -len(line.text) for line in lines) < 0
        self._of_text = _sizes_of_text(lines)
        sizes = {line.size for line in lines if self._is_large(line)}
        self._levels = {size: level for level, size in enumerate(sorted(sizes, reverse=True), start=1)}

    def heading_level(self, line: PrintedLine, stands_alone: bool) -> int:
        """Return the line's heading level by size, else by weight or wording when it stands alone; 0 for text."""
        if self._is_large(line):
            return self._levels[line.size]
        if not stands_alone or line.size < self.body_size * 0.95 or line.cells:
            return 0
        level = heading_level(line.text)
        short = len(line.text) <= 60 and line.text[-1] not in "。.，,；;：:"
        if not level and line.bold and self._bold_is_special and short and not is_list_item(line.text):
            level = 2
        return level and len(self._levels) + level

    def _is_large(self, line: PrintedLine) -> bool:
        if line.size < self.large_size or len(line.text) > _LONGEST_HEADING or line.size in self._of_text:
            return False
        return sum(map(str.isalpha, line.text)) > 1


def _sizes_of_text(lines: list[PrintedLine]) -> set[float]:
    """Return the sizes in which lines are longer than headings are, as what is filled into a form of small print."""
    long = Counter(line.size for line in lines if len(line.text) > _LONGEST_HEADING)
    all_lines = Counter(line.size for line in lines) if long else long
    return {size for size, count in long.items() if count >= max(_LEAST_ROWS, _LONG_SHARE * all_lines[size])}


def _drafts(columns: Sequence[list[PrintedLine]], styles: _Styles) -> Iterator[_Draft]:
    """Yield a page's blocks column by column; all the lettering of a figure is one block."""
    drafts: list[_Draft] = []
    for column in columns:
        following = _column_drafts(column, styles)
        if drafts and _goes_on_beside(drafts[-1], following[0]):
            drafts[-1].lines += following.pop(0).lines
        drafts += following
    for is_label, group in groupby(drafts, key=lambda draft: draft.is_label):
        if is_label:
            yield _Draft(BlockKind.CAPTION, [line for draft in group for line in draft.lines], is_label=True)
        else:
            yield from group


def _goes_on_beside(last: _Draft, first: _Draft) -> bool:
    """Return whether a column ends with a full line in the midst of a sentence that goes on in the next column."""
    if last.kind not in _OF_SENTENCES or first.kind is not BlockKind.PARAGRAPH or len(last.lines) < 2:
        return False
    line, following = last.lines[-1], first.lines[0]
    if len(first.lines) < 2 and following.text[-1] not in _SENTENCE_END:
        return False
    full = line.right >= max(other.right for other in last.lines) - _RAGGED * line.size
    widths = line.right - line.left, following.right - following.left
    wide = min(widths) >= _NARROWEST_COLUMN * line.size
    # A label and what stands beside it are no columns of one text.
    wide = wide and (len(first.lines) < 2 or min(widths) >= _LIKE_SHARE * max(widths))
    same = abs(line.size - following.size) <= 0.1 * line.size and following.bottom > line.top
    # The lines of a narrow column are too short to tell of themselves whether they are full.
    text = "".join(other.text for other in last.lines[-_LINES_TOLD:])
    return full and wide and same and (runs_on(text, following.text) or _is_open_before_number(text, following.text))


def _is_open_before_number(text: str, following: str) -> bool:
    """Return whether a Chinese text stops without a mark before a number or a Latin word that opens no item."""
    is_open = is_han(text[-1]) and following[0].isascii() and following[0].isalnum()
    return is_open and not is_list_item(following) and not heading_level(following)


def _columns(lines: list[PrintedLine]) -> list[list[PrintedLine]]:
    """Group lines that go down the page; a jump upwards opens the next column, and wide lines are by themselves."""
    columns: list[list[PrintedLine]] = []
    for line in _with_whole_cells(_by_column(lines)):
        if not columns or line.bottom > columns[-1][-1].top:
            columns.append([])
        columns[-1].append(line)
    columns = _with_tables_by_column(columns)
    begins, ends = [0] * len(columns), [len(column) for column in columns]
    for at, (left, right) in enumerate(pairwise(columns)):
        begins[at], ends[at + 1] = _without_wide_lines(left, right)
    parts = zip(columns, begins, ends, strict=True)
    cut = ((column[:begin], column[begin:end], column[max(begin, end) :]) for column, begin, end in parts)
    return [part for cuts in cut for part in cuts if part]


def _without_wide_lines(left: list[PrintedLine], right: list[PrintedLine]) -> tuple[int, int]:
    """Return where `left` begins and `right` ends without lines that go across both columns: a title, a note."""
    edge = min(line.left for line in left)
    beside = [line.left for line in right if line.left > edge + _NARROWEST_COLUMN * line.size]
    if len(beside) < _LEAST_ROWS:
        return 0, len(right)
    gutter, top = min(beside), max(line.top for line in right)
    wide = [
        at
        for at, line in enumerate(left)
        if not line.cells and line.right > gutter + line.size and line.bottom > top - line.size
    ]
    below = [at for at, line in enumerate(right) if line.left < gutter - line.size]
    begin = wide[-1] + 1 if wide and len(left) - wide[-1] > _LEAST_ROWS else 0
    return begin, below[0] if below and below[0] else len(right)


def _by_column(lines: list[PrintedLine]) -> list[PrintedLine]:
    """Return the lines column by column where columns of running text were written row by row.

    The white gutters between them are the same on many rows, and the text goes on from row to row within a column,
    which it does not in a table.
    """
    rows = [line for line in lines if line.cells]
    places = Counter(tuple(round(cell.left / _ALIGNMENT) for cell in line.cells[1:]) for line in rows)
    place, times = places.most_common(1)[0] if places else ((), 0)
    if times < _ROWS_OF_COLUMNS:
        return lines
    edges = [edge * _ALIGNMENT for edge in place]
    parts = [_at_gutters(line, edges) for line in lines]
    columns = [[part[at] for part in parts if part and at in part] for at in range(len(edges) + 1)]
    if not all(len(column) >= _ROWS_OF_COLUMNS and _is_running_text(column) for column in columns):
        return lines
    ordered: list[PrintedLine] = []
    for is_parted, group in groupby(zip(lines, parts, strict=True), key=lambda pair: pair[1] is not None):
        section = list(group)
        if is_parted:
            ordered += (part[at] for at in range(len(columns)) for _, part in section if part and at in part)
        else:
            ordered += (line for line, _ in section)
    return ordered


def _at_gutters(line: PrintedLine, edges: list[float]) -> dict[int, PrintedLine] | None:
    """Return a line's parts by column; None for a line that goes across a gutter."""
    found: dict[int, PrintedLine] = {}
    for cell in line.cells or (Cell(line.text, line.left, line.right),):
        begin = cell.left + _ALIGNMENT
        column = sum([edge <= begin for edge in edges])
        if column < len(edges) and cell.right > edges[column]:
            return None
        before = found.get(column)
        text, left = (f"{before.text} {cell.text}", before.left) if before else (cell.text, cell.left)
        found[column] = line.part(text, left, cell.right)
    return found


def _with_whole_cells(lines: list[PrintedLine]) -> list[PrintedLine]:
    """Return the lines with those rows of tables whole whose cells have several lines each."""
    whole: list[PrintedLine] = []
    at = 0
    while at < len(lines):
        table = lines[at : at + 1]
        if lines[at].cells:
            table = _lines_of_table(lines, at)
            whole += _whole_rows(table)
        else:
            whole += table
        at += len(table)
    return whole


def _lines_of_table(lines: list[PrintedLine], first: int) -> list[PrintedLine]:
    """Return the lines from a table's first row on whose parts begin where that row's cells begin."""
    head = lines[first]
    edges = [cell.left for cell in head.cells]
    table = [head]
    for line in islice(lines, first + 1, None):
        if line.bottom >= head.bottom or line.size > head.size * _HEADING_RATIO or not _fits(line, edges):
            break
        table.append(line)
    while len(table) > 1 and not table[-1].cells and table[-1].left < edges[1] - _ALIGNMENT:
        table.pop()
    return table


def _fits(line: PrintedLine, edges: list[float]) -> bool:
    parts = _at_gutters(line, edges[1:])
    return parts is not None and all(abs(part.left - edges[at]) <= _ALIGNMENT for at, part in parts.items())


def _whole_rows(table: list[PrintedLine]) -> list[PrintedLine]:
    """Return a table's rows; a line without a first cell, close below another one, goes on with that one's cells."""
    edges = [cell.left for cell in table[0].cells]
    if sum(bool(line.cells) for line in table) < 2 or all(line.left <= edges[0] + _ALIGNMENT for line in table):
        return table
    parts = [(at, part) for line in table for at, part in (_at_gutters(line, edges[1:]) or {}).items()]
    baselines: list[list[tuple[int, PrintedLine]]] = []
    for at, part in sorted(parts, key=lambda part: -part[1].bottom):
        if not baselines or baselines[-1][0][1].bottom - part.bottom >= 0.35 * part.size:
            baselines.append([])
        baselines[-1].append((at, part))
    rows: list[dict[int, list[PrintedLine]]] = [{}]
    within, between = [0.0], [math.inf]
    for above, cells in zip(baselines[:1] + baselines, baselines, strict=False):
        step = above[0][1].bottom - cells[0][1].bottom
        goes_on = all(at for at, _ in cells)
        (within if goes_on else between).append(step or (0.0 if goes_on else math.inf))
        if not goes_on and rows[0]:
            rows.append({})
        for at, part in cells:
            rows[-1].setdefault(at, []).append(part)
    # Else it is no table, but text under a number, or its empty cells are meant.
    is_plain = max(within) <= _USUAL_LEADING * table[0].size and max(within) * _ROW_STEP < min(between)
    return [_row(row, edges) for row in rows] if is_plain and len(rows) > 1 else table


def _row(parts: dict[int, list[PrintedLine]], edges: list[float]) -> PrintedLine:
    """Return a row of a table made of the lines of its cells by column."""
    cells = tuple(
        Cell(
            reduce(join_lines, (part.text for part in parts.get(at, ())), ""),
            edge,
            max((part.right for part in parts.get(at, ())), default=edge),
        )
        for at, edge in enumerate(edges)
    )
    text = " ".join(cell.text for cell in cells if cell.text)
    first = next(iter(parts.values()))[0]
    return first.part(text, edges[0], max(cell.right for cell in cells), cells)


def _with_tables_by_column(columns: list[list[PrintedLine]]) -> list[list[PrintedLine]]:
    """Return the columns with those joined to rows that are a table whose cells were written column by column."""
    joined: list[list[PrintedLine]] = []
    for column in columns:
        rows = _rows_beside(joined[-1], column) if joined else None
        if rows:
            joined[-1] = rows
        else:
            joined.append(column)
    return joined


def _rows_beside(left: list[PrintedLine], right: list[PrintedLine]) -> list[PrintedLine] | None:
    """Return `left` with `right` as another cell of each of its last lines; None when that is no table."""
    last = range(max(0, len(left) - len(right)), len(left))
    start = next((at for at in last if left[at].is_left_of(right[0])), len(left))
    rows = left[start:]
    cells, rest = right[: len(rows)], right[len(rows) :]
    if not _LEAST_ROWS <= len(rows) == len(cells):
        return None
    # What stands beside a term on each line goes on in no next line, however it begins.
    if not all(map(_is_term, rows)) and (_is_running_text(cells) or _is_narrow_text(cells)):
        return None
    if not rows[0].cells and _is_running_text(rows):
        return None
    if not all(row.is_left_of(cell) and row.size == cell.size for row, cell in zip(rows, cells, strict=True)):
        return None
    if any(is_list_item(cell.text) for cell in cells):
        return None
    left[start:] = [*(row.beside(cell) for row, cell in zip(rows, cells, strict=True)), *rest]
    return left


def _is_running_text(column: list[PrintedLine]) -> bool:
    """Return whether lines are as wide as a column of text, and most of them go on in the next one."""
    widths = [line.right - line.left for line in column]
    if sum(widths) < _NARROWEST_COLUMN * sum(line.size for line in column):
        return False
    return 2 * sum(_reads_on(upper, lower) for upper, lower in pairwise(column)) >= len(column) - 1


def _is_term(line: PrintedLine) -> bool:
    """Return whether a line is as short as a name of something; the number of a line is none."""
    short = line.right - line.left < _NARROWEST_COLUMN * line.size * _TERM_SHARE and line.text.count(" ") < _TERM_WORDS
    return short and any(map(str.isalpha, line.text))


def _is_narrow_text(cells: list[PrintedLine]) -> bool:
    """Return whether the lines of a narrow column stand as close as those of a paragraph, and go on as its do."""
    return any(
        _reads_on(upper, lower) and upper.bottom - lower.bottom <= _USUAL_LEADING * lower.size
        for upper, lower in pairwise(cells)
    )


def _reads_on(upper: PrintedLine, lower: PrintedLine) -> bool:
    """Return whether a sentence may go on from one line to the next by how they end and begin."""
    goes_on = upper.text[-1] not in _SENTENCE_END and (lower.text[0].islower() or is_cjk(lower.text[0]))
    return goes_on and not (_PAIR.match(lower.text) and _PAIR.match(upper.text))


def _column_drafts(lines: list[PrintedLine], styles: _Styles) -> list[_Draft]:
    steps = [upper.bottom - lower.bottom for upper, lower in pairwise(lines)]
    leadings = _leadings(lines, steps)
    reaches = [leadings.get(line.size, _USUAL_LEADING * line.size) * _GAP for line in lines]
    above = [False, *map(_is_next, lines[1:], steps, reaches[1:])]
    below = [*map(_is_next, lines[1:], steps, reaches), False]
    margins = _margins(lines, above)
    drafts: list[_Draft] = []
    previous: PrintedLine | None = None
    places = zip(lines, [*lines[1:], None], above, below, margins, strict=True)
    for line, following, follows, is_followed, margin in places:
        in_table = line.cells and any(near and line.is_row_with(near) for near in (previous, following))
        alone = not follows and (not is_followed or line.right < margin - 2 * line.size)
        isolated = line.size <= styles.label_size and not (
            (follows and _runs_into(previous, line, margin)) or (is_followed and _runs_into(line, following, margin))
        )
        role = _TABLE if in_table else _role(line, styles, alone, isolated)
        if previous is not None and _belongs(drafts[-1], role, previous, line, margin, not follows):
            drafts[-1].lines.append(line)
        else:
            drafts.append(_Draft(role.kind, [line], role.level, role.is_label))
        previous = line
    _mark_notes(drafts, styles)
    return drafts


def _mark_notes(drafts: list[_Draft], styles: _Styles) -> None:
    """Tell the notes at a column's foot: small print with marks, right below text."""
    begin = len(drafts)
    while begin and drafts[begin - 1].lines[0].size <= styles.body_size * _NOTE_RATIO:
        begin -= 1
    notes, above = drafts[begin:], drafts[begin - 1] if begin else None
    if above is None or above.kind not in _ABOVE_NOTES or not notes or not _opens_note(notes[0]):
        return
    for note in notes:
        if note.kind in _OF_SENTENCES or note.is_label:
            note.kind, note.level, note.is_label = BlockKind.NOTE, 0, False


def _opens_note(draft: _Draft) -> bool:
    text = draft.lines[0].text
    return len(text) >= _SHORTEST_NOTE and _NOTE_MARK.match(text) is not None


def _margins(lines: list[PrintedLine], near: list[bool]) -> list[float]:
    """Return the right margin at each line: the column's, or a nearer one that a picture at its side leaves.

    A nearer one is that of three lines as wide as a column, in the midst of a sentence. `near` says which lines stand
    at a paragraph's distance below the one before.
    """
    column = max(line.right for line in [line for line in lines if not line.cells] or lines)
    margins = [column] * len(lines)
    pairs = zip(pairwise(lines), near[1:], strict=True)
    follows = [False] + [
        is_near
        and upper.size == lower.size
        and not (upper.cells or lower.cells)
        and abs(upper.left - lower.left) <= _DEEPEST_INDENT * lower.size
        for (upper, lower), is_near in pairs
    ]
    reads_on = _ReadsOn(lines)
    for first in range(len(lines) - 2):
        if not (follows[first + 1] and follows[first + 2]):
            continue
        one, two, three = lines[first : first + 3]
        right, size = max(one.right, two.right, three.right), one.size
        if right >= column or right - min(one.right, two.right, three.right) > _RAGGED * size:
            continue
        if right - min(one.left, two.left, three.left) >= _NARROWEST_COLUMN * size:
            for at in range(first + 1, min(first + 4, len(lines))):
                if right < margins[at] and follows[at] and reads_on[at]:
                    margins[at] = right
    return margins


class _ReadsOn(dict[int, bool]):
    """Whether a sentence may go on from the line before to that at a place; it is asked of each up to three times."""

    def __init__(self, lines: Sequence[PrintedLine]) -> None:
        super().__init__()
        self._lines = lines

    def __missing__(self, at: int) -> bool:
        self[at] = found = _reads_on(self._lines[at - 1], self._lines[at])
        return found


def _is_next(lower: PrintedLine, step: float, reach: float) -> bool:
    """Return whether a line that stands `step` below another one is at a paragraph's distance, up to `reach`."""
    return 0.3 * lower.size < step <= reach


def _runs_into(upper: PrintedLine | None, lower: PrintedLine | None, margin: float) -> bool:
    """Return whether two lines, one next below the other, look like running text."""
    if upper is None or lower is None or upper.size != lower.size:
        return False
    return not _was_broken_early(upper, lower, margin)


def _role(line: PrintedLine, styles: _Styles, stands_alone: bool, isolated: bool) -> _Role:
    if stands_alone or line.size >= styles.large_size:
        level = styles.heading_level(line, stands_alone)
        if level:
            return _Role(BlockKind.HEADING, level)
    if line.monospaced and not is_bulleted(line.text):
        return _CODE
    if (stands_alone or line.size < styles.body_size) and is_caption(line.text):
        return _CAPTION
    if is_list_item(line.text):
        return _ITEM
    if isolated and len(line.text) <= _LONGEST_LABEL and line.text[-1] not in _SENTENCE_END:
        return _LABEL
    return _TEXT


def _belongs(
    draft: _Draft, role: _Role, previous: PrintedLine, line: PrintedLine, margin: float, gap_above: bool
) -> bool:
    """Return whether the line, which alone would be of this role, goes on with the block in the making."""
    if draft.kind is BlockKind.HEADING:
        close = previous.bottom - line.bottom < 1.6 * line.size and line.size == previous.size
        center_step = abs(line.left + line.right - previous.left - previous.right) / 2
        aligned = min(abs(line.left - previous.left), center_step) < line.size
        same = role.kind is BlockKind.HEADING and role.level == draft.level
        return same and close and aligned and not heading_level(line.text) and not _NUMBERED.match(line.text)
    if draft.kind is BlockKind.TABLE or draft.kind is BlockKind.CODE:
        return role.kind is draft.kind
    if draft.is_label:
        return role.is_label
    # The last line of a small-print paragraph is as short as a label.
    if role.is_label:
        return not gap_above and line.size == previous.size
    if gap_above or role.kind is not BlockKind.PARAGRAPH or abs(line.size - previous.size) > 0.1 * previous.size:
        return False
    if previous.text[-1] == "-" and _HYPHEN_END.search(previous.text):
        return True
    if len(draft.lines) == 1 and previous.left - line.left > _DEEPEST_INDENT * line.size:
        return False
    hanging = draft.kind is BlockKind.LIST_ITEM and len(draft.lines) == 1
    if line.left > previous.left + 0.8 * line.size and not hanging:
        return False
    return not _was_broken_early(previous, line, margin)


def _was_broken_early(previous: PrintedLine, line: PrintedLine, margin: float) -> bool:
    """Return whether the next line's first word would have fitted on the line before, so that its end was meant."""
    # Two characters that may not part (a full stop at a line's head) take a neighbor along.
    is_whole = is_cjk(line.text[0])
    space, allowance = (0.0, 1.2 * line.size) if is_whole else (0.3 * line.size, 0.5 * line.size)
    if previous.right + space + allowance >= margin:
        return False
    found = _FIRST_WORD.match(line.text) if is_whole else None
    word = found.group() if found else line.text.split(" ", 1)[0]
    width = sum(map(_advance, word)) * line.size
    return previous.right + space + width + allowance < margin


def _leadings(lines: list[PrintedLine], steps: list[float]) -> dict[float, float]:
    """Return the usual distance between a paragraph's lines by size; the smallest common one, as gaps only widen it.

    A size whose distances are all different has none. `steps` are the distances from each line to the next.
    """
    by_size: defaultdict[float, list[float]] = defaultdict(list)
    for (upper, lower), step in zip(pairwise(lines), steps, strict=True):
        size = upper.size
        if size == lower.size and 0.9 * size < step < 2.2 * size:
            by_size[size].append(step)
    leadings = {}
    for size, values in by_size.items():
        groups = [list(group) for _, group in groupby(sorted(values), key=round)]
        common = [group[-1] for group in groups if len(group) * 5 >= len(values)]
        if common:
            leadings[size] = common[0]
    return leadings


def _continues(pending: _Draft, first: _Draft, column: Sequence[PrintedLine]) -> bool:
    """Return whether the first block of a page, in its first column, goes on with the last one of the page before."""
    if first.kind is not BlockKind.PARAGRAPH or pending.kind not in {BlockKind.PARAGRAPH, BlockKind.LIST_ITEM}:
        return False
    last, line = pending.lines[-1], first.lines[0]
    if abs(last.size - line.size) > 0.1 * last.size or last.text[-1] in _SENTENCE_END:
        return False
    if pending.kind is BlockKind.LIST_ITEM and line.left < pending.lines[0].left - 0.5 * line.size:
        return False
    indented = line.left > min(other.left for other in column) + 0.8 * line.size
    return line.text[0].islower() or not indented or pending.kind is BlockKind.LIST_ITEM


class _Vocabulary:
    """The document's words, to tell `photo-` + `synthesis` from `well-` + `known`."""

    def __init__(self, lines: list[PrintedLine]) -> None:
        self._lines = lines

    @cached_property
    def _words(self) -> set[str]:
        return hyphenated_words("\n".join(line.text.rstrip("-") for line in self._lines).lower())

    @cached_property
    def _first_parts(self) -> set[str]:
        return {word.split("-", 1)[0] for word in self._words if "-" in word}

    def joined(self, lines: list[str]) -> str:
        """Join lines to running text, and mend divided words."""
        if all(line and line[0] < _FIRST_CJK > line[-1] != "-" for line in lines):
            return " ".join(lines)
        return reduce(self._join, lines)

    def mend(self, before: str, after: str) -> tuple[str, str]:
        """Move the end of a word that is divided between two texts to its beginning."""
        end = _WORD_START.match(after)
        if end is None or before[-1:] != "-" or not _HYPHEN_END.search(before) or not after[0].islower():
            return before, after
        return self._join(before, end.group()), after[end.end() :].lstrip()

    def _join(self, before: str, after: str) -> str:
        if before[-1:] != "-":
            return join_lines(before, after)
        # A paragraph grows with each line, and only its last word matters.
        last = before[before.rfind(" ") + 1 :]
        end, start = _HYPHEN_END.search(last), _WORD_START.match(after)
        # Divided capitals (`OP-` + `TIONAL`) are told from pairs (`TCP-` + `IP`) by the whole word elsewhere.
        capitals = end and start and (end.group(1) + start.group()).lower() in self._words
        if end is None or start is None or not (after[0].islower() or capitals):
            # `CO-` + `2`, `1990-` + `1995`, `Jean-` + `Luc`: the hyphen is the text's own.
            glued = _OWN_HYPHEN.search(last) is not None and after[:1].isalnum()
            return before + after if glued else join_lines(before, after)
        whole = (end.group(1) + start.group()).lower()
        hyphenated = f"{end.group(1)}-{start.group()}".lower()
        word = end.group(1).lower()
        compound = _COMPOUND.fullmatch(hyphenated) or (word in self._words and word in self._first_parts)
        if whole not in self._words and (hyphenated in self._words or compound):
            return before + after
        return before[:-1] + after


@lru_cache(maxsize=1024)
def _advance(char: str) -> float:
    """Return the approximate width of a character in ems."""
    if is_cjk(char):
        return 1.0
    if char in " .,;:'|!()[]ijltfI":
        return 0.29
    return 0.66 if char.isupper() or char in "mwMW%@" else 0.52
