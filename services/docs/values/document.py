"""What is kept of a document besides its bytes: its row, its chunks and the events of its job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DocumentKind(StrEnum):
    """What a document is to its owner."""

    MATERIAL = "MATERIAL"
    DOCUMENT = "DOCUMENT"


class DocumentState(StrEnum):
    """Where a document stands, as its owner sees it."""

    UPLOADED = "UPLOADED"
    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    INDEXED = "INDEXED"
    FAILED = "FAILED"


class Stage(StrEnum):
    """A step of the job. Parsing is counted in pages, chunking and indexing in chunks."""

    QUEUED = "QUEUED"
    PARSING = "PARSING"
    CHUNKING = "CHUNKING"
    INDEXING = "INDEXING"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended without its document being indexed; both parts are for the client."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document's row. What parsing finds (`page_count` … `title`) is 0 or empty before."""

    document_id: str
    owner: str
    name: str
    kind: DocumentKind
    media_type: str
    size_bytes: int
    sha256: str
    create_time: datetime
    update_time: datetime
    state: DocumentState = DocumentState.UPLOADED
    failure: Failure | None = None
    page_count: int = 0
    text_length: int = 0
    chunk_count: int = 0
    language: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A passage: `text` is the slice `[start, end)` of the normalized text, in Unicode code points.

    `page` is the page on which it starts, 0 without pages; `page_starts` are the offsets in the normalized text at
    which the pages after it begin within the passage, in order.
    """

    chunk_id: str
    ordinal: int
    text: str
    page: int
    start: int
    end: int
    heading_path: tuple[str, ...]
    page_starts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage has `done` of `total` units behind it; `total` is 0 while not known."""

    stage: Stage
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Indexed:
    """The job ended well."""


Happening = Progress | Indexed | Failure


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a document's job, numbered from 1 without gaps within the document."""

    number: int
    time: datetime
    what: Happening


class JobKind(StrEnum):
    """The durable jobs of this service."""

    INDEX = "index"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Job:
    """A durable job on a document of `owner`'s, in whose name it calls other services.

    `generation` tells the index jobs of one document apart, so that an old one finds it is late.
    """

    kind: JobKind
    document_id: str
    owner: str
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Undertaking:
    """An index job as its worker finds it: what earlier workers got done.

    `attempts` counts the workers that began since something was last achieved, this one included.
    `chunk_total` is None until the file was parsed; `indexed` chunks, the first in reading order, are in the index
    under vectors of `embedding_model`.
    """

    document: Document
    generation: int
    attempts: int
    chunk_total: int | None
    indexed: int
    embedding_model: str


TEXT_ENCODING = "utf-32-le"
"""Normalized text is stored with a fixed width, so that a slice of code points is a range of bytes."""
TEXT_WIDTH = 4


def object_key(sha256: str) -> str:
    """Where a file lies in the object store."""
    return f"objects/{sha256}"


def text_key(document_id: str) -> str:
    """Where a document's normalized text lies in the object store."""
    return f"texts/{document_id}"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of documents begins: after this one, going back in time."""

    create_time: datetime
    document_id: str
