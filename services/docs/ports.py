"""What the domain of the documents needs from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from services.common.values import DocumentKind
from services.docs.values.document import (
    Document,
    DocumentEvent,
    Failure,
    GraphProgress,
    IndexingProgress,
    Job,
    ListPosition,
    PassageVectors,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_document import ParsedFile


class ObjectStore(Protocol):
    """Named byte strings of any size."""

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Write an object from its parts, and hold only a few of them in memory.

        There is no object until this returns, and none at all when `chunks` raises or the call is canceled.
        """

    async def move(self, source: str, target: str) -> None:
        """Rename an object; where `target` exists already, delete `source` only.

        Raises:
            NotFound: there is neither.
        """

    async def size(self, key: str) -> int | None:
        """Return the size of an object in bytes, or None where there is none."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes `[start, end)` of an object in parts of at most 1 MiB.

        Raises:
            NotFound: there is no such object.
        """

    async def delete(self, key: str) -> None:
        """Delete an object, and what a killed process wrote of it; do nothing where there is none."""

    def list(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys directly below a folder in any order, half-written ones included where the store has them."""


@dataclass(frozen=True, slots=True, eq=False)
class DocumentChanges:
    """Signals about one document."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever the document or its events changed; the reader clears it."""
    deleting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the document is marked for deletion."""


class ChangeFeed(Protocol):
    """Tells every process that a document changed, whichever process changed it."""

    def subscribe(self, document_id: str) -> AbstractContextManager[DocumentChanges]:
        """Signal changes from now on; `changed` may be set without a change, and is set again every few seconds."""


class Locks(Protocol):
    """Mutual exclusion by name across processes."""

    @property
    def instance(self) -> str:
        """The id of this process, whose lock `instance:<id>` is held as long as the process lives."""

    def lock(self, name: str, *, wait: bool = True, unless: str = "") -> AbstractAsyncContextManager[bool]:
        """Hold the lock of this name until the block or the process ends.

        The block gets True where it holds the lock. Without `wait` it may run without the lock, and then gets False. It
        also gets False, at once, while another block holds the lock named `unless`, which in turn is not to be had
        until this block ends.
        """


class DocumentStore(Protocol):
    """The rows of documents with their chunks and events. Each method is one transaction; ids must be UUIDs."""

    async def add(self, document: Document) -> None:
        """Store a row that nobody sees until it is confirmed."""

    async def confirm(self, document_id: str, *, parse: bool, graph: bool = False) -> Document:
        """Make an added row visible and, with `parse`, queue its index job, with `graph` to be followed by another."""

    async def unconfirmed(self) -> Sequence[tuple[str, Document]]:
        """Return the rows that were never confirmed, each with the instance that added it."""

    async def get(self, document_id: str, owner: str) -> Document | None:
        """Return a visible row of this owner's, or None."""

    async def list(
        self, owner: str, kind: DocumentKind | None, after: ListPosition | None, limit: int
    ) -> Sequence[Document]:
        """Return visible rows of this owner's, newest first, those after `after`."""

    async def with_file(self, owner: str, sha256: str) -> Document | None:
        """Return the oldest visible row of this owner's that has a file, or None."""

    async def chunks(self, document_id: str, first: int, limit: int) -> Sequence[StoredChunk]:
        """Return chunks in reading order from ordinal `first`."""

    async def events(self, document_id: str, after: int, limit: int) -> Sequence[DocumentEvent]:
        """Return events in order, from the one after number `after`."""

    async def last_event(self, document_id: str) -> int | None:
        """Return the number of the latest event, 0 before any; None when there is no such document (any more)."""

    async def request_indexing(self, document_id: str, owner: str, *, graph: bool = False) -> Document | None:
        """Queue an index job unless one is queued, runs or has succeeded; None when there is no such document.

        With `graph`, so is a graph job, which begins when the document is indexed. A row that had one gets another with
        each new index job.
        """

    async def requeue_lost(self) -> int:
        """Queue every job, of any kind, that should be queued and is not; return how many rows were checked."""


class IndexingJobs(Protocol):
    """What workers record of index jobs. False, or None, means that the job is no longer wanted."""

    async def begin(self, job: Job) -> IndexingProgress | None:
        """Begin a queued job, or resume it after a worker was lost."""

    async def report(self, job: Job, progress: StageProgress) -> bool:
        """Store an event of the job under the next number."""

    async def save_parsed(
        self,
        job: Job,
        parsed: ParsedFile,
        chunks: AsyncIterator[Sequence[StoredChunk]],
        events: Sequence[StageProgress],
    ) -> bool:
        """Store what parsing found, all of it or nothing."""

    async def advance(self, job: Job, indexed: int, model: str, event: StageProgress | None) -> bool:
        """Record that the first `indexed` chunks are in the index, with vectors of `model`."""

    async def finish(self, job: Job) -> bool:
        """End a job whose document is indexed, with its event, and queue the graph job where one is wanted."""

    async def fail(self, job: Job, failure: Failure) -> bool:
        """End a job with an error, with its event; a graph job that was to follow has failed with the same."""


class GraphJobs(Protocol):
    """What workers record of graph jobs. False, or None, means that the job is no longer wanted."""

    async def begin(self, job: Job) -> GraphProgress | None:
        """Begin a queued job, or resume it after a worker was lost."""

    async def advance(self, job: Job, added: int, event: StageProgress | None) -> bool:
        """Record that the first `added` chunks are in the graph."""

    async def finish(self, job: Job, added: int) -> bool:
        """End a job whose document, of `added` chunks, is in the graph, with its event."""

    async def fail(self, job: Job, failure: Failure) -> bool:
        """End a job with an error, with its event; the document stays indexed."""


class DeletionStore(Protocol):
    """Documents that are being deleted."""

    async def mark(self, document_id: str, owner: str) -> Document | None:
        """Hide a visible row for good, end its job's writes, and queue its removal; None for no such document."""

    async def mark_failed_upload(self, document_id: str) -> None:
        """Mark a row whose upload failed, whether it was confirmed or not; do nothing where there is none."""

    async def marked(self, document_id: str) -> Document | None:
        """Return a marked row; None when it is gone, or not marked."""

    async def is_shared(self, document_id: str, sha256: str) -> bool:
        """Return whether any other row, visible or hidden, has the same file."""

    async def remove(self, document_id: str) -> None:
        """Remove a marked row with its chunks and events."""


class RetryLaterError(Exception):
    """A job cannot go on for now; it comes back after `delay` seconds."""

    def __init__(self, delay: float, reason: str) -> None:
        super().__init__(reason)
        self.delay = delay


JobHandler = Callable[[Job], Awaitable[None]]


class JobQueue(Protocol):
    """Durable jobs, which the stores queue with the rows that they are about; the same job waits only once.

    Each runs at least once, so handlers must be idempotent.
    """

    async def work(self, handler: JobHandler) -> None:
        """Run jobs until canceled.

        A job whose handler raises `RetryLaterError` comes back after its delay, one whose handler raises anything else
        after a growing delay. A cancellation cancels the handlers too, and their jobs are free for others.
        """


class DocumentParser(Protocol):
    """Turns a file into text and chunks."""

    async def parse(
        self, path: Path, media_type: str, folder: Path, on_long: Callable[[], None] | None = None
    ) -> ParsedFile:
        """Parse the file at `path` and write its text and chunks into `folder`.

        `on_long` is called, once or more, when the file turns out to take long; what it raises ends the parsing.

        Raises:
            ParseError: the file cannot be taken in.
        """


class Embedder(Protocol):
    """Turns passages into vectors."""

    async def embed(self, texts: Sequence[str]) -> PassageVectors:
        """Return one vector a text, all of one dimension."""


class ChunkIndex(Protocol):
    """An index in which chunks are found by their vectors."""

    async def index(self, document: Document, chunks: Sequence[StoredChunk], embeddings: PassageVectors) -> None:
        """Store chunks under their ids; storing them again changes nothing."""

    async def delete(self, document_id: str) -> None:
        """Remove every chunk of a document; do nothing where there is none."""


class KnowledgeGraph(Protocol):
    """A graph of what documents speak of. `ChunkIndex.delete` removes a document from it, too."""

    async def add(self, document: Document, chunks: Sequence[StoredChunk]) -> None:
        """Add what chunks speak of; adding them again changes nothing.

        Raises:
            FailedPrecondition: no graph is kept (reason GRAPH_OFF).
        """
