"""What the documents' domain needs from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Protocol

from services.docs.values.document import (
    Document,
    DocumentEvent,
    DocumentKind,
    Failure,
    IndexingProgress,
    Job,
    ListPosition,
    StageProgress,
    StoredChunk,
)
from services.docs.values.embeddings import Embeddings
from services.docs.values.parsed_file import ParsedFile


class ObjectStore(Protocol):
    """Named byte strings of any size."""

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Writes an object from its parts without holding more than a few of them.

        Until this returns there is no object under `key`; when `chunks` raises, or the call is cancelled, there
        never is one.
        """

    async def move(self, source: str, target: str) -> None:
        """Renames an object; where `target` exists already, `source` just goes. A missing `source` is NotFound."""

    async def size(self, key: str) -> int | None:
        """Bytes of an object; None when there is none."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes `[start, end)` of an object in parts of at most 1 MiB; NotFound when there is no object."""

    async def delete(self, key: str) -> None:
        """Removes an object, and what a killed process half wrote of it; where there is none, nothing happens."""

    def list(self, prefix: str) -> AsyncIterator[str]:
        """Keys directly below a folder, in no order, half-written ones included where the store shows them."""


class DocumentChanges(Protocol):
    """ChangeFeed about one document."""

    changed: asyncio.Event
    """Set whenever the document or its events changed; the reader clears it."""
    deleting: asyncio.Event
    """Set once the document is to go."""


class ChangeFeed(Protocol):
    """Tells the processes that a document changed, whichever of them changed it."""

    def subscribe(self, document_id: str) -> AbstractContextManager[DocumentChanges]:
        """ChangeFeed from now on. A subscription may be woken for nothing, and is never left asleep for long."""


class DocumentStore(Protocol):
    """Rows, chunks and events. Each method is one transaction; ids must be UUIDs."""

    @property
    def instance(self) -> str:
        """Id of this process, under which it keeps things that nobody has confirmed yet."""

    def lock(self, name: str, *, wait: bool = True) -> AbstractAsyncContextManager[bool]:
        """Mutual exclusion by name across processes, released when the block or the process ends.

        Without `wait` the block runs at once and is told whether it holds the name.
        """

    async def add(self, document: Document) -> None:
        """Keeps a row that nobody sees until it is confirmed."""

    async def confirm(self, document_id: str, *, parse: bool) -> Document:
        """Makes an added row visible and, with `parse`, queues its job."""

    async def get(self, document_id: str, owner: str) -> Document | None:
        """A visible row of this owner's."""

    async def list(
        self, owner: str, kind: DocumentKind | None, after: ListPosition | None, limit: int
    ) -> Sequence[Document]:
        """Visible rows of this owner's, newest first."""

    async def request_job(self, document_id: str, owner: str) -> Document | None:
        """Queues an index job unless one is queued, runs, or has succeeded. None when there is no such document."""

    async def begin_job(self, job: Job) -> IndexingProgress | None:
        """Takes a queued job up, or again after a worker was lost. None when it is no longer wanted."""

    async def add_event(self, job: Job, progress: StageProgress) -> bool:
        """Numbers and keeps an event of the job. False, as below, when the job is no longer wanted."""

    async def save_parsed(
        self,
        job: Job,
        reading: ParsedFile,
        chunks: AsyncIterator[Sequence[StoredChunk]],
        events: Sequence[StageProgress],
    ) -> bool:
        """Keeps what reading the file found, all of it or nothing."""

    async def advance(self, job: Job, indexed: int, model: str, event: StageProgress | None) -> bool:
        """Notes that the first `indexed` chunks are in the index under vectors of `model`."""

    async def finish_job(self, job: Job) -> bool:
        """Ends a job well, with its event."""

    async def fail_job(self, job: Job, failure: Failure) -> bool:
        """Ends a job with an error, with its event."""

    async def chunks(self, document_id: str, first: int, limit: int) -> Sequence[StoredChunk]:
        """Chunks in reading order from ordinal `first`."""

    async def events(self, document_id: str, after: int, limit: int) -> Sequence[DocumentEvent]:
        """Events in order from the one after number `after`."""

    async def last_event(self, document_id: str) -> int | None:
        """Number of the latest event, 0 before any; None when the document is not there (any more)."""

    async def mark_for_deletion(self, document_id: str, owner: str) -> Document | None:
        """Hides a row for good, ends its job's writes, and queues the job that removes it in a while.

        None when there is no such document.
        """

    async def marked_for_deletion(self, document_id: str) -> Document | None:
        """A row that was marked; None when it is gone."""

    async def shared(self, document_id: str, sha256: str) -> bool:
        """Whether any row but this one, seen or hidden, has the same file."""

    async def remove(self, document_id: str) -> None:
        """Removes a marked row with its chunks and events."""

    async def unconfirmed(self) -> Sequence[tuple[str, Document]]:
        """Rows that were added and never confirmed, each with the instance that added it."""

    async def mark_failed_upload(self, document_id: str) -> None:
        """Marks an unconfirmed row, as `mark_for_deletion` does a visible one."""

    async def requeue(self) -> int:
        """Queues every job that should be and is not; how many rows were looked at."""

    async def ping(self) -> None:
        """Raises while the store does not answer."""


class RetryLater(Exception):
    """A job could not go on for now. It comes back after `delay` seconds."""

    def __init__(self, delay: float, cause: str) -> None:
        super().__init__(cause)
        self.delay = delay


JobHandler = Callable[[Job], Awaitable[None]]


class JobQueue(Protocol):
    """Durable jobs: at least once each, so that handlers must be idempotent."""

    async def enqueue(self, job: Job, delay: float = 0.0) -> None:
        """Keeps a job until some worker is done with it. The same job waits only once."""

    async def work(self, handler: JobHandler) -> None:
        """Runs jobs until cancelled.

        A job whose handler raises RetryLater comes back after its delay, one that raises anything else after a
        growing delay. When the work is cancelled its handlers are cancelled, and their jobs are free for others.
        """


class DocumentParser(Protocol):
    """Turns a file into text and chunks."""

    async def parse(self, path: Path, media_type: str, folder: Path) -> ParsedFile:
        """Parse the file at `path`, and write its text and chunks into `folder`.

        Raises:
            ParseError: the file cannot be parsed.
        """


class Embedder(Protocol):
    """Turns passages into vectors."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """One vector a text, all of one dimension."""


class ChunkIndex(Protocol):
    """Where chunks are found by their vectors."""

    async def index(self, document: Document, chunks: Sequence[StoredChunk], embeddings: Embeddings) -> None:
        """Stores chunks under their ids; storing them again changes nothing."""

    async def delete(self, document_id: str) -> None:
        """Removes every chunk of a document; where there is none, nothing happens."""
