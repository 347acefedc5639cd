"""What every parser writes into: it normalizes text, lays blocks out, and enforces limits on text and time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence

from services.docs.adapters.parsers.markup import table_line
from services.docs.values.parsed_document import (
    Block,
    BlockKind,
    ParsedDocument,
    ParseError,
    ParseLimits,
    ParseReason,
    ReadingWarning,
    WarningReason,
)
from services.language.detection import detect_language
from services.language.folding import normalize
from services.language.legibility import has_wrong_letters
from services.language.scripts import join_lines
from services.language.tokens import estimate_tokens

_TITLE_CHARS = 200
_DEEPEST_HEADING = 6
_TABLE_TOKENS = 200.0
"""A table of more is cut; a part of so many is one chunk by the sizes that a chunk has by default."""
_LAID_OUT = frozenset({BlockKind.CODE, BlockKind.TABLE})
_SPACES = re.compile(r"[ \t\u00a0\u3000]{2,}")


def timed_out(limits: ParseLimits) -> ParseError:
    """Return the error of a file that has used up its time."""
    return ParseError(ParseReason.PARSE_TIMEOUT, {"limit_seconds": f"{limits.seconds:.3g}"})


def _in_single_spaces(text: str) -> str:
    # To search for each kind of space takes less than for any of them.
    if "  " in text or "\t" in text or "\u00a0" in text or "\u3000" in text:
        return _SPACES.sub(" ", text)
    return text


class DocumentBuilder:
    """Collects blocks in reading order and makes the `ParsedDocument`.

    List items that follow each other are one line apart, all other blocks a blank line. Its methods raise `ParseError`
    with TOO_MUCH_TEXT, TOO_COMPLEX or PARSE_TIMEOUT as soon as a limit is passed.
    """

    def __init__(self, limits: ParseLimits) -> None:
        self.limits = limits
        self.title = ""
        self.format = ""
        """The format of a file without text, where that says why there is none."""
        self.letters_are_judged = False
        """Whether the parser looks for wrong letters itself, so that it is not done again at the end."""
        self._deadline = time.process_time() + limits.seconds
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._page_starts: list[int] = []
        self._pages_to_open = 0
        self._warnings: list[ReadingWarning] = []

    def warn(self, reason: WarningReason, pages: Sequence[int]) -> None:
        """Keep a warning of these pages, 1-based and in order; none of no pages."""
        if pages:
            self._warnings.append(ReadingWarning(reason, tuple(pages)))

    def warn_of_all(self, reason: WarningReason) -> None:
        """Keep a warning of the whole file, once."""
        if (warning := ReadingWarning(reason)) not in self._warnings:
            self._warnings.append(warning)

    def check_deadline(self) -> None:
        """Raise PARSE_TIMEOUT when the file has used up its time; parsers call this in long loops."""
        if time.process_time() > self._deadline:
            raise timed_out(self.limits)

    def check_complexity(self, count: int, limit: int, unit: str) -> None:
        """Raise TOO_COMPLEX when the file has more of what makes reading slow than `limit`."""
        if count > limit:
            raise ParseError(ParseReason.TOO_COMPLEX, {"limit": str(limit)}, what=unit)

    def check_pages(self, count: int, unit: str = "pages") -> None:
        """Raise TOO_MANY_PAGES when the source names more pages than are read."""
        if count > self.limits.pages:
            raise ParseError(
                ParseReason.TOO_MANY_PAGES, {"limit": str(self.limits.pages), "found": str(count)}, what=unit
            )

    def check_chars(self, count: int) -> None:
        """Raise TOO_MUCH_TEXT when a file holds more characters than are read."""
        if count > self.limits.chars:
            raise ParseError(ParseReason.TOO_MUCH_TEXT, {"limit": str(self.limits.chars)})

    def begin_page(self) -> None:
        """Open a new page with the next block."""
        self.check_deadline()
        self._pages_to_open += 1

    def add(self, kind: BlockKind, text: str, level: int = 0) -> None:
        """Append one block; text without anything visible is skipped, and headings are at most of level 6."""
        self.add_across_pages(kind, (text,), level)

    def add_across_pages(self, kind: BlockKind, parts: Sequence[str], level: int = 0) -> None:
        """Append one block whose parts stand on consecutive pages; each part after the first opens a page."""
        self.check_deadline()
        # Runs of spaces are layout, except where they are indentation or an empty cell.
        cleaned = [normalize(part if kind in _LAID_OUT else _in_single_spaces(part)) for part in parts]
        text = cleaned[0]
        breaks: list[int] = []
        for part in cleaned[1:]:
            text = join_lines(text, part)
            breaks.append(len(text) - len(part))
        text = normalize(text) if breaks else text
        if not text:
            self._pages_to_open += len(breaks)
            return
        items = self._blocks and self._blocks[-1].kind is kind is BlockKind.LIST_ITEM
        separator = "" if not self._blocks else "\n" if items else "\n\n"
        start = self._length + len(separator)
        end = start + len(text)
        self.check_chars(end)
        self.check_complexity(len(self._blocks) + 1, self.limits.blocks, "paragraphs")
        self._open_pages(start)
        level = min(level, _DEEPEST_HEADING) if kind is BlockKind.HEADING else level
        self._blocks.append(Block(kind, start, end, len(self._page_starts), level))
        self._page_starts.extend(min(start + offset, end) for offset in breaks)
        self._parts += (separator, text)
        self._length = end

    def add_table(self, rows: Iterable[Sequence[str]], header_rows: int = 1) -> None:
        """Append a table; a long one becomes several, each with the header, so that every chunk says what is in it."""
        lines = [line for line in map(table_line, rows) if line.strip(" |")]
        header, body = lines[:header_rows], lines[header_rows:]
        header_tokens = sum(map(estimate_tokens, header))
        if header_tokens > _TABLE_TOKENS / 2:
            header, body, header_tokens = [], lines, 0.0
        part, tokens = list(header), header_tokens
        for line in body:
            line_tokens = estimate_tokens(line)
            if tokens + line_tokens > _TABLE_TOKENS and len(part) > len(header):
                self.add(BlockKind.TABLE, "\n".join(part))
                part, tokens = list(header), header_tokens
            part.append(line)
            tokens += line_tokens
        self.add(BlockKind.TABLE, "\n".join(part))

    def _open_pages(self, start: int) -> None:
        self._page_starts += [start] * self._pages_to_open
        self._pages_to_open = 0

    def finish(self) -> ParsedDocument:
        """Return the finished document, or raise NO_TEXT when nothing visible was added."""
        if not self._blocks:
            raise ParseError(ParseReason.NO_TEXT, {"pages": str(self._pages_to_open)}, what=self.format)
        self._open_pages(self._length)
        text = "".join(self._parts)
        self._warn_of_letters(text)
        return ParsedDocument(
            text=text,
            blocks=tuple(self._blocks),
            page_count=len(self._page_starts),
            title=" ".join((normalize(self.title) or self._first_heading(text)).split())[:_TITLE_CHARS],
            language=detect_language(text),
            page_starts=tuple(self._page_starts),
            warnings=tuple(self._warnings),
        )

    def _warn_of_letters(self, text: str) -> None:
        """Warn of wrong letters, by page where there are pages, unless the parser judges them."""
        if self.letters_are_judged:
            return
        if not self._page_starts:
            if has_wrong_letters(text):
                self._warnings.append(ReadingWarning(WarningReason.WRONG_LETTERS))
            return
        ends = [*self._page_starts[1:], len(text)]
        pages = enumerate(zip(self._page_starts, ends, strict=True), start=1)
        self.warn(
            WarningReason.WRONG_LETTERS, [page for page, (start, end) in pages if has_wrong_letters(text[start:end])]
        )

    def _first_heading(self, text: str) -> str:
        headings = [block for block in self._blocks[:20] if block.kind is BlockKind.HEADING]
        if not headings:
            return ""
        first = min(headings, key=lambda block: block.level)
        return text[first.start : first.end]
