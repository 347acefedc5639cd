"""Durable jobs on pgqueuer, in the same database as the rows that they are about."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import cast

import anyio
import asyncpg
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, Driver
from pgqueuer.domain.settings import DBSettings
from pgqueuer.errors import RetryRequested
from pgqueuer.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.models import Job as QueuedJob
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries
from pgqueuer.types import Channel

from services.docs.adapters.stores.postgres.schema import SCHEMA
from services.docs.domain.concurrency import run_unless
from services.docs.ports import JobHandler, RetryLaterError
from services.docs.values.document import Job, JobKind
from services.kit import tracing
from services.kit.database import Connection, open_pool

CHANNEL = "docs_jobs"

_NAMES = DBSettings(db_schema=SCHEMA, channel=Channel(CHANNEL))
_POLL_SECONDS = 1.0
"""No notification announces a retried job, so this bounds how late it may be; a poll costs a few short queries."""
_RESTART_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
_ANSWER_INTERVAL_SECONDS = 0.2
_CONNECTIONS = 4
"""For the listener, for dequeuing, and for the heartbeats beside them."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PgQueuerJobQueue:
    """Jobs in pgqueuer's tables, which `adapters/stores/postgres/migrations` creates, in the database at `dsn`.

    `workers` jobs run at once in this process. A worker without a heartbeat for `heartbeat` seconds counts as dead, and
    its job goes to another. A job that raises unexpected errors is tried `attempts` times, the second time after
    `first_retry` seconds; then it is put aside (`failed` in pgqueuer's table) for a person to look at.
    """

    dsn: str
    workers: int = 2
    heartbeat: float = 15.0
    attempts: int = 10
    first_retry: float = 1.0

    def prepare(self) -> None:
        """Load what pgqueuer needs for a job's context; with the first job, that would hold the loop for 40 ms."""
        anyio.CancelScope()

    async def enqueue_in(self, connection: Connection, job: Job, delay: float = 0.0) -> None:
        """Insert a job within the transaction of `connection`; it exists only if that commits."""
        await _queries(AsyncpgDriver(cast(asyncpg.Connection, connection))).enqueue(
            job.kind.value,
            json.dumps([job.document_id, job.owner, job.generation]).encode(),
            execute_after=timedelta(seconds=delay),
            dedupe_key=f"{job.kind}:{job.document_id}:{job.generation}",
            on_conflict="skip",
            headers={"traceparent": header} if (header := tracing.traceparent()) else None,
        )

    async def work(self, handler: JobHandler) -> None:
        """Run jobs until canceled; a lost connection is opened again."""
        while True:
            try:
                await self._work(handler)
            except Exception:
                logger.exception("the job queue stopped; it starts again")
            await asyncio.sleep(_RESTART_SECONDS)

    async def _work(self, handler: JobHandler) -> None:
        async with open_pool(self.dsn, application_name="tiku-docs-jobs", max_size=_CONNECTIONS, reserve=True) as pool:
            manager = QueueManager(_queries(AsyncpgPoolDriver(pool)), Channel(CHANNEL))
            stopping = asyncio.Event()
            for kind in JobKind:
                manager.entrypoint(
                    kind.value,
                    # The default drops a failed job silently.
                    on_failure="hold",
                    executor_factory=partial(
                        DatabaseRetryEntrypointExecutor,
                        max_attempts=self.attempts,
                        initial_delay=timedelta(seconds=self.first_retry),
                    ),
                )(partial(_run, handler, stopping, pool))
            running = asyncio.create_task(
                manager.run(
                    dequeue_timeout=timedelta(seconds=_POLL_SECONDS),
                    batch_size=1,
                    max_concurrent_tasks=max(2, self.workers),
                    heartbeat_timeout=timedelta(seconds=self.heartbeat),
                    shutdown_on_listener_failure=True,
                )
            )
            try:
                # Canceling the manager would mark its jobs as canceled, and nobody would finish them.
                await asyncio.shield(running)
            finally:
                stopping.set()
                manager.shutdown.set()
                with contextlib.suppress(Exception):
                    await running


def _queries(driver: Driver) -> Queries:
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(_NAMES),
        qbq=QueryQueueBuilder(_NAMES),
        qbs=QuerySchedulerBuilder(_NAMES),
    )


async def _run(handler: JobHandler, stopping: asyncio.Event, pool: asyncpg.Pool, queued: QueuedJob) -> None:
    """Run a job until it ends, or until the service stops, which hands it back."""
    document_id, owner, generation = json.loads(queued.payload or b"[]")
    traceparent = str((queued.headers or {}).get("traceparent", ""))
    job = Job(JobKind(queued.entrypoint), document_id, owner, generation, traceparent)
    try:
        if not await run_unless(handler(job), stopping):
            raise RetryRequested(timedelta(0), "the service is stopping")
    except RetryLaterError as later:
        await _until_it_answers(pool, stopping)
        raise RetryRequested(timedelta(seconds=later.delay), str(later)) from later


async def _until_it_answers(pool: asyncpg.Pool, stopping: asyncio.Event) -> None:
    """Wait until the database answers: pgqueuer puts a job aside whose retry it cannot write."""
    while not stopping.is_set():
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await pool.execute("SELECT 1", timeout=_ANSWER_SECONDS)
            return
        await asyncio.sleep(_ANSWER_INTERVAL_SECONDS)
