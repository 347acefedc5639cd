"""The durable job that adds an indexed document to the knowledge graph; it resumes where an earlier worker stopped."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial

from services.docs.domain.concurrency import run_to_end, run_unless
from services.docs.domain.indexing.indexer import ProgressThrottle
from services.docs.domain.indexing.long_jobs import LongJobs
from services.docs.ports import ChangeFeed, DocumentStore, GraphJobs, KnowledgeGraph, Locks, RetryLaterError
from services.docs.values.document import Failure, GraphProgress, IndexingStage, Job, StageProgress
from services.kit.errors import DeadlineExceeded, ResourceExhausted, TikuError, Unavailable

_BUSY_SECONDS = 2.0
_SEATS = 4
"""Graph jobs that run at once: the service that reads the texts has one process for it, and questions come first."""
_TRANSIENT = (Unavailable, ResourceExhausted, DeadlineExceeded)
_UNEXPECTED_ERROR = Failure(
    "INTERNAL", "Something went wrong on our side; the log has the details under this document's id."
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GraphJobSettings:
    """Sizes and times of a graph job.

    One call adds `batch` chunks. A job that makes no progress in `attempts` tries fails: with the default delays that
    is after more than an hour, so that an engine may be away for a while. It waits `first_delay` seconds before the
    second try, then twice as long each time, at most `longest_delay` seconds. Progress is reported at most every
    `event_interval` seconds.
    """

    batch: int = 16
    attempts: int = 16
    first_delay: float = 1.0
    longest_delay: float = 600.0
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
        async with self.locks.lock(f"document:{job.document_id}", wait=False) as locked:
            if not locked:
                raise RetryLaterError(_BUSY_SECONDS, "another worker has this document")
            with self.running.job(job.document_id) as take_seat:
                take_seat()
                progress = await self.jobs.begin(job)
                if progress is not None:
                    await self._do(job, progress)

    async def _do(self, job: Job, earlier: GraphProgress) -> None:
        """Do what is left of the job, and store how it ends."""
        try:
            await self._add_chunks(job, earlier)
        except TikuError as error:
            await self._after_error(job, earlier, error)
        except Exception:
            logger.exception("a graph job failed", extra={"document_id": job.document_id})
            await self._after_error(job, earlier, None)

    async def _after_error(self, job: Job, earlier: GraphProgress, error: TikuError | None) -> None:
        settings = self.settings
        transient = error is None or isinstance(error, _TRANSIENT)
        if transient and earlier.attempts < settings.attempts:
            delay = min(settings.first_delay * 2 ** (earlier.attempts - 1), settings.longest_delay)
            reason = error.reason if error else "an unexpected error"
            raise RetryLaterError(max(delay, (error and error.retry_after) or 0.0), reason)
        failure = Failure(error.reason, error.message) if error else _UNEXPECTED_ERROR
        logger.warning(
            "a document has no whole graph", extra={"document_id": job.document_id, "reason": failure.reason}
        )
        await self.jobs.fail(job, failure)

    async def _add_chunks(self, job: Job, earlier: GraphProgress) -> None:
        if earlier.attempts > self.settings.attempts:
            failure = Failure(
                "JOB_ABANDONED", "Working on the document's graph ended the worker each time it was tried."
            )
            await self.jobs.fail(job, failure)
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
