"""What every job queue promises, in memory and on pgqueuer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from services.docs.adapters.queue.fake import FakeJobQueue
from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.ports import JobHandler, JobQueue, RetryLaterError
from services.docs.values.document import Job, JobKind
from services.kit import ids
from tests.engines import on_engine
from tests.faults.linked_up import through
from tests.faults.links import Link, to_address
from tests.waiting import eventually


@pytest.fixture(params=["fake", on_engine("pgqueuer")])
def dsn(request: pytest.FixtureRequest) -> str:
    """The database to use; empty for the queue in memory."""
    return "" if request.param == "fake" else str(request.getfixturevalue("docs_database"))


class CommittingQueue(PgQueuerJobQueue):
    """Queues a job in a transaction of its own."""

    async def enqueue(self, job: Job, delay: float = 0.0) -> None:
        connection = await asyncpg.connect(self.dsn)
        try:
            await self.enqueue_in(connection, job, delay)
        finally:
            await connection.close()


Queue = FakeJobQueue | CommittingQueue


@pytest.fixture
async def queue(dsn: str) -> Queue:
    if not dsn:
        return FakeJobQueue(workers=2, first_retry=0.01, attempts=3)
    return CommittingQueue(dsn, workers=2, heartbeat=1.0, attempts=3, first_retry=0.01)


def job(kind: JobKind = JobKind.INDEX, generation: int = 1) -> Job:
    return Job(kind, ids.new_id(), "题库 user", generation)


@asynccontextmanager
async def working(queue: JobQueue, handler: JobHandler) -> AsyncIterator[asyncio.Future[None]]:
    task = asyncio.ensure_future(queue.work(handler))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def recorder(seen: list[Job]) -> Callable[[Job], Awaitable[None]]:
    async def handler(job: Job) -> None:
        seen.append(job)

    return handler


async def test_a_job_arrives_as_it_was_given(queue: Queue) -> None:
    seen: list[Job] = []
    first, second = job(), job(JobKind.DELETE, 0)
    await queue.enqueue(first)
    async with working(queue, recorder(seen)):
        await eventually(lambda: first in seen)
        await queue.enqueue(second)
        await eventually(lambda: second in seen)
    assert len(seen) == 2


async def test_the_same_job_waits_once(queue: Queue) -> None:
    seen: list[Job] = []
    one = job()
    for _ in range(3):
        await queue.enqueue(one)
    async with working(queue, recorder(seen)):
        await eventually(lambda: one in seen)
        await asyncio.sleep(0.3)
    assert seen == [one]


async def test_another_generation_is_another_job(queue: Queue) -> None:
    seen: list[Job] = []
    document_id = ids.new_id()
    jobs = [Job(JobKind.INDEX, document_id, "dev", generation) for generation in (1, 2)]
    for each in jobs:
        await queue.enqueue(each)
    async with working(queue, recorder(seen)):
        await eventually(lambda: len(seen) == 2)
    assert sorted(seen, key=lambda one: one.generation) == jobs


async def test_a_delayed_job_is_not_early(queue: Queue) -> None:
    loop = asyncio.get_running_loop()
    late, seen = job(), list[Job]()
    await queue.enqueue(late, 0.5)
    began = loop.time()
    async with working(queue, recorder(seen)):
        await eventually(lambda: late in seen)
    assert loop.time() - began >= 0.45


async def test_a_job_that_asks_for_later_comes_back(queue: Queue) -> None:
    calls: list[float] = []
    loop = asyncio.get_running_loop()

    async def handler(_: Job) -> None:
        calls.append(loop.time())
        if len(calls) < 3:
            raise RetryLaterError(0.2, "not now")

    await queue.enqueue(job())
    async with working(queue, handler):
        await eventually(lambda: len(calls) == 3)
    assert calls[1] - calls[0] >= 0.18


async def test_a_job_that_breaks_is_tried_again_within_bounds(queue: Queue) -> None:
    calls = 0

    async def handler(_: Job) -> None:
        nonlocal calls
        calls += 1
        raise ValueError("broken")

    await queue.enqueue(job())
    async with working(queue, handler):
        await eventually(lambda: calls >= 3)
        await asyncio.sleep(1.5)
    assert calls in (3, 4)


async def test_jobs_run_beside_each_other_within_bounds(queue: Queue) -> None:
    running = most = done = 0

    async def handler(_: Job) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.2)
        running -= 1
        done += 1

    for _ in range(5):
        await queue.enqueue(job())
    async with working(queue, handler):
        await eventually(lambda: done == 5)
    assert most == 2


async def test_a_stop_cancels_handlers_and_frees_their_jobs(queue: Queue) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def endless(_: Job) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    one = job()
    await queue.enqueue(one)
    async with working(queue, endless):
        await asyncio.wait_for(started.wait(), 10)
    assert cancelled.is_set()
    seen: list[Job] = []
    async with working(queue, recorder(seen)):
        await eventually(lambda: seen == [one])


async def test_a_long_job_is_not_given_to_another(queue: Queue) -> None:
    calls = 0
    ended = asyncio.Event()

    async def handler(_: Job) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(2.5)
        ended.set()

    await queue.enqueue(job())
    async with working(queue, handler), working(queue, handler):
        await asyncio.wait_for(ended.wait(), 15)
    assert calls == 1


async def test_a_job_exists_only_if_its_transaction_commits(docs_database: str) -> None:
    queue, seen = PgQueuerJobQueue(docs_database), list[Job]()
    lost, kept = job(), job()
    connection = await asyncpg.connect(docs_database)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await queue.enqueue_in(connection, lost)
        await transaction.rollback()
        async with connection.transaction():
            await queue.enqueue_in(connection, kept)
    finally:
        await connection.close()
    async with working(queue, recorder(seen)):
        await eventually(lambda: kept in seen)
    assert seen == [kept]


async def test_a_job_that_is_put_off_while_the_database_is_out_of_reach_comes_again(docs_database: str) -> None:
    calls = 0
    async with Link.open(to_address(docs_database)) as link:

        async def handler(_: Job) -> None:
            nonlocal calls
            calls += 1
            if calls == 1:
                link.cut()
                asyncio.get_running_loop().call_later(1.0, link.mend)
                raise RetryLaterError(0.1, "the database is out of reach")

        queue = CommittingQueue(through(docs_database, link.port))
        await queue.enqueue(job())
        async with working(queue, handler):
            await eventually(lambda: calls == 2)
