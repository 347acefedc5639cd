"""The stores in memory: the same behavior as PostgreSQL's, for one process and until it ends."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from services.common.values import DocumentKind
from services.docs.adapters.queue.fake import FakeJobQueue
from services.docs.adapters.stores.subscriptions import Subscriptions
from services.docs.values.document import (
    Document,
    DocumentEvent,
    DocumentState,
    EventPayload,
    Failure,
    GraphBuilt,
    GraphFailed,
    GraphProgress,
    GraphState,
    IndexingCompleted,
    IndexingProgress,
    IndexingStage,
    Job,
    JobKind,
    ListPosition,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_document import ParsedFile
from services.kit import ids


class FakeLocks:
    """Locks within this process."""

    def __init__(self) -> None:
        self.instance = ids.new_id()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sharers: defaultdict[str, int] = defaultdict(int)
        """How many blocks run that have a name as their `unless`."""

    @asynccontextmanager
    async def lock(self, name: str, *, wait: bool = True, unless: str = "") -> AsyncIterator[bool]:
        """Hold an asyncio.Lock; that of this instance is always held."""
        if name == f"instance:{self.instance}" or (not wait and self._is_held(name)) or self._locks[unless].locked():
            yield False
            return
        self._sharers[unless] += 1
        try:
            while self._sharers[name] and name:  # noqa: ASYNC110 - a fake may poll
                await asyncio.sleep(0.001)
            async with self._locks[name]:
                yield True
        finally:
            self._sharers[unless] -= 1

    def _is_held(self, name: str) -> bool:
        return self._locks[name].locked() or self._sharers[name] > 0


@dataclass(slots=True)
class _Row:
    document: Document
    instance: str
    state: str
    generation: int = 0
    attempts: int = 0
    chunk_total: int | None = None
    indexed: int = 0
    embedding_model: str = ""
    chunks: list[StoredChunk] = field(default_factory=list)
    events: list[DocumentEvent] = field(default_factory=list)

    @property
    def visible(self) -> bool:
        return self.state not in ("STORING", "DELETING")

    @property
    def wants_graph(self) -> bool:
        return self.state == DocumentState.INDEXED and self.document.graph_state is GraphState.QUEUED

    def value(self) -> Document:
        state = DocumentState(self.state) if self.visible else DocumentState.UPLOADED
        return replace(self.document, state=state, chunk_count=self.indexed)

    def append_event(self, payload: EventPayload) -> None:
        now = datetime.now(UTC)
        self.events.append(DocumentEvent(len(self.events) + 1, now, payload))
        failure = payload if isinstance(payload, Failure) else None
        self.document = replace(self.document, update_time=now, failure=failure)

    def set_graph(self, state: GraphState, added: int, failure: Failure | None = None) -> None:
        self.document = replace(
            self.document,
            graph_state=state,
            graph_chunk_count=added,
            graph_failure=failure,
            update_time=datetime.now(UTC),
        )

    def job(self) -> Job:
        if self.state == "DELETING":
            return Job(JobKind.DELETE, self.document.document_id, self.document.owner)
        kind = JobKind.GRAPH if self.state == DocumentState.INDEXED else JobKind.INDEX
        return Job(kind, self.document.document_id, self.document.owner, self.generation)


@dataclass(slots=True)
class FakeDocumentStore:
    """Rows in a dictionary, each with its chunks and events; the other fakes work on the same rows."""

    queue: FakeJobQueue
    instance: str
    feed: Subscriptions = field(default_factory=Subscriptions)
    rows: dict[str, _Row] = field(default_factory=dict)

    def visible(self, document_id: str, owner: str) -> _Row | None:
        """Return a row that its owner sees."""
        row = self.rows.get(document_id)
        return row if row is not None and row.visible and row.document.owner == owner else None

    async def _queue_index_job(self, row: _Row, graph: bool) -> Document:
        row.state, row.generation, row.attempts = DocumentState.QUEUED, row.generation + 1, 0
        if graph or row.document.graph_state is not GraphState.UNSPECIFIED:
            row.set_graph(GraphState.QUEUED, 0)
        row.append_event(StageProgress(IndexingStage.QUEUED))
        await self.queue.enqueue(row.job())
        self.feed.publish(row.document.document_id)
        return row.value()

    async def add(self, document: Document) -> None:
        """Store a row in the hidden state STORING."""
        self.rows[document.document_id] = _Row(document, self.instance, "STORING")

    async def confirm(self, document_id: str, *, parse: bool, graph: bool = False) -> Document:
        """Move a row to UPLOADED."""
        row = self.rows[document_id]
        row.state = DocumentState.UPLOADED
        return await self._queue_index_job(row, graph) if parse else row.value()

    async def unconfirmed(self) -> Sequence[tuple[str, Document]]:
        """Return the rows in STORING."""
        return [(row.instance, row.value()) for row in self.rows.values() if row.state == "STORING"]

    async def get(self, document_id: str, owner: str) -> Document | None:
        """Return a row by id and owner."""
        row = self.visible(document_id, owner)
        return row.value() if row else None

    async def list(
        self, owner: str, kind: DocumentKind | None, after: ListPosition | None, limit: int
    ) -> Sequence[Document]:
        """Sort the owner's rows and cut a page out."""
        rows = [
            row.value()
            for row in self.rows.values()
            if row.visible and row.document.owner == owner and kind in (None, row.document.kind)
        ]
        rows.sort(key=lambda row: (row.create_time, row.document_id), reverse=True)
        if after is not None:
            end = (after.create_time, after.document_id)
            rows = [row for row in rows if (row.create_time, row.document_id) < end]
        return rows[:limit]

    async def with_file(self, owner: str, sha256: str) -> Document | None:
        """Search the owner's rows for the hash."""
        documents = list(await self.list(owner, None, None, len(self.rows)))
        return next((document for document in reversed(documents) if document.sha256 == sha256), None)

    async def chunks(self, document_id: str, first: int, limit: int) -> Sequence[StoredChunk]:
        """Return a slice of the row's chunks."""
        row = self.rows.get(document_id)
        return row.chunks[first : first + limit] if row else []

    async def events(self, document_id: str, after: int, limit: int) -> Sequence[DocumentEvent]:
        """Return a slice of the row's events."""
        row = self.rows.get(document_id)
        return row.events[after : after + limit] if row else []

    async def last_event(self, document_id: str) -> int | None:
        """Count the row's events."""
        row = self.rows.get(document_id)
        return len(row.events) if row is not None and row.visible else None

    async def request_indexing(self, document_id: str, owner: str, *, graph: bool = False) -> Document | None:
        """Queue a job where the row is UPLOADED or FAILED."""
        row = self.visible(document_id, owner)
        if row is None:
            return None
        if row.state in (DocumentState.UPLOADED, DocumentState.FAILED):
            return await self._queue_index_job(row, graph)
        if graph and row.document.graph_state not in (GraphState.QUEUED, GraphState.BUILT):
            row.set_graph(GraphState.QUEUED, row.document.graph_chunk_count)
            if row.state == DocumentState.INDEXED:
                row.attempts = 0
                await self.queue.enqueue(row.job())
        return row.value()

    async def requeue_lost(self) -> int:
        """Enqueue the job of every row that waits for one."""
        waiting = (DocumentState.QUEUED, DocumentState.PROCESSING, "DELETING")
        rows = [row for row in self.rows.values() if row.state in waiting or row.wants_graph]
        for row in rows:
            await self.queue.enqueue(row.job())
        return len(rows)


@dataclass(slots=True)
class FakeIndexingJobs:
    """Records in the rows of the documents."""

    documents: FakeDocumentStore

    async def begin(self, job: Job) -> IndexingProgress | None:
        """Move a row to PROCESSING and count the attempt."""
        row = self.documents.rows.get(job.document_id)
        queued = (DocumentState.QUEUED, DocumentState.PROCESSING)
        if row is None or row.generation != job.generation or row.state not in queued:
            return None
        row.state = DocumentState.PROCESSING
        row.attempts += 1
        return IndexingProgress(row.value(), row.attempts, row.chunk_total, row.indexed, row.embedding_model)

    async def report(self, job: Job, progress: StageProgress) -> bool:
        """Append an event."""
        return self._append_event(job, progress)

    async def save_parsed(
        self,
        job: Job,
        parsed: ParsedFile,
        chunks: AsyncIterator[Sequence[StoredChunk]],
        events: Sequence[StageProgress],
    ) -> bool:
        """Collect all chunks first, then change the row."""
        found = [chunk async for part in chunks for chunk in part]
        row = self._wanted(job)
        if row is None:
            return False
        row.document = replace(
            row.document,
            page_count=parsed.page_count,
            text_length=parsed.text_length,
            language=parsed.language,
            title=parsed.title,
            warnings=parsed.warnings,
        )
        row.chunks, row.chunk_total, row.indexed, row.attempts = found, len(found), 0, 0
        for event in events:
            self._append_event(job, event)
        return True

    async def advance(self, job: Job, indexed: int, model: str, event: StageProgress | None) -> bool:
        """Change the row and append the event."""
        row = self._wanted(job)
        if row is None:
            return False
        row.indexed, row.embedding_model, row.attempts = indexed, model, 0
        if event is not None:
            self._append_event(job, event)
        return True

    async def finish(self, job: Job) -> bool:
        """Move the row to INDEXED and enqueue the graph job."""
        finished = self._append_event(job, IndexingCompleted(), DocumentState.INDEXED)
        row = self.documents.rows.get(job.document_id)
        if finished and row is not None and row.wants_graph:
            await self.documents.queue.enqueue(row.job())
        return finished

    async def fail(self, job: Job, failure: Failure) -> bool:
        """Move the row to FAILED, and a graph that waited for it."""
        failed = self._append_event(job, failure, DocumentState.FAILED)
        if failed and (row := self.documents.rows[job.document_id]).document.graph_state is GraphState.QUEUED:
            row.set_graph(GraphState.FAILED, 0, failure)
        return failed

    def _wanted(self, job: Job) -> _Row | None:
        row = self.documents.rows.get(job.document_id)
        wanted = row is not None and row.generation == job.generation and row.state == DocumentState.PROCESSING
        return row if wanted else None

    def _append_event(self, job: Job, payload: EventPayload, state: DocumentState = DocumentState.PROCESSING) -> bool:
        row = self._wanted(job)
        if row is None:
            return False
        row.state = state
        row.append_event(payload)
        self.documents.feed.publish(job.document_id)
        return True


@dataclass(slots=True)
class FakeGraphJobs:
    """Records in the rows of indexed documents."""

    documents: FakeDocumentStore

    async def begin(self, job: Job) -> GraphProgress | None:
        """Count the attempt."""
        row = self._wanted(job)
        if row is None:
            return None
        row.attempts += 1
        return GraphProgress(row.value(), row.attempts, row.document.graph_chunk_count)

    async def advance(self, job: Job, added: int, event: StageProgress | None) -> bool:
        """Change the row and append the event."""
        return self._set(job, GraphState.QUEUED, added, event)

    async def finish(self, job: Job, added: int) -> bool:
        """Move the graph's state to BUILT."""
        return self._set(job, GraphState.BUILT, added, GraphBuilt())

    async def fail(self, job: Job, failure: Failure) -> bool:
        """Move the graph's state to FAILED."""
        row = self._wanted(job)
        added = row.document.graph_chunk_count if row else 0
        return self._set(job, GraphState.FAILED, added, GraphFailed(failure))

    def _wanted(self, job: Job) -> _Row | None:
        row = self.documents.rows.get(job.document_id)
        return row if row is not None and row.generation == job.generation and row.wants_graph else None

    def _set(self, job: Job, state: GraphState, added: int, event: EventPayload | None) -> bool:
        row = self._wanted(job)
        if row is None:
            return False
        row.set_graph(state, added, event.failure if isinstance(event, GraphFailed) else None)
        row.attempts = 0
        if event is not None:
            row.append_event(event)
            self.documents.feed.publish(job.document_id)
        return True


@dataclass(slots=True)
class FakeDeletionStore:
    """Marks and removes rows."""

    documents: FakeDocumentStore
    delay_seconds: float

    async def mark(self, document_id: str, owner: str) -> Document | None:
        """Mark a visible row."""
        row = self.documents.visible(document_id, owner)
        if row is None:
            return None
        document = row.value()
        await self.mark_failed_upload(document_id)
        return document

    async def mark_failed_upload(self, document_id: str) -> None:
        """Move the row to DELETING and queue its job."""
        row = self.documents.rows.get(document_id)
        if row is not None:
            row.state = "DELETING"
            await self.documents.queue.enqueue(row.job(), self.delay_seconds)
            self.documents.feed.publish(document_id, deleting=True)

    async def marked(self, document_id: str) -> Document | None:
        """Return a row in DELETING."""
        row = self.documents.rows.get(document_id)
        return row.value() if row is not None and row.state == "DELETING" else None

    async def is_shared(self, document_id: str, sha256: str) -> bool:
        """Search all rows for the hash."""
        documents = (row.document for row in self.documents.rows.values())
        return any(document.sha256 == sha256 and document.document_id != document_id for document in documents)

    async def remove(self, document_id: str) -> None:
        """Remove a row in DELETING."""
        if await self.marked(document_id):
            del self.documents.rows[document_id]


class FakeStores:
    """Every fake of this module over the same rows."""

    def __init__(self, queue: FakeJobQueue, *, deletion_delay_seconds: float = 30.0) -> None:
        self.locks = FakeLocks()
        self.documents = FakeDocumentStore(queue, self.locks.instance)
        self.feed = self.documents.feed
        self.jobs = FakeIndexingJobs(self.documents)
        self.graph_jobs = FakeGraphJobs(self.documents)
        self.deletions = FakeDeletionStore(self.documents, deletion_delay_seconds)
