"""What a file becomes: a parsed document with its blocks, and the chunks cut from it.

Everything here is immutable, free of libraries and picklable, because it crosses the border between the
service's process and the worker processes that run the parsers.

Offsets are Unicode code points into `ParsedDocument.text`, half-open `[start, end)`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path


class WarningReason(StrEnum):
    """What a file that was read does not give; stable, part of the API's reasons."""

    PAGES_WITHOUT_TEXT = "PAGES_WITHOUT_TEXT"
    """Pages of a file with text hold images alone."""
    WRONG_LETTERS = "WRONG_LETTERS"
    """The characters are not those that are shown, as when a font has no table of its letters."""
    PARTS_NOT_READ = "PARTS_NOT_READ"
    """Files that are shown as parts of this one are of a format that is not read, or are not stored in it."""
    HIDDEN_SLIDES = "HIDDEN_SLIDES"
    """Slides that are passed over when the presentation is shown were read like the others."""


@dataclass(frozen=True, slots=True)
class ReadingWarning:
    """What whoever uploaded a file should know of it; `pages` are 1-based and in order, none without pages."""

    reason: WarningReason
    pages: tuple[int, ...] = ()


class BlockKind(StrEnum):
    """The role of a block in its document."""

    HEADING = "HEADING"
    PARAGRAPH = "PARAGRAPH"
    LIST_ITEM = "LIST_ITEM"
    TABLE = "TABLE"
    CODE = "CODE"
    CAPTION = "CAPTION"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, list item, table, code block, caption or note, in reading order.

    `page` is the 1-based page or slide on which the block begins, 0 when the source has no pages. `level` is 1 to 6 for
    a heading, the nesting depth from 1 for a list item, 0 otherwise.
    """

    kind: BlockKind
    start: int
    end: int
    page: int
    level: int = 0


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A document's normalized text with its structure.

    `text` is NFC, has line feeds as newlines, no control characters and no trailing spaces. `blocks` are ordered and
    disjoint, and together cover everything in `text` that is not white space. `page_count` is 0 when the source has no
    pages. `page_starts[i]` is the offset at which page `i + 1` begins; it is empty when the source has no pages, and
    may repeat where a page holds no text. `title` is empty when the document names none. `language` is a BCP 47 code
    such as `zh` or `en`, or `und`.
    """

    text: str
    blocks: tuple[Block, ...]
    page_count: int
    title: str
    language: str
    page_starts: tuple[int, ...] = ()
    warnings: tuple[ReadingWarning, ...] = ()

    def page_at(self, offset: int) -> int:
        """Return the 1-based page that holds the character at `offset`, 0 when the source has no pages."""
        return bisect_right(self.page_starts, offset)

    def page_starts_within(self, start: int, end: int) -> tuple[int, ...]:
        """Return where the pages after that of `start` begin before `end`, in order."""
        return self.page_starts[bisect_right(self.page_starts, start) : bisect_left(self.page_starts, end)]


@dataclass(frozen=True, slots=True)
class ParsedChunk:
    """A passage for the index: `text` is exactly `parsed.text[start:end]`.

    `ordinal` counts from 0 in reading order. `page` is the page of its first character, 0 without pages.
    `heading_path` holds the headings above it, outermost first. `page_starts` are the offsets in the document's text
    at which the pages after `page` begin within the chunk, in order. `gap` is the white space between it and the next
    one; empty where there is none, or more than anything is joined over.
    """

    ordinal: int
    start: int
    end: int
    text: str
    page: int
    heading_path: tuple[str, ...]
    page_starts: tuple[int, ...] = ()
    gap: str = ""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A file that was parsed: its figures, and the files of its text and chunks, too large for a pipe or the memory."""

    page_count: int
    text_length: int
    """Length of the normalized text in code points."""
    language: str
    title: str
    chunk_count: int
    text: Path
    chunks: Path
    warnings: tuple[ReadingWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """What one file may cost before it is refused.

    `seconds` is processor time of the worker, so that a busy machine refuses no file; it is checked between pages and
    parts, and the caller kills a worker that does not stop by itself. `of_size` lowers it to what a file of some size
    may take: `base_seconds` and `megabyte_seconds` for each megabyte. `blocks`, `lines`, `depth`, `attributes`,
    `delimiters` and `xml_marks` bound what makes a file slow whatever its size: paragraphs and the like, lines of plain
    text, HTML elements within each other, attributes of one, Markdown's marks in one paragraph, and the `<` of all XML
    parts. `memory_bytes` bounds the address space that a worker may add to what it
    holds when it starts. `zip_*` bound what an Office file's archive may unpack to.
    """

    seconds: float = 120.0
    base_seconds: float = 10.0
    megabyte_seconds: float = 20.0
    memory_bytes: int = 2 * 1024**3
    file_bytes: int = 512 * 1024**2
    pages: int = 2_000
    chars: int = 10_000_000
    zip_entries: int = 10_000
    zip_bytes: int = 1024**3
    zip_entry_ratio: float = 200.0
    blocks: int = 500_000
    lines: int = 1_000_000
    depth: int = 1_000
    attributes: int = 1_000
    delimiters: int = 10_000
    xml_marks: int = 10_000_000

    def of_size(self, file_bytes: int) -> ParseLimits:
        """Return the limits of a file of this size."""
        allowed = self.base_seconds + self.megabyte_seconds * file_bytes / 1_000_000
        return replace(self, seconds=min(self.seconds, allowed))


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """Sizes of a chunk in estimated tokens (see `services.language.tokens`)."""

    target_tokens: int = 220
    """Where a chunk is closed at the next good border."""
    max_tokens: int = 380
    min_tokens: int = 40

    def __post_init__(self) -> None:
        if not 0 <= self.min_tokens <= self.target_tokens <= self.max_tokens:
            raise ValueError("chunk sizes must satisfy 0 <= min_tokens <= target_tokens <= max_tokens")
        if self.max_tokens < 8:
            raise ValueError("max_tokens must be at least 8")


class ParseReason(StrEnum):
    """Why a file was refused; stable, part of the API's error reasons."""

    EMPTY_FILE = "EMPTY_FILE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    MEDIA_TYPE_MISMATCH = "MEDIA_TYPE_MISMATCH"
    TRUNCATED_FILE = "TRUNCATED_FILE"
    CORRUPT_FILE = "CORRUPT_FILE"
    ENCRYPTED_FILE = "ENCRYPTED_FILE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    TOO_MANY_PAGES = "TOO_MANY_PAGES"
    TOO_MUCH_TEXT = "TOO_MUCH_TEXT"
    ZIP_BOMB = "ZIP_BOMB"
    XML_ENTITY = "XML_ENTITY"
    INVALID_ENCODING = "INVALID_ENCODING"
    NO_TEXT = "NO_TEXT"
    TOO_COMPLEX = "TOO_COMPLEX"
    PARSE_TIMEOUT = "PARSE_TIMEOUT"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"


class ParseError(Exception):
    """A file that cannot be taken in. `services.docs.domain.wording` tells the person who uploaded it.

    `metadata` holds figures a client may want to show: `limit`, `found`, `byte_offset`, `media_type` …; `what` among
    them says more than the reason.
    """

    def __init__(self, reason: ParseReason, metadata: Mapping[str, str] | None = None, *, what: str = "") -> None:
        self.reason = reason
        self.metadata: dict[str, str] = {**(metadata or {}), **({"what": what} if what else {})}
        super().__init__(reason.value, self.metadata)

    def __reduce__(self) -> tuple[type[ParseError], tuple[ParseReason, dict[str, str]]]:
        return type(self), (self.reason, self.metadata)
