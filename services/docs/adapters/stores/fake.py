"""Documents in memory: the same behavior as PostgreSQL's, for one process and until it ends."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from services.docs.ports import JobQueue
from services.docs.values.document import (
    Document,
    DocumentEvent,
    DocumentKind,
    DocumentState,
    EventPayload,
    Failure,
    IndexingCompleted,
    IndexingProgress,
    IndexingStage,
    Job,
    JobKind,
    ListPosition,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_file import ParsedFile
from services.kit import ids


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
    def seen(self) -> bool:
        return self.state not in ("STORING", "DELETING")

    def shown(self) -> Document:
        state = DocumentState(self.state) if self.seen else DocumentState.UPLOADED
        return replace(self.document, state=state, chunk_count=self.indexed)

    def note(self, what: EventPayload) -> None:
        now = datetime.now(UTC)
        self.events.append(DocumentEvent(len(self.events) + 1, now, what))
        self.document = replace(self.document, update_time=now, failure=what if isinstance(what, Failure) else None)


@dataclass(slots=True, eq=False)
class _Changes:
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    deleting: asyncio.Event = field(default_factory=asyncio.Event)


class FakeDocumentStore:
    """Rows in a dictionary, and the news about them."""

    def __init__(self, queue: JobQueue, *, deletion_delay: float = 30.0) -> None:
        self._queue = queue
        self._deletion_delay = deletion_delay
        self._rows: dict[str, _Row] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._subscriptions: defaultdict[str, set[_Changes]] = defaultdict(set)
        self._instance = ids.new_id()

    @property
    def instance(self) -> str:
        return self._instance

    @contextmanager
    def subscribe(self, document_id: str) -> Iterator[_Changes]:
        subscription = _Changes()
        self._subscriptions[document_id].add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[document_id].discard(subscription)

    def _tell(self, document_id: str, *, deleting: bool = False) -> None:
        for subscription in self._subscriptions[document_id]:
            subscription.changed.set()
            if deleting:
                subscription.deleting.set()

    @asynccontextmanager
    async def lock(self, name: str, *, wait: bool = True) -> AsyncIterator[bool]:
        if name == f"instance:{self._instance}" or (not wait and self._locks[name].locked()):
            yield False
            return
        async with self._locks[name]:
            yield True

    async def add(self, document: Document) -> None:
        self._rows[document.document_id] = _Row(document, self._instance, "STORING")

    async def confirm(self, document_id: str, *, parse: bool) -> Document:
        row = self._rows[document_id]
        row.state = DocumentState.UPLOADED
        if parse:
            await self._queue_index_job(row)
        return row.shown()

    def _seen(self, document_id: str, owner: str) -> _Row | None:
        row = self._rows.get(document_id)
        return row if row is not None and row.seen and row.document.owner == owner else None

    async def get(self, document_id: str, owner: str) -> Document | None:
        row = self._seen(document_id, owner)
        return row.shown() if row else None

    async def list(
        self, owner: str, kind: DocumentKind | None, after: ListPosition | None, limit: int
    ) -> Sequence[Document]:
        rows = [
            row.shown()
            for row in self._rows.values()
            if row.seen and row.document.owner == owner and kind in (None, row.document.kind)
        ]
        rows.sort(key=lambda row: (row.create_time, row.document_id), reverse=True)
        if after is not None:
            end = (after.create_time, after.document_id)
            rows = [row for row in rows if (row.create_time, row.document_id) < end]
        return rows[:limit]

    async def request_job(self, document_id: str, owner: str) -> Document | None:
        row = self._seen(document_id, owner)
        if row is None:
            return None
        if row.state in (DocumentState.UPLOADED, DocumentState.FAILED):
            await self._queue_index_job(row)
        return row.shown()

    async def _queue_index_job(self, row: _Row) -> None:
        row.state, row.generation, row.attempts = DocumentState.QUEUED, row.generation + 1, 0
        row.note(StageProgress(IndexingStage.QUEUED))
        document_id = row.document.document_id
        await self._queue.enqueue(Job(JobKind.INDEX, document_id, row.document.owner, row.generation))
        self._tell(document_id)

    async def begin_job(self, job: Job) -> IndexingProgress | None:
        row = self._rows.get(job.document_id)
        if (
            row is None
            or row.generation != job.generation
            or row.state not in (DocumentState.QUEUED, DocumentState.PROCESSING)
        ):
            return None
        row.state = DocumentState.PROCESSING
        row.attempts += 1
        return IndexingProgress(
            row.shown(), row.generation, row.attempts, row.chunk_total, row.indexed, row.embedding_model
        )

    def _wanted(self, job: Job) -> _Row | None:
        row = self._rows.get(job.document_id)
        wanted = row is not None and row.generation == job.generation and row.state == DocumentState.PROCESSING
        return row if wanted else None

    def _note(self, job: Job, what: EventPayload, state: DocumentState = DocumentState.PROCESSING) -> bool:
        row = self._wanted(job)
        if row is None:
            return False
        row.state = state
        row.note(what)
        self._tell(job.document_id)
        return True

    async def add_event(self, job: Job, progress: StageProgress) -> bool:
        return self._note(job, progress)

    async def save_parsed(
        self,
        job: Job,
        reading: ParsedFile,
        chunks: AsyncIterator[Sequence[StoredChunk]],
        events: Sequence[StageProgress],
    ) -> bool:
        found = [chunk async for part in chunks for chunk in part]
        row = self._wanted(job)
        if row is None:
            return False
        row.document = replace(
            row.document,
            page_count=reading.page_count,
            text_length=reading.text_length,
            language=reading.language,
            title=reading.title,
        )
        row.chunks, row.chunk_total, row.indexed, row.attempts = found, len(found), 0, 0
        for event in events:
            self._note(job, event)
        return True

    async def advance(self, job: Job, indexed: int, model: str, event: StageProgress | None) -> bool:
        row = self._wanted(job)
        if row is None:
            return False
        row.indexed, row.embedding_model, row.attempts = indexed, model, 0
        if event is not None:
            self._note(job, event)
        return True

    async def finish_job(self, job: Job) -> bool:
        return self._note(job, IndexingCompleted(), DocumentState.INDEXED)

    async def fail_job(self, job: Job, failure: Failure) -> bool:
        return self._note(job, failure, DocumentState.FAILED)

    async def chunks(self, document_id: str, first: int, limit: int) -> Sequence[StoredChunk]:
        row = self._rows.get(document_id)
        return row.chunks[first : first + limit] if row else []

    async def events(self, document_id: str, after: int, limit: int) -> Sequence[DocumentEvent]:
        row = self._rows.get(document_id)
        return row.events[after : after + limit] if row else []

    async def last_event(self, document_id: str) -> int | None:
        row = self._rows.get(document_id)
        return len(row.events) if row is not None and row.seen else None

    async def mark_for_deletion(self, document_id: str, owner: str) -> Document | None:
        row = self._seen(document_id, owner)
        if row is None:
            return None
        shown = row.shown()
        await self.mark_failed_upload(document_id)
        return shown

    async def mark_failed_upload(self, document_id: str) -> None:
        row = self._rows.get(document_id)
        if row is not None:
            row.state = "DELETING"
            await self._queue.enqueue(Job(JobKind.DELETE, document_id, row.document.owner), self._deletion_delay)
            self._tell(document_id, deleting=True)

    async def marked_for_deletion(self, document_id: str) -> Document | None:
        row = self._rows.get(document_id)
        return row.shown() if row is not None and row.state == "DELETING" else None

    async def shared(self, document_id: str, sha256: str) -> bool:
        return any(
            row.document.sha256 == sha256 and row.document.document_id != document_id for row in self._rows.values()
        )

    async def remove(self, document_id: str) -> None:
        if await self.marked_for_deletion(document_id):
            del self._rows[document_id]

    async def unconfirmed(self) -> Sequence[tuple[str, Document]]:
        return [(row.instance, row.shown()) for row in self._rows.values() if row.state == "STORING"]

    async def requeue(self) -> int:
        moving = [
            row
            for row in self._rows.values()
            if row.state in (DocumentState.QUEUED, DocumentState.PROCESSING, "DELETING")
        ]
        for row in moving:
            document_id = row.document.document_id
            deleting = row.state == "DELETING"
            await self._queue.enqueue(
                Job(JobKind.DELETE, document_id, row.document.owner)
                if deleting
                else Job(JobKind.INDEX, document_id, row.document.owner, row.generation)
            )
        return len(moving)

    async def ping(self) -> None:
        return None
