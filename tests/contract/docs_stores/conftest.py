"""Every store of the docs service, in memory and on PostgreSQL, each port under its own suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.common.values import DocumentKind
from services.docs.adapters.queue.fake import FakeJobQueue
from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.fake import FakeStores
from services.docs.adapters.stores.postgres.change_feed import PostgresChangeFeed
from services.docs.adapters.stores.postgres.stores import PostgresStores
from services.docs.ports import (
    ChangeFeed,
    DeletionStore,
    DocumentStore,
    GraphJobs,
    IndexingJobs,
    Locks,
)
from services.docs.values.document import Document, Job, JobKind, StoredChunk
from services.docs.values.parsed_document import ParsedFile
from services.kit import ids
from tests.engines import on_engine

ALICE, BOB = "alice", "bob"
START = datetime(2026, 11, 22, 3, 24, 5, 123456, tzinfo=UTC)


def parsed_file(chunks: int) -> ParsedFile:
    return ParsedFile(3, 10, "zh", "标题", chunks, Path("text"), Path("chunks"))


async def in_parts(chunks: list[StoredChunk]) -> AsyncIterator[list[StoredChunk]]:
    for start in range(0, len(chunks), 2):
        yield chunks[start : start + 2]


@dataclass
class Stores:
    """The ports of a store, each as the domain sees it, and the queue that it fills."""

    documents: DocumentStore
    jobs: IndexingJobs
    graph_jobs: GraphJobs
    deletions: DeletionStore
    locks: Locks
    feed: ChangeFeed
    queue: FakeJobQueue | PgQueuerJobQueue

    @classmethod
    def of(cls, parts: FakeStores | PostgresStores, feed: ChangeFeed, queue: FakeJobQueue | PgQueuerJobQueue) -> Stores:
        return cls(
            parts.documents,
            parts.jobs,
            parts.graph_jobs,
            parts.deletions,
            parts.locks,
            feed,
            queue,
        )

    async def queued(self, count: int) -> list[Job]:
        """The next `count` jobs that are due."""
        jobs: list[Job] = []

        async def take(job: Job) -> None:
            jobs.append(job)

        worker = asyncio.ensure_future(self.queue.work(take))
        try:
            async with asyncio.timeout(10):
                while len(jobs) < count:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
        return jobs


@pytest.fixture(params=["fake", on_engine("postgres")])
def dsn(request: pytest.FixtureRequest) -> str:
    """The database to use; empty for the fakes."""
    return "" if request.param == "fake" else str(request.getfixturevalue("docs_database"))


@pytest.fixture
async def stores(dsn: str) -> AsyncIterator[Stores]:
    if not dsn:
        fake_queue = FakeJobQueue()
        fakes = FakeStores(fake_queue, deletion_delay_seconds=0.0)
        yield Stores.of(fakes, fakes.feed, fake_queue)
        return
    queue, feed = PgQueuerJobQueue(dsn), PostgresChangeFeed(dsn)
    async with PostgresStores.open(dsn, queue, deletion_delay_seconds=0.0) as opened:
        await opened.ping()
        listening = asyncio.ensure_future(feed.run())
        yield Stores.of(opened, feed, queue)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def document(owner: str = ALICE, minutes: int = 0, kind: DocumentKind = DocumentKind.MATERIAL) -> Document:
    moment = START + timedelta(minutes=minutes)
    return Document(
        document_id=ids.new_id(),
        owner=owner,
        name="光合作用 'quoted'.pdf",
        kind=kind,
        media_type="application/pdf",
        size_bytes=5_000_000_000,
        sha256="ab" * 32,
        create_time=moment,
        update_time=moment,
    )


async def kept(stores: Stores, wanted: Document | None = None, *, parse: bool = False, graph: bool = False) -> Document:
    wanted = wanted or document()
    await stores.documents.add(wanted)
    return await stores.documents.confirm(wanted.document_id, parse=parse, graph=graph)


async def processing(stores: Stores, *, graph: bool = False) -> tuple[Document, Job]:
    """A document whose first job was taken up."""
    stored = await kept(stores, parse=True, graph=graph)
    job = Job(JobKind.INDEX, stored.document_id, stored.owner, 1)
    assert await stores.jobs.begin(job)
    return stored, job


def passages(count: int) -> list[StoredChunk]:
    return [
        StoredChunk(
            ordinal,
            ordinal,
            ordinal + 3,
            f"第{ordinal}段",
            1 + ordinal,
            ("章", "Section"),
            (ordinal + 1, ordinal + 2)[: ordinal % 3],
            "\n\n"[: ordinal % 3],
            chunk_id=ids.new_id(),
        )
        for ordinal in range(count)
    ]


async def events(stores: Stores, document_id: str) -> list[object]:
    found = await stores.documents.events(document_id, 0, 100)
    assert [event.number for event in found] == list(range(1, len(found) + 1))
    return [event.payload for event in found]
