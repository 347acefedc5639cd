"""The index job on fakes: order, resuming, faults, and jobs that are no longer wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from services.common.values import DocumentKind
from services.docs.adapters.clients.fake import FakeChunkIndex, FakeEmbedder
from services.docs.adapters.objects.fake import FakeObjectStore
from services.docs.adapters.parsers.fake import FakeDocumentParser
from services.docs.adapters.queue.fake import FakeJobQueue
from services.docs.adapters.stores.fake import FakeStores
from services.docs.domain.indexing.dispatcher import run_job
from services.docs.domain.indexing.indexer import DocumentIndexer, IndexingSettings
from services.docs.domain.indexing.long_jobs import LongJobs
from services.docs.domain.objects import text_key
from services.docs.domain.upload.uploader import Uploader
from services.docs.ports import RetryLaterError
from services.docs.values.document import (
    Document,
    DocumentState,
    Failure,
    IndexingCompleted,
    IndexingStage,
    Job,
    JobKind,
    PassageVectors,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_document import ParsedFile, ParseError, ParseReason
from services.kit.context import current
from services.kit.errors import InvalidArgument, ResourceExhausted, Unavailable, disk_full

SETTINGS = IndexingSettings(
    batch=3, batches_ahead=2, attempts=3, first_delay=1.0, longest_delay=8.0, event_interval=0.0
)


class Parser(FakeDocumentParser):
    """Counts its calls and fails as it is told."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None

    async def parse(
        self, path: Path, media_type: str, folder: Path, on_long: Callable[[], None] | None = None
    ) -> ParsedFile:
        self.calls += 1
        if self.error:
            raise self.error
        return await super().parse(path, media_type, folder)


class Embedder(FakeEmbedder):
    """Counts, waits and fails as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.fail_from: int | None = None
        self.error: Exception = Unavailable("The model is loading.")
        self.users: set[str] = set()

    async def embed(self, texts: Sequence[str]) -> PassageVectors:
        if self.fail_from is not None and len(self.batches) >= self.fail_from:
            raise self.error
        self.batches.append(len(texts))
        self.users.add(current().user_id)
        await asyncio.sleep(0)
        return await super().embed(texts)


class Index(FakeChunkIndex):
    """Counts what it is sent, and holds calls where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.entered = asyncio.Event()

    async def index(self, document: Document, chunks: Sequence[StoredChunk], embeddings: PassageVectors) -> None:
        self.entered.set()
        await self.hold.wait()
        self.sent += [chunk.chunk_id for chunk in chunks]
        await super().index(document, chunks, embeddings)


class House:
    """One document and the job on it."""

    def __init__(self, settings: IndexingSettings = SETTINGS) -> None:
        self.queue = FakeJobQueue()
        self.stores = FakeStores(self.queue)
        self.objects = FakeObjectStore()
        self.parser, self.embedder, self.index = Parser(), Embedder(), Index()
        self.settings = settings
        self.indexer = self.indexer_with(self.embedder)

    def indexer_with(self, embedder: FakeEmbedder) -> DocumentIndexer:
        stores = self.stores
        return DocumentIndexer(
            stores.jobs,
            stores.documents,
            stores.feed,
            stores.locks,
            self.objects,
            self.parser,
            embedder,
            self.index,
            self.settings,
        )

    async def upload(self, lines: int = 10) -> Job:
        text = "\n".join(f"第{number}行 🙂" for number in range(lines))

        async def chunks() -> AsyncIterator[bytes]:
            yield text.encode()

        uploader = Uploader(
            self.stores.documents, self.stores.deletions, self.stores.locks, self.objects, max_bytes=10**6
        )
        stored = (await uploader.upload("alice", "a.txt", DocumentKind.MATERIAL, chunks(), parse=True)).document
        return Job(JobKind.INDEX, stored.document_id, "alice", 1)

    async def document(self, job: Job) -> Document:
        document = await self.stores.documents.get(job.document_id, "alice")
        assert document is not None
        return document

    async def told(self, job: Job) -> list[object]:
        return [event.payload for event in await self.stores.documents.events(job.document_id, 0, 1000)]


@pytest.fixture
def house() -> House:
    return House()


async def test_a_document_goes_all_the_way(house: House) -> None:
    job = await house.upload(10)
    await house.indexer.run(job)
    document = await house.document(job)
    assert document.state is DocumentState.INDEXED
    assert (document.chunk_count, document.page_count, document.language, document.title) == (10, 1, "zh", "题")
    assert house.embedder.batches == [3, 3, 3, 1]
    assert len(house.index.sent) == len(set(house.index.sent)) == 10
    assert await house.told(job) == [
        StageProgress(IndexingStage.QUEUED),
        StageProgress(IndexingStage.PARSING),
        StageProgress(IndexingStage.PARSING, 1, 1),
        StageProgress(IndexingStage.CHUNKING, 10, 10),
        StageProgress(IndexingStage.INDEXING, 0, 10),
        StageProgress(IndexingStage.INDEXING, 3, 10),
        StageProgress(IndexingStage.INDEXING, 6, 10),
        StageProgress(IndexingStage.INDEXING, 9, 10),
        StageProgress(IndexingStage.INDEXING, 10, 10),
        IndexingCompleted(),
    ]


async def test_chunks_are_slices_of_the_stored_text_and_ids_are_always_the_same(house: House) -> None:
    job = await house.upload(4)
    await house.indexer.run(job)
    stored = b"".join([part async for part in house.objects.read(text_key(job.document_id))])
    text = stored.decode("utf-32-le")
    chunks = await house.stores.documents.chunks(job.document_id, 0, 10)
    assert [text[chunk.start : chunk.end] for chunk in chunks] == [chunk.text for chunk in chunks]
    assert all("🙂" in chunk.text for chunk in chunks)
    assert [chunk.chunk_id for chunk in chunks] == house.index.sent
    assert len(stored) == 4 * len(text)


async def test_a_finished_job_that_comes_again_does_nothing(house: House) -> None:
    job = await house.upload(4)
    await house.indexer.run(job)
    told = await house.told(job)
    await house.indexer.run(job)
    assert await house.told(job) == told
    assert house.parser.calls == 1


async def test_after_a_fault_it_goes_on_where_it_was(house: House) -> None:
    job = await house.upload(10)
    house.embedder.fail_from = 2
    with pytest.raises(RetryLaterError):
        await house.indexer.run(job)
    assert (await house.document(job)).state is DocumentState.PROCESSING
    indexed = len(house.index.sent)
    assert 3 <= indexed <= 6
    house.embedder.fail_from = None
    await house.indexer.run(job)
    assert (await house.document(job)).state is DocumentState.INDEXED
    assert house.parser.calls == 1
    assert len(house.index.sent) == len(set(house.index.sent)) == 10


async def test_waits_grow_and_then_the_job_fails(house: House) -> None:
    job = await house.upload(4)
    house.embedder.fail_from = 0
    # The first try achieves something, the parsed text, so it does not count against the three.
    delays = []
    for _ in range(3):
        with pytest.raises(RetryLaterError) as caught:
            await house.indexer.run(job)
        delays.append(caught.value.delay)
    assert delays == [1.0, 1.0, 2.0]
    await house.indexer.run(job)
    document = await house.document(job)
    assert document.state is DocumentState.FAILED
    assert document.failure == Failure("UNAVAILABLE", "The model is loading.")
    assert (await house.told(job))[-1] == document.failure


async def test_a_server_that_names_a_wait_is_given_it(house: House) -> None:
    job = await house.upload(4)
    house.embedder.fail_from, house.embedder.error = 0, ResourceExhausted("Full.", retry_after=5.0)
    with pytest.raises(RetryLaterError) as caught:
        await house.indexer.run(job)
    assert caught.value.delay == 5.0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ParseError(ParseReason.ENCRYPTED_FILE), "ENCRYPTED_FILE"),
        (InvalidArgument("No such model.", reason="NO_MODEL"), "NO_MODEL"),
    ],
)
async def test_a_fault_that_stays_fails_at_once(house: House, error: Exception, reason: str) -> None:
    job = await house.upload(4)
    house.parser.error = error
    await house.indexer.run(job)
    document = await house.document(job)
    assert document.state is DocumentState.FAILED
    assert document.failure is not None
    assert document.failure.reason == reason
    assert house.index.sent == []


async def test_an_error_of_our_own_is_not_shown_to_the_client(house: House) -> None:
    job = await house.upload(4)
    house.parser.error = RuntimeError("secret path /home/x")
    for _ in range(2):
        with pytest.raises(RetryLaterError):
            await house.indexer.run(job)
    await house.indexer.run(job)
    failure = (await house.document(job)).failure
    assert failure is not None
    assert failure.reason == "INTERNAL"
    assert "secret" not in failure.message


async def test_a_file_that_kills_its_worker_every_time_is_given_up(house: House) -> None:
    job = await house.upload(4)
    for _ in range(3):
        assert await house.stores.jobs.begin(job)
    await house.indexer.run(job)
    failure = (await house.document(job)).failure
    assert failure is not None
    assert failure.reason == "JOB_ABANDONED"
    assert house.parser.calls == 0


async def test_two_workers_do_not_work_on_one_document(house: House) -> None:
    job = await house.upload(4)
    async with house.stores.locks.lock(f"document:{job.document_id}"):
        with pytest.raises(RetryLaterError):
            await house.indexer.run(job)
    assert (await house.document(job)).state is DocumentState.QUEUED


async def test_a_late_job_of_an_earlier_generation_does_nothing(house: House) -> None:
    job = await house.upload(4)
    await house.indexer.run(replace(job, generation=0))
    assert (await house.document(job)).state is DocumentState.QUEUED


async def test_a_deletion_waits_for_what_was_sent_off_and_nothing_follows_it(house: House) -> None:
    job = await house.upload(30)
    house.index.hold.clear()
    running = asyncio.ensure_future(house.indexer.run(job))
    await house.index.entered.wait()
    await house.stores.deletions.mark(job.document_id, "alice")
    await asyncio.sleep(0.01)
    assert not running.done(), "the call that was sent off is waited for"
    house.index.hold.set()
    await running
    assert len(house.index.sent) == 3
    async with house.stores.locks.lock(f"document:{job.document_id}", wait=False) as free:
        assert free


async def test_another_embedding_model_starts_over(house: House) -> None:
    job = await house.upload(10)
    house.embedder.fail_from = 2
    with pytest.raises(RetryLaterError):
        await house.indexer.run(job)
    other = FakeEmbedder(model="another")
    house.indexer = house.indexer_with(other)
    with pytest.raises(RetryLaterError):
        await house.indexer.run(job)
    await house.indexer.run(job)
    assert {entry[3] for entry in house.index.chunks.values()} == {"another"}
    assert (await house.document(job)).chunk_count == len(house.index.chunks) == 10


async def test_too_few_vectors_fail_the_job(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def short(texts: Sequence[str]) -> PassageVectors:
        return PassageVectors([[1.0]] * (len(texts) - 1), "short")

    monkeypatch.setattr(house.embedder, "embed", short)
    job = await house.upload(4)
    await house.indexer.run(job)
    failure = (await house.document(job)).failure
    assert failure is not None
    assert failure.reason == "EMBEDDING_COUNT"


async def test_a_job_works_in_its_owners_name(house: House) -> None:
    job = await house.upload(4)
    await run_job({JobKind.INDEX: house.indexer.run}, job)
    assert house.embedder.users == {"alice"}
    assert current().user_id == "dev"


async def test_a_job_waits_for_room_without_a_count_of_its_tries(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await house.upload()
    begin, full = house.stores.jobs.begin, True

    async def refused(job: Job) -> object:
        if full:
            raise disk_full()
        return await begin(job)

    monkeypatch.setattr(type(house.stores.jobs), "begin", lambda _, job: refused(job))
    for _ in range(SETTINGS.attempts + 2):
        with pytest.raises(RetryLaterError, match="DISK_FULL"):
            await house.indexer.run(job)
    full = False
    await house.indexer.run(job)
    assert (await house.document(job)).state is DocumentState.INDEXED


async def test_a_job_that_takes_long_needs_a_seat_and_waits_in_the_queue_for_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed, entered, hold = house.embedder.embed, asyncio.Event(), asyncio.Event()

    async def slow(texts: Sequence[str]) -> PassageVectors:
        entered.set()
        await hold.wait()
        return await embed(texts)

    monkeypatch.setattr(house.embedder, "embed", slow)
    house.indexer = replace(house.indexer, long_jobs=LongJobs(seats=1), settings=replace(SETTINGS, short_chunks=3))
    first, second = await house.upload(4), await house.upload(5)
    seated = asyncio.ensure_future(house.indexer.run(first))
    await entered.wait()
    for _ in range(SETTINGS.attempts + 2):
        with pytest.raises(RetryLaterError, match="long"):
            await house.indexer.run(second)
    assert house.parser.calls == 2, "a job that is known to be long does nothing without a seat"
    hold.set()
    await seated
    await house.indexer.run(second)
    assert [(await house.document(job)).state for job in (first, second)] == [DocumentState.INDEXED] * 2
    assert len(house.index.sent) == len(set(house.index.sent)) == 9


async def test_short_jobs_need_no_seat(house: House) -> None:
    house.indexer = replace(house.indexer, long_jobs=LongJobs(seats=0))
    job = await house.upload(4)
    await house.indexer.run(job)
    assert (await house.document(job)).state is DocumentState.INDEXED
