"""What is stored of a document besides its bytes: its row, its chunks with their vectors, its job and its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.common.values import DocumentKind
from services.docs.values.parsed_document import ParsedChunk, ReadingWarning


class DocumentState(StrEnum):
    """The state of a document, as its owner sees it."""

    UPLOADED = "UPLOADED"
    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    INDEXED = "INDEXED"
    FAILED = "FAILED"


class IndexingStage(StrEnum):
    """A step of the job; parsing is counted in pages, the later ones in chunks. GRAPH is that of the graph job."""

    QUEUED = "QUEUED"
    PARSING = "PARSING"
    CHUNKING = "CHUNKING"
    INDEXING = "INDEXING"
    GRAPH = "GRAPH"


class GraphState(StrEnum):
    """How much of a document is in the knowledge graph; UNSPECIFIED is nothing, and nobody asked for it."""

    UNSPECIFIED = "UNSPECIFIED"
    QUEUED = "QUEUED"
    BUILT = "BUILT"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended and its document is not indexed.

    A text of the reason is filled in with `details` and told to the client in his language, else `message`.
    """

    reason: str
    message: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A document's row; what parsing finds (`page_count` to `title`) is 0 or empty until then."""

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
    graph_state: GraphState = GraphState.UNSPECIFIED
    graph_chunk_count: int = 0
    graph_failure: Failure | None = None
    warnings: tuple[ReadingWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk(ParsedChunk):
    """A passage under the id by which it is indexed and cited."""

    chunk_id: str


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """Vectors in the order of their texts, and the model that made them."""

    vectors: Sequence[Sequence[float]]
    model: str


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far a stage is: `done` of `total` units; `total` is 0 while it is not known."""

    stage: IndexingStage
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class IndexingCompleted:
    """The job indexed the whole document."""


@dataclass(frozen=True, slots=True)
class GraphBuilt:
    """The graph job added the whole document."""


@dataclass(frozen=True, slots=True)
class GraphFailed:
    """The graph job ended with an error; the document is indexed all the same."""

    failure: Failure


EventPayload = StageProgress | IndexingCompleted | Failure | GraphBuilt | GraphFailed


@dataclass(frozen=True, slots=True)
class DocumentEvent:
    """One event of a document's job, numbered from 1 without gaps within the document."""

    number: int
    time: datetime
    payload: EventPayload


class JobKind(StrEnum):
    """The durable jobs of this service."""

    INDEX = "index"
    GRAPH = "graph"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Job:
    """A durable job on a document; it calls other services in the name of `owner`.

    `generation` numbers the index jobs of one document, so that an old job can tell that a newer one replaced it. The
    graph job that follows an index job has its number.
    """

    kind: JobKind
    document_id: str
    owner: str
    generation: int = 0
    traceparent: str = field(default="", compare=False)
    """The work that caused it (W3C Trace Context)."""


@dataclass(frozen=True, slots=True)
class IndexingProgress:
    """What earlier workers got done of an index job, as the worker that begins now finds it.

    `attempts` counts the workers that began since the last progress, this one included. `chunk_total` is None until
    the file is parsed. The first `indexed` chunks in reading order are in the index, with vectors of
    `embedding_model`.
    """

    document: Document
    attempts: int
    chunk_total: int | None
    indexed: int
    embedding_model: str


@dataclass(frozen=True, slots=True)
class GraphProgress:
    """What earlier workers got done of a graph job: the first `added` of the document's chunks are in the graph.

    `attempts` counts the workers that began since the last progress, this one included.
    """

    document: Document
    attempts: int
    added: int


@dataclass(frozen=True, slots=True)
class ListPosition:
    """The last document of a page in a list that goes back in time; the next page begins after it."""

    create_time: datetime
    document_id: str
