"""Events: told sparingly, replayed from any number, followed to the end of the job."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from services.common.values import DocumentKind
from services.docs.adapters.objects.fake import FakeObjectStore
from services.docs.adapters.queue.fake import FakeJobQueue
from services.docs.adapters.stores.fake import FakeStores
from services.docs.domain.catalog.catalog import DocumentCatalog
from services.docs.domain.catalog.watcher import Watcher
from services.docs.domain.indexing.indexer import ProgressThrottle
from services.docs.values.document import (
    Document,
    DocumentEvent,
    DocumentState,
    Failure,
    GraphFailed,
    IndexingCompleted,
    IndexingStage,
    Job,
    JobKind,
    StageProgress,
)
from services.kit import ids
from services.kit.errors import NotFound


class House:
    """A document of alice's whose job is done by hand."""

    def __init__(self) -> None:
        self.stores = FakeStores(FakeJobQueue())
        self.watcher = Watcher(
            self.stores.documents,
            self.stores.feed,
            DocumentCatalog(self.stores.documents, FakeObjectStore()),
        )
        self.job = Job(JobKind.INDEX, ids.new_id(), "alice", 1)

    async def begin(self, *, parse: bool = True) -> None:
        now = datetime.now(UTC)
        await self.stores.documents.add(
            Document(self.job.document_id, "alice", "a", DocumentKind.MATERIAL, "text/plain", 1, "ab", now, now)
        )
        await self.stores.documents.confirm(self.job.document_id, parse=parse)
        if parse:
            await self.stores.jobs.begin(self.job)

    async def progress(self, *done: int) -> None:
        for each in done:
            await self.stores.jobs.report(self.job, StageProgress(IndexingStage.INDEXING, each, 9))

    def watch(self, after: int = 0, *, graph: bool = False) -> asyncio.Task[list[tuple[DocumentEvent, Document]]]:
        async def follow() -> list[tuple[DocumentEvent, Document]]:
            return [pair async for pair in self.watcher.watch(self.job.document_id, "alice", after, graph=graph)]

        return asyncio.ensure_future(follow())


@pytest.fixture
def house() -> House:
    return House()


async def seen(task: asyncio.Task[list[tuple[DocumentEvent, Document]]]) -> list[tuple[DocumentEvent, Document]]:
    return await task


async def test_a_watcher_replays_then_follows_to_the_end(house: House) -> None:
    await house.begin()
    await house.progress(1, 2)
    watching = house.watch()
    await asyncio.sleep(0.01)
    await house.progress(3)
    await asyncio.sleep(0.01)
    assert not watching.done()
    await house.stores.jobs.finish(house.job)
    pairs = await seen(watching)
    assert [event.number for event, _ in pairs] == [1, 2, 3, 4, 5]
    assert [event.payload for event, _ in pairs] == [
        StageProgress(IndexingStage.QUEUED),
        *(StageProgress(IndexingStage.INDEXING, done, 9) for done in (1, 2, 3)),
        IndexingCompleted(),
    ]
    assert pairs[-1][1].state is DocumentState.INDEXED


@pytest.mark.parametrize("after", [0, 1, 3, 4, 5, 99])
async def test_one_who_comes_back_sees_what_was_missed(house: House, after: int) -> None:
    await house.begin()
    await house.progress(1, 2, 3)
    await house.stores.jobs.finish(house.job)
    assert [event.number for event, _ in await seen(house.watch(after))] == list(range(after + 1, 6))


async def test_many_watchers_see_the_same(house: House) -> None:
    await house.begin()
    watching = [house.watch() for _ in range(20)]
    await asyncio.sleep(0.01)
    await house.progress(*range(9))
    await house.stores.jobs.fail(house.job, Failure("ENCRYPTED_FILE", "protected"))
    everyone = [await seen(watcher) for watcher in watching]
    assert all(pairs == everyone[0] for pairs in everyone)
    assert everyone[0][-1][0].payload == Failure("ENCRYPTED_FILE", "protected")


async def test_an_old_failure_does_not_end_the_watch_of_a_new_job(house: House) -> None:
    await house.begin()
    await house.stores.jobs.fail(house.job, Failure("UNAVAILABLE", "down"))
    await house.stores.documents.request_indexing(house.job.document_id, "alice")
    watching = house.watch()
    await asyncio.sleep(0.01)
    assert not watching.done()
    second = Job(JobKind.INDEX, house.job.document_id, "alice", 2)
    await house.stores.jobs.begin(second)
    await house.stores.jobs.finish(second)
    assert [type(event.payload) for event, _ in await seen(watching)] == [
        StageProgress,
        Failure,
        StageProgress,
        IndexingCompleted,
    ]


async def test_a_document_without_a_job_is_waited_for(house: House) -> None:
    await house.begin(parse=False)
    watching = house.watch()
    await asyncio.sleep(0.01)
    await house.stores.documents.request_indexing(house.job.document_id, "alice")
    await house.stores.jobs.begin(house.job)
    await house.stores.jobs.finish(house.job)
    assert [event.number for event, _ in await seen(watching)] == [1, 2]


async def test_a_deletion_ends_the_watch(house: House) -> None:
    await house.begin()
    watching = house.watch()
    await asyncio.sleep(0.01)
    await house.stores.deletions.mark(house.job.document_id, "alice")
    with pytest.raises(NotFound):
        await seen(watching)


async def test_more_events_than_a_page(house: House) -> None:
    await house.begin()
    await house.progress(*range(500))
    await house.stores.jobs.finish(house.job)
    assert [event.number for event, _ in await seen(house.watch())] == list(range(1, 503))


async def test_an_old_failure_at_the_end_of_a_page_does_not_end_the_watch(house: House) -> None:
    await house.begin()
    await house.progress(*range(198))
    await house.stores.jobs.fail(house.job, Failure("UNAVAILABLE", "down"))
    assert await house.stores.documents.last_event(house.job.document_id) == 200
    await house.stores.documents.request_indexing(house.job.document_id, "alice")
    second = Job(JobKind.INDEX, house.job.document_id, "alice", 2)
    await house.stores.jobs.begin(second)
    await house.stores.jobs.finish(second)
    assert [event.number for event, _ in await seen(house.watch())] == list(range(1, 203))


async def test_the_first_and_the_last_of_a_stage_are_always_told() -> None:
    throttle = ProgressThrottle(interval=60.0)
    admitted = [
        progress
        for progress in (
            StageProgress(IndexingStage.PARSING),
            StageProgress(IndexingStage.PARSING, 1, 3),
            StageProgress(IndexingStage.PARSING, 3, 3),
            *(StageProgress(IndexingStage.INDEXING, done, 100) for done in range(101)),
        )
        if throttle.admit(progress)
    ]
    assert admitted == [
        StageProgress(IndexingStage.PARSING),
        StageProgress(IndexingStage.PARSING, 3, 3),
        StageProgress(IndexingStage.INDEXING, 0, 100),
        StageProgress(IndexingStage.INDEXING, 100, 100),
    ]


async def test_between_them_one_in_each_interval() -> None:
    throttle = ProgressThrottle(interval=0.03)
    admitted = 0
    for done in range(20):
        admitted += throttle.admit(StageProgress(IndexingStage.INDEXING, done, 100))
        await asyncio.sleep(0.005)
    assert 3 <= admitted <= 6


async def test_the_graph_job_is_followed_by_those_alone_who_ask_for_it(house: House) -> None:
    await house.begin()
    await house.stores.documents.request_indexing(house.job.document_id, "alice", graph=True)
    short, long = house.watch(), house.watch(graph=True)
    await asyncio.sleep(0.01)
    await house.stores.jobs.finish(house.job)
    assert (await seen(short))[-1][0].payload == IndexingCompleted()
    await house.stores.graph_jobs.advance(house.job, 1, StageProgress(IndexingStage.GRAPH, 1, 2))
    await asyncio.sleep(0.01)
    assert not long.done()
    failure = Failure("UNAVAILABLE", "down")
    await house.stores.graph_jobs.fail(house.job, failure)
    followed = [StageProgress(IndexingStage.GRAPH, 1, 2), GraphFailed(failure)]
    assert [event.payload for event, _ in (await seen(long))[-3:]] == [IndexingCompleted(), *followed]
    assert (await seen(house.watch()))[-1][0].payload == IndexingCompleted()
    assert [event.payload for event, _ in await seen(house.watch(2, graph=True))] == followed
    assert await seen(house.watch(4)) == await seen(house.watch(4, graph=True)) == []


async def test_who_asks_for_a_graph_that_nobody_wanted_is_not_kept_waiting(house: House) -> None:
    await house.begin()
    await house.stores.jobs.finish(house.job)
    for after in (0, 2):
        await seen(house.watch(after, graph=True))
