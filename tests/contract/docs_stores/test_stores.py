"""What every document store promises, in memory and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.docs.adapters.queue.fake import FakeJobQueue
from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.change_feed import PostgresChangeFeed
from services.docs.adapters.stores.fake import FakeDocumentStore
from services.docs.adapters.stores.postgres import MIGRATIONS, SCHEMA, PostgresDocumentStore
from services.docs.ports import ChangeFeed, DocumentStore
from services.docs.values.document import (
    Document,
    DocumentKind,
    DocumentState,
    Failure,
    IndexingCompleted,
    IndexingStage,
    Job,
    JobKind,
    ListPosition,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_file import ParsedFile
from services.kit import ids
from services.kit.errors import Unavailable
from services.kit.migrations import migrate

ALICE, BOB = "alice", "bob"
START = datetime(2026, 11, 22, 3, 24, 5, 123456, tzinfo=UTC)


def parsed_file(chunks: int) -> ParsedFile:
    return ParsedFile(3, 10, "zh", "标题", chunks, Path("text"), Path("chunks"))


async def in_parts(chunks: list[StoredChunk]) -> AsyncIterator[list[StoredChunk]]:
    for start in range(0, len(chunks), 2):
        yield chunks[start : start + 2]


@dataclass
class House:
    """A store, the news about it, and the jobs that it queued."""

    store: DocumentStore
    news: ChangeFeed
    queue: FakeJobQueue | PgQueuerJobQueue

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


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str:
    """The database to use; empty for the store in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("postgres_database"))


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    if not dsn:
        memory = FakeJobQueue()
        store = FakeDocumentStore(memory, deletion_delay=0.0)
        yield House(store, store, memory)
        return
    await migrate(dsn, SCHEMA, MIGRATIONS)
    queue = PgQueuerJobQueue(dsn)
    news = PostgresChangeFeed(dsn)
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(PostgresDocumentStore.opened(dsn, queue, deletion_delay=0.0))
        listening = asyncio.ensure_future(news.run())
        yield House(postgres, news, queue)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


@pytest.fixture
def store(house: House) -> DocumentStore:
    return house.store


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


async def kept(store: DocumentStore, wanted: Document | None = None, *, parse: bool = False) -> Document:
    wanted = wanted or document()
    await store.add(wanted)
    return await store.confirm(wanted.document_id, parse=parse)


async def processing(store: DocumentStore) -> tuple[Document, Job]:
    """A document whose first job was taken up."""
    stored = await kept(store, parse=True)
    job = Job(JobKind.INDEX, stored.document_id, stored.owner, 1)
    assert await store.begin_job(job)
    return stored, job


def passages(count: int) -> list[StoredChunk]:
    return [
        StoredChunk(
            ids.new_id(),
            ordinal,
            f"第{ordinal}段",
            1 + ordinal,
            ordinal,
            ordinal + 3,
            ("章", "Section"),
            (ordinal + 1, ordinal + 2)[: ordinal % 3],
        )
        for ordinal in range(count)
    ]


async def events(store: DocumentStore, document_id: str) -> list[object]:
    found = await store.events(document_id, 0, 100)
    assert [event.number for event in found] == list(range(1, len(found) + 1))
    return [event.payload for event in found]


async def test_a_row_is_seen_once_it_is_confirmed(store: DocumentStore) -> None:
    added = document()
    await store.add(added)
    assert await store.get(added.document_id, ALICE) is None
    assert list(await store.list(ALICE, None, None, 10)) == []
    assert await store.last_event(added.document_id) is None
    assert [(instance, row.document_id) for instance, row in await store.unconfirmed()] == [
        (store.instance, added.document_id)
    ]
    confirmed = await store.confirm(added.document_id, parse=False)
    assert confirmed == added
    assert await store.get(added.document_id, ALICE) == added
    assert list(await store.unconfirmed()) == []
    assert await store.last_event(added.document_id) == 0


async def test_owners_are_apart(store: DocumentStore) -> None:
    stored = await kept(store)
    assert await store.get(stored.document_id, BOB) is None
    assert list(await store.list(BOB, None, None, 10)) == []
    assert await store.request_job(stored.document_id, BOB) is None
    assert await store.mark_for_deletion(stored.document_id, BOB) is None
    assert await store.get(stored.document_id, ALICE) == stored


async def test_lists_run_back_in_time_and_go_on_after_a_position(store: DocumentStore) -> None:
    rows = [await kept(store, document(minutes=minutes // 2)) for minutes in range(6)]
    other = await kept(store, document(kind=DocumentKind.DOCUMENT, minutes=-1))
    expected = sorted(rows, key=lambda row: (row.create_time, row.document_id), reverse=True)
    assert list(await store.list(ALICE, DocumentKind.MATERIAL, None, 10)) == expected
    assert list(await store.list(ALICE, DocumentKind.DOCUMENT, None, 10)) == [other]
    assert list(await store.list(ALICE, None, None, 10)) == [*expected, other]
    for count in range(1, 6):
        last = expected[count - 1]
        after = ListPosition(last.create_time, last.document_id)
        assert list(await store.list(ALICE, None, after, 2)) == [*expected, other][count : count + 2]


async def test_a_confirmed_row_may_bring_its_job(house: House) -> None:
    stored = await kept(house.store, parse=True)
    assert stored.state is DocumentState.QUEUED
    assert await house.queued(1) == [Job(JobKind.INDEX, stored.document_id, ALICE, 1)]
    assert await events(house.store, stored.document_id) == [StageProgress(IndexingStage.QUEUED)]


async def test_a_job_is_asked_for_once(house: House) -> None:
    stored = await kept(house.store)
    for _ in range(3):
        queued = await house.store.request_job(stored.document_id, ALICE)
        assert queued is not None
        assert queued.state is DocumentState.QUEUED
    assert await events(house.store, stored.document_id) == [StageProgress(IndexingStage.QUEUED)]
    assert len(await house.queued(1)) == 1
    assert await house.store.request_job(ids.new_id(), ALICE) is None


async def test_each_worker_that_takes_a_job_up_counts_until_something_is_achieved(store: DocumentStore) -> None:
    _, job = await processing(store)
    again = await store.begin_job(job)
    assert again is not None
    assert (again.attempts, again.chunk_total, again.indexed) == (2, None, 0)
    assert again.document.state is DocumentState.PROCESSING
    await store.save_parsed(job, parsed_file(3), in_parts(passages(3)), [])
    third = await store.begin_job(job)
    assert third is not None
    assert (third.attempts, third.chunk_total, third.indexed) == (1, 3, 0)
    await store.advance(job, 2, "model", None)
    fourth = await store.begin_job(job)
    assert fourth is not None
    assert (fourth.attempts, fourth.indexed, fourth.embedding_model) == (1, 2, "model")


async def test_what_parsing_found_is_kept(store: DocumentStore) -> None:
    stored, job = await processing(store)
    found = passages(5)
    told = [StageProgress(IndexingStage.PARSING, 3, 3), StageProgress(IndexingStage.CHUNKING, 5, 5)]
    assert await store.save_parsed(job, parsed_file(5), in_parts(found), told)
    row = await store.get(stored.document_id, ALICE)
    assert row is not None
    assert (row.page_count, row.text_length, row.language, row.title) == (3, 10, "zh", "标题")
    assert row.chunk_count == 0
    assert list(await store.chunks(stored.document_id, 0, 100)) == found
    assert list(await store.chunks(stored.document_id, 2, 2)) == found[2:4]
    assert list(await store.chunks(stored.document_id, 5, 2)) == []
    assert (await events(store, stored.document_id))[1:] == told
    assert await store.save_parsed(job, parsed_file(1), in_parts(found[:1]), [])
    assert list(await store.chunks(stored.document_id, 0, 100)) == found[:1]


async def test_a_parsed_file_that_breaks_off_is_not_kept(store: DocumentStore) -> None:
    stored, job = await processing(store)

    async def broken() -> AsyncIterator[list[StoredChunk]]:
        yield passages(2)
        raise OSError("the scratch folder is gone")

    with pytest.raises((OSError, Unavailable)):
        await store.save_parsed(job, parsed_file(4), broken(), [])
    assert list(await store.chunks(stored.document_id, 0, 10)) == []
    row = await store.get(stored.document_id, ALICE)
    assert row is not None
    assert row.text_length == 0


async def test_a_job_that_ends_well(store: DocumentStore) -> None:
    stored, job = await processing(store)
    await store.save_parsed(job, parsed_file(2), in_parts(passages(2)), [])
    await store.advance(job, 2, "model", StageProgress(IndexingStage.INDEXING, 2, 2))
    assert await store.finish_job(job)
    row = await store.get(stored.document_id, ALICE)
    assert row is not None
    assert (row.state, row.chunk_count, row.failure) == (DocumentState.INDEXED, 2, None)
    assert (await events(store, stored.document_id))[-2:] == [
        StageProgress(IndexingStage.INDEXING, 2, 2),
        IndexingCompleted(),
    ]
    assert await store.request_job(stored.document_id, ALICE) == row
    assert await store.begin_job(job) is None


async def test_a_job_that_fails_may_be_asked_for_again_and_goes_on_counting(house: House) -> None:
    store = house.store
    stored, job = await processing(store)
    failure = Failure("ENCRYPTED_FILE", "the file is protected by a password")
    assert await store.fail_job(job, failure)
    row = await store.get(stored.document_id, ALICE)
    assert row is not None
    assert (row.state, row.failure) == (DocumentState.FAILED, failure)
    again = await store.request_job(stored.document_id, ALICE)
    assert again is not None
    assert (again.state, again.failure) == (DocumentState.QUEUED, None)
    assert await events(store, stored.document_id) == [
        StageProgress(IndexingStage.QUEUED),
        failure,
        StageProgress(IndexingStage.QUEUED),
    ]
    assert await store.begin_job(job) is None, "the first job is late"
    assert await store.begin_job(replace(job, generation=2))
    assert {one.generation for one in await house.queued(2)} == {1, 2}


async def test_a_job_that_is_no_longer_wanted_changes_nothing(store: DocumentStore) -> None:
    stored, job = await processing(store)
    await store.save_parsed(job, parsed_file(2), in_parts(passages(2)), [])
    before = await events(store, stored.document_id)
    await store.mark_for_deletion(stored.document_id, ALICE)
    for late in (job, replace(job, generation=0), replace(job, document_id=ids.new_id())):
        assert await store.begin_job(late) is None
        assert not await store.add_event(late, StageProgress(IndexingStage.PARSING))
        assert not await store.save_parsed(
            late, parsed_file(9), in_parts(passages(9)), [StageProgress(IndexingStage.PARSING)]
        )
        assert not await store.advance(late, 1, "model", StageProgress(IndexingStage.INDEXING, 1, 2))
        assert not await store.finish_job(late)
        assert not await store.fail_job(late, Failure("X", "x"))
    assert await events(store, stored.document_id) == before
    assert len(await store.chunks(stored.document_id, 0, 10)) == 2


async def test_events_from_many_at_once_have_no_gap(store: DocumentStore) -> None:
    stored, job = await processing(store)
    await asyncio.gather(*(store.add_event(job, StageProgress(IndexingStage.PARSING, n, 50)) for n in range(50)))
    told = await events(store, stored.document_id)
    assert len(told) == 51
    assert await store.last_event(stored.document_id) == 51
    later = await store.events(stored.document_id, 40, 5)
    assert [event.number for event in later] == [41, 42, 43, 44, 45]


async def test_a_marked_document_is_hidden_until_it_is_removed(house: House) -> None:
    store = house.store
    stored, _ = await processing(store)
    twin = await kept(store)
    marked = await store.mark_for_deletion(stored.document_id, ALICE)
    assert marked is not None
    assert await store.get(stored.document_id, ALICE) is None
    assert await store.last_event(stored.document_id) is None
    assert [row.document_id for row in await store.list(ALICE, None, None, 10)] == [twin.document_id]
    assert await store.mark_for_deletion(stored.document_id, ALICE) is None
    found = await store.marked_for_deletion(stored.document_id)
    assert found is not None
    assert found.sha256 == stored.sha256
    assert await store.marked_for_deletion(twin.document_id) is None
    assert await store.shared(stored.document_id, stored.sha256)
    assert Job(JobKind.DELETE, stored.document_id, ALICE) in await house.queued(2)

    await store.remove(twin.document_id)
    assert await store.get(twin.document_id, ALICE) is not None, "only marked rows are removed"
    await store.remove(stored.document_id)
    assert await store.marked_for_deletion(stored.document_id) is None
    assert list(await store.events(stored.document_id, 0, 10)) == []
    assert not await store.shared(twin.document_id, stored.sha256)


async def test_an_unconfirmed_row_can_be_marked(house: House) -> None:
    added = document()
    await house.store.add(added)
    assert await house.store.shared(ids.new_id(), added.sha256)
    await house.store.mark_failed_upload(added.document_id)
    assert list(await house.store.unconfirmed()) == []
    assert await house.store.marked_for_deletion(added.document_id) is not None
    await house.store.mark_failed_upload(ids.new_id())
    assert await house.queued(1) == [Job(JobKind.DELETE, added.document_id, ALICE)]


async def test_lost_jobs_are_queued_again(house: House) -> None:
    store = house.store
    working, job = await processing(store)
    going = await kept(store)
    await store.mark_for_deletion(going.document_id, ALICE)
    await kept(store)
    assert len(await house.queued(2)) == 2
    assert await store.requeue() == 2
    assert sorted(await house.queued(2), key=lambda one: one.kind) == [
        Job(JobKind.DELETE, going.document_id, ALICE),
        job,
    ]
    assert working.document_id == job.document_id


async def test_a_lock_lets_one_in_at_a_time(store: DocumentStore) -> None:
    inside = most = 0

    async def enter(name: str) -> None:
        nonlocal inside, most
        async with store.lock(name) as held:
            assert held
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(enter("one") for _ in range(10)))
    assert most == 1
    await asyncio.gather(enter("one"), enter("another"))
    assert most == 2


async def test_a_lock_that_does_not_wait_says_whether_it_is_held(store: DocumentStore) -> None:
    async with store.lock("one") as held, store.lock("one", wait=False) as second:
        assert (held, second) == (True, False)
    async with store.lock("one", wait=False) as free:
        assert free
    async with store.lock(f"instance:{store.instance}", wait=False) as own:
        assert not own, "a living process holds the lock of its own name"


async def test_news_reach_those_who_subscribed(house: House) -> None:
    stored, job = await processing(house.store)
    with house.news.subscribe(stored.document_id) as news, house.news.subscribe(ids.new_id()) as other:
        async with asyncio.timeout(10):
            await asyncio.sleep(0.3)
            news.changed.clear()
            other.changed.clear()
            await house.store.add_event(job, StageProgress(IndexingStage.PARSING))
            await news.changed.wait()
            assert not news.deleting.is_set()
            assert not other.changed.is_set()
            await house.store.mark_for_deletion(stored.document_id, ALICE)
            await news.deleting.wait()


async def test_a_store_answers(store: DocumentStore) -> None:
    await store.ping()
