"""The durable job that adds an indexed document to the knowledge graph; it resumes where an earlier worker stopped."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial

from services.docs.domain.concurrency import run_to_end, run_unless
from services.docs.domain.indexing.indexer import ProgressThrottle
from services.docs.domain.indexing.long_jobs import LongJobs
from services.docs.domain.indexing.retries import BUSY_SECONDS, RetrySettings
from services.docs.domain.lock_names import document_lock
from services.docs.domain.wording.wording import told
from services.docs.ports import ChangeFeed, DocumentStore, GraphJobs, KnowledgeGraph, Locks, RetryLaterError
from services.docs.values.document import Failure, GraphProgress, IndexingStage, Job, StageProgress
from services.kit.errors import TikuError

_SEATS = 4
"""Graph jobs that run at once: the service that reads the texts has one process for it, and questions come first."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphJobSettings(RetrySettings):
    """Sizes and times of a graph job.

    One call adds `batch` chunks. With the default delays a job fails after more than an hour, so that an engine may be
    away for a while. Progress is reported at most every `event_interval` seconds.
    """

    attempts: int = 16
    longest_delay: float = 600.0
    batch: int = 16
    event_interval: float = 0.2


@dataclass(frozen=True, slots=True)
class GraphIndexer:
    """Runs graph jobs; whatever becomes of them, the document stays indexed."""

    jobs: GraphJobs
    documents: DocumentStore
    feed: ChangeFeed
    locks: Locks
    graph: KnowledgeGraph
    settings: GraphJobSettings
    running: LongJobs = field(default_factory=partial(LongJobs, _SEATS))

    async def run(self, job: Job) -> None:
        """Do the job; a deletion of the document stops it.

        Raises:
            RetryLaterError: that cannot be done for now.
        """
        with self.feed.subscribe(job.document_id) as changes:
            await run_unless(self._run(job), changes.deleting)

    async def _run(self, job: Job) -> None:
        async with self.locks.lock(document_lock(job.document_id), wait=False) as locked:
            if not locked:
                raise RetryLaterError(BUSY_SECONDS, "another worker has this document")
            with self.running.job(job.document_id) as take_seat:
                take_seat()
                try:
                    progress = await self.jobs.begin(job)
                except TikuError as error:
                    # A database that does not answer, or whose disk has no room, is no fault of the graph.
                    raise RetryLaterError(error.retry_after or BUSY_SECONDS, error.reason) from error
                if progress is not None:
                    await self._do(job, progress)

    async def _do(self, job: Job, earlier: GraphProgress) -> None:
        """Do what is left of the job, and store how it ends."""
        try:
            await self._add_chunks(job, earlier)
        except TikuError as error:
            await self._fail(job, self.settings.failure(error, earlier.attempts))
        except Exception:
            logger.exception("a graph job failed", extra={"document_id": job.document_id})
            await self._fail(job, self.settings.failure(None, earlier.attempts))

    async def _fail(self, job: Job, failure: Failure) -> None:
        logger.warning(
            "a document has no whole graph", extra={"document_id": job.document_id, "reason": failure.reason}
        )
        await self.jobs.fail(job, failure)

    async def _add_chunks(self, job: Job, earlier: GraphProgress) -> None:
        if earlier.attempts > self.settings.attempts:
            details = {"what": "graph"}
            failure = Failure("JOB_ABANDONED", told("JOB_ABANDONED", details), details)
            await self._fail(job, failure)
            return
        throttle = ProgressThrottle(self.settings.event_interval)
        document, added = earlier.document, earlier.added
        total = document.chunk_count
        while chunks := await self.documents.chunks(document.document_id, added, self.settings.batch):
            # A deletion follows a canceled job at once: a call still in flight would bring back what it removed.
            await run_to_end(self.graph.add(document, chunks))
            added = chunks[-1].ordinal + 1
            progress = StageProgress(IndexingStage.GRAPH, added, total)
            if added < total and not await self.jobs.advance(
                job, added, progress if throttle.admit(progress) else None
            ):
                return
        await self.jobs.finish(job, added)
