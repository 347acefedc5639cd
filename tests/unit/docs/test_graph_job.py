"""The graph job on fakes: it follows the index job, resumes, and whatever becomes of it the document is indexed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from services.common.values import DocumentKind
from services.docs.adapters.clients.fake import FakeChunkIndex, FakeEmbedder, FakeKnowledgeGraph
from services.docs.adapters.objects.fake import FakeObjectStore
from services.docs.adapters.parsers.fake import FakeDocumentParser
from services.docs.adapters.queue.fake import FakeJobQueue
from services.docs.adapters.stores.fake import FakeStores
from services.docs.domain.catalog.deletion import Deleter
from services.docs.domain.indexing.graph import GraphIndexer, GraphJobSettings
from services.docs.domain.indexing.indexer import DocumentIndexer, IndexingSettings
from services.docs.domain.indexing.long_jobs import LongJobs
from services.docs.domain.upload.uploader import Uploader
from services.docs.ports import RetryLaterError
from services.docs.values.document import (
    Document,
    DocumentState,
    GraphBuilt,
    GraphFailed,
    GraphState,
    IndexingCompleted,
    IndexingStage,
    Job,
    JobKind,
    StageProgress,
    StoredChunk,
)
from services.kit.errors import FailedPrecondition, TikuError, Unavailable, disk_full

SETTINGS = GraphJobSettings(batch=3, attempts=3, first_delay=1.0, longest_delay=8.0, event_interval=0.0)
OFF = FailedPrecondition("No graph is kept.", reason="GRAPH_OFF")


class Graph(FakeKnowledgeGraph):
    """Counts its calls, and waits and fails as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []
        self.fail_from: int | None = None
        self.error: Exception = Unavailable("The engine is down.")
        self.hold, self.entered = asyncio.Event(), asyncio.Event()
        self.hold.set()

    async def add(self, document: Document, chunks: Sequence[StoredChunk]) -> None:
        self.calls.append(len(chunks))
        self.entered.set()
        await self.hold.wait()
        if self.fail_from is not None and len(self.calls) > self.fail_from:
            raise self.error
        await super().add(document, chunks)


class Index(FakeChunkIndex):
    """Deletes from the graph, too, as the retrieval service does."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._graph = graph

    async def delete(self, document_id: str) -> None:
        await super().delete(document_id)
        kept = {chunk: document for chunk, document in self._graph.chunks.items() if document != document_id}
        self._graph.chunks = kept


class House:
    """Documents that are indexed, and the jobs on their graphs."""

    def __init__(self) -> None:
        self.queue = FakeJobQueue()
        self.stores = FakeStores(self.queue)
        self.graph = Graph()
        self.index, self.objects = Index(self.graph), FakeObjectStore()
        stores = self.stores
        self.indexer = DocumentIndexer(
            stores.jobs,
            stores.documents,
            stores.feed,
            stores.locks,
            self.objects,
            FakeDocumentParser(),
            FakeEmbedder(),
            self.index,
            IndexingSettings(batch=100),
        )
        self.grapher = GraphIndexer(
            stores.graph_jobs, stores.documents, stores.feed, stores.locks, self.graph, SETTINGS
        )
        self.deleter = Deleter(stores.deletions, stores.locks, self.objects, self.index)

    async def indexed(self, lines: int = 10, *, graph: bool = True) -> Job:
        text = "\n".join(f"第{number}行" for number in range(lines))

        async def chunks() -> AsyncIterator[bytes]:
            yield text.encode()

        stores = self.stores
        uploader = Uploader(
            stores.documents, stores.deletions, stores.locks, self.objects, max_bytes=10**6, graph=graph
        )
        stored = (await uploader.upload("alice", "a.txt", DocumentKind.MATERIAL, chunks(), parse=True)).document
        job = Job(JobKind.INDEX, stored.document_id, "alice", 1)
        await self.indexer.run(job)
        return replace(job, kind=JobKind.GRAPH)

    async def document(self, job: Job) -> Document:
        document = await self.stores.documents.get(job.document_id, "alice")
        assert document is not None
        assert document.state is DocumentState.INDEXED, "whatever becomes of the graph"
        return document

    async def told(self, job: Job) -> list[object]:
        return [event.payload for event in await self.stores.documents.events(job.document_id, 0, 1000)]


@pytest.fixture
def house() -> House:
    return House()


async def test_the_document_is_indexed_before_its_graph_is_begun(house: House) -> None:
    job = await house.indexed()
    assert house.graph.calls == []
    assert (await house.document(job)).graph_state is GraphState.QUEUED
    await house.grapher.run(job)
    document = await house.document(job)
    assert (document.graph_state, document.graph_chunk_count) == (GraphState.BUILT, 10)
    assert house.graph.calls == [3, 3, 3, 1]
    assert set(house.graph.chunks.values()) == {job.document_id}
    told = await house.told(job)
    assert told[told.index(IndexingCompleted()) + 1 :] == [
        *(StageProgress(IndexingStage.GRAPH, done, 10) for done in (3, 6, 9)),
        GraphBuilt(),
    ]


async def test_where_no_graph_is_wanted_nothing_is_called(house: House) -> None:
    job = await house.indexed(graph=False)
    await house.grapher.run(job)
    assert house.graph.calls == []
    assert (await house.document(job)).graph_state is GraphState.UNSPECIFIED


async def test_after_a_fault_it_goes_on_where_it_was(house: House) -> None:
    job = await house.indexed()
    house.graph.fail_from = 2
    with pytest.raises(RetryLaterError):
        await house.grapher.run(job)
    document = await house.document(job)
    assert (document.graph_state, document.graph_chunk_count) == (GraphState.QUEUED, 6)
    house.graph.fail_from = None
    house.graph.calls.clear()
    await house.grapher.run(job)
    assert house.graph.calls == [3, 1]
    assert len(house.graph.chunks) == 10


async def test_a_worker_that_died_in_the_stage_is_followed_by_one_that_goes_on(house: House) -> None:
    job = await house.indexed()
    assert await house.stores.graph_jobs.begin(job)
    await house.stores.graph_jobs.advance(job, 6, None)  # The batch before was added, but its count may be lost.
    assert await house.stores.documents.requeue_lost() == 1
    await house.grapher.run(job)
    assert house.graph.calls == [3, 1]


async def test_one_that_killed_its_worker_every_time_is_given_up(house: House) -> None:
    job = await house.indexed()
    for _ in range(SETTINGS.attempts):
        assert await house.stores.graph_jobs.begin(job)
    await house.grapher.run(job)
    failure = (await house.document(job)).graph_failure
    assert failure is not None
    assert failure.reason == "JOB_ABANDONED"
    assert house.graph.calls == []


@pytest.mark.parametrize(
    ("error", "tries", "reason"),
    [
        (Unavailable("The engine is down."), 3, "UNAVAILABLE"),
        (OFF, 1, "GRAPH_OFF"),
        (RuntimeError("secret path /home/x"), 3, "INTERNAL"),
    ],
)
async def test_a_graph_that_fails_for_good_is_given_up_and_says_why(
    house: House, error: Exception, tries: int, reason: str
) -> None:
    job = await house.indexed()
    house.graph.fail_from, house.graph.error = 0, error
    delays = []
    for _ in range(tries - 1):
        with pytest.raises(RetryLaterError) as caught:
            await house.grapher.run(job)
        delays.append(caught.value.delay)
    assert delays == [1.0, 2.0][: tries - 1]
    await house.grapher.run(job)
    document = await house.document(job)
    message = error.message if isinstance(error, TikuError) else "Something went wrong on our side"
    assert document.graph_state is GraphState.FAILED
    assert document.graph_failure is not None
    assert document.graph_failure.reason == reason
    assert document.graph_failure.message.startswith(message)
    assert (await house.told(job))[-1] == GraphFailed(document.graph_failure)
    assert len(house.graph.calls) == tries
    await house.grapher.run(job)
    assert len(house.graph.calls) == tries, "a late job does nothing"


async def test_a_job_waits_for_room_without_a_count_of_its_tries(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await house.indexed()

    async def refused(_: object, job: Job) -> None:
        raise disk_full()

    with monkeypatch.context() as full:
        full.setattr(type(house.stores.graph_jobs), "begin", refused)
        for _ in range(SETTINGS.attempts + 2):
            with pytest.raises(RetryLaterError, match="DISK_FULL"):
                await house.grapher.run(job)
    await house.grapher.run(job)
    assert (await house.document(job)).graph_state is GraphState.BUILT


async def test_a_slow_graph_holds_up_neither_the_index_nor_a_seat_that_it_does_not_need(house: House) -> None:
    house.grapher = replace(house.grapher, running=LongJobs(1))
    first, second = await house.indexed(), await house.indexed(11)
    house.graph.hold.clear()
    running = asyncio.ensure_future(house.grapher.run(first))
    await house.graph.entered.wait()
    with pytest.raises(RetryLaterError):
        await house.grapher.run(second)
    third = await house.indexed(12)
    assert (await house.document(third)).chunk_count == 12
    house.graph.hold.set()
    await running
    await house.grapher.run(second)
    assert (await house.document(second)).graph_state is GraphState.BUILT


async def test_a_deletion_waits_for_the_batch_that_was_sent_and_leaves_nothing(house: House) -> None:
    job = await house.indexed()
    house.graph.hold.clear()
    running = asyncio.ensure_future(house.grapher.run(job))
    await house.graph.entered.wait()
    deleting = asyncio.ensure_future(house.deleter.delete(job.document_id, "alice"))
    await asyncio.sleep(0.01)
    assert not running.done()
    assert not deleting.done()
    house.graph.hold.set()
    await asyncio.gather(running, deleting)
    assert house.graph.calls == [3]
    assert house.graph.chunks == {}
    await house.grapher.run(job)
    assert house.graph.calls == [3]


async def test_what_a_killed_worker_had_sent_goes_with_the_second_pass_of_the_deletion(house: House) -> None:
    job = await house.indexed()
    document = await house.document(job)
    chunks = await house.stores.documents.chunks(job.document_id, 0, 3)
    await house.deleter.delete(job.document_id, "alice")
    await house.graph.add(document, chunks)
    await house.deleter.run(replace(job, kind=JobKind.DELETE, generation=0))
    assert house.graph.chunks == {}


async def test_an_index_job_that_runs_again_is_followed_by_its_graph_again(house: House) -> None:
    job = await house.indexed()
    await house.grapher.run(job)
    row = house.stores.documents.rows[job.document_id]
    row.state = DocumentState.FAILED
    await house.stores.documents.request_indexing(job.document_id, "alice")
    again = replace(job, kind=JobKind.INDEX, generation=2)
    await house.indexer.run(again)
    assert (await house.document(job)).graph_state is GraphState.QUEUED
    house.graph.calls.clear()
    await house.grapher.run(job)
    assert house.graph.calls == [], "the first graph job is late"
    await house.grapher.run(replace(again, kind=JobKind.GRAPH))
    assert house.graph.calls == [3, 3, 3, 1]
    assert (await house.document(job)).graph_failure is None
