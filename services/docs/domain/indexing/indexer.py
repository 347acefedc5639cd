"""The durable job that turns a file into indexed chunks; it resumes where an earlier worker stopped."""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from services.docs.domain.concurrency import lookahead, run_to_end, run_unless
from services.docs.domain.indexing.long_jobs import LongJobs
from services.docs.domain.indexing.parsed_files import chunk_parts, text_parts
from services.docs.domain.indexing.retries import BUSY_SECONDS, RetrySettings
from services.docs.domain.lock_names import document_lock
from services.docs.domain.objects import object_key, text_key
from services.docs.domain.wording.wording import told
from services.docs.ports import (
    ChangeFeed,
    ChunkIndex,
    DocumentParser,
    DocumentStore,
    Embedder,
    IndexingJobs,
    Locks,
    ObjectStore,
    RetryLaterError,
)
from services.docs.values.document import (
    Document,
    Failure,
    IndexingProgress,
    IndexingStage,
    Job,
    PassageVectors,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_document import ParseError
from services.kit import tracing
from services.kit.errors import InvalidArgument, ResourceExhausted, TikuError, Unavailable, disk_full

_LARGE_BYTES, _LARGE_FILES = 4 * 1024**2, 2
"""So many files of more than so many bytes lie in the temporary folder at once."""
_NO_ROOM_SECONDS = 5.0
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexingSettings(RetrySettings):
    """Sizes and times of an index job.

    One call embeds `batch` chunks; up to `batches_ahead` such calls run while an earlier batch is being indexed.
    Progress is reported at most every `event_interval` seconds. A job with more than `short_chunks` left to embed is
    long.
    """

    batch: int = 32
    batches_ahead: int = 2
    event_interval: float = 0.2
    short_chunks: int = 64


class _NoLongerWantedError(Exception):
    """The document is being deleted, or a newer job replaced this one."""


class ProgressThrottle:
    """Admits the first and the last progress of a stage, and in between one every `interval` seconds."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._stage: str | None = None
        self._last = 0.0

    def admit(self, progress: StageProgress) -> bool:
        """Return whether to report `progress` now."""
        now = asyncio.get_running_loop().time()
        edge = progress.stage != self._stage or (progress.total > 0 and progress.done >= progress.total)
        if not edge and now - self._last < self._interval:
            return False
        self._stage, self._last = progress.stage, now
        return True


@dataclass(frozen=True, slots=True)
class DocumentIndexer:
    """Runs index jobs; every step may be repeated and gives the same result."""

    jobs: IndexingJobs
    documents: DocumentStore
    feed: ChangeFeed
    locks: Locks
    objects: ObjectStore
    parser: DocumentParser
    embedder: Embedder
    index: ChunkIndex
    settings: IndexingSettings
    large: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, _LARGE_FILES))
    long_jobs: LongJobs = field(default_factory=LongJobs)

    async def run(self, job: Job) -> None:
        """Do the job; a deletion of the document stops it.

        Raises:
            RetryLaterError: that cannot be done for now.
        """
        with self.feed.subscribe(job.document_id) as changes:
            await run_unless(self._run(job), changes.deleting)

    async def _run(self, job: Job) -> None:
        async with self.locks.lock(document_lock(job.document_id), wait=False) as locked:
            if not locked:  # Another worker has it, even if the queue takes that worker for dead.
                raise RetryLaterError(BUSY_SECONDS, "another worker has this document")
            with self.long_jobs.job(job.document_id) as on_long:
                try:
                    earlier = await self.jobs.begin(job)
                except ResourceExhausted as error:
                    # A disk without room is no fault of the document: the job waits, and no attempt is counted.
                    raise RetryLaterError(error.retry_after or _NO_ROOM_SECONDS, error.reason) from error
                if earlier is not None:
                    await self._do(job, earlier, on_long)

    async def _do(self, job: Job, earlier: IndexingProgress, on_long: Callable[[], None]) -> None:
        """Do what is left of the job, and store how it ends."""
        try:
            await self._index_document(job, earlier, on_long)
        except _NoLongerWantedError:
            return
        except RetryLaterError:
            raise
        except ParseError as error:
            await self.jobs.fail(job, Failure(error.reason.value, told(error.reason, error.metadata), error.metadata))
        except TikuError as error:
            await self.jobs.fail(job, self.settings.failure(error, earlier.attempts))
        except Exception as error:
            logger.exception("an index job failed", extra={"document_id": job.document_id})
            # A job works in a folder of temporary files, whose volume may be full.
            full = isinstance(error, OSError) and error.errno in _NO_ROOM
            await self.jobs.fail(job, self.settings.failure(disk_full() if full else None, earlier.attempts))

    async def _index_document(self, job: Job, earlier: IndexingProgress, on_long: Callable[[], None]) -> None:
        if earlier.attempts > self.settings.attempts:
            # The worker died each time without an error: the cause is the file, or the memory that it needs.
            failure = Failure("JOB_ABANDONED", told("JOB_ABANDONED", {}))
            await self.jobs.fail(job, failure)
            return
        throttle = ProgressThrottle(self.settings.event_interval)
        total = earlier.chunk_total
        if total is None:
            with tracing.span("parse", attributes={"tiku.media_type": earlier.document.media_type}):
                total = await self._parse(job, earlier.document, throttle, on_long)
        if total - earlier.indexed > self.settings.short_chunks:
            on_long()
        with tracing.span("index", attributes={"tiku.chunks": total - earlier.indexed}):
            await self._index_chunks(job, earlier, total, throttle)
        _check_wanted(await self.jobs.finish(job))

    async def _parse(
        self, job: Job, document: Document, throttle: ProgressThrottle, on_long: Callable[[], None]
    ) -> int:
        """Parse the file, store its text and chunks, and return the number of chunks."""
        await self._report(job, throttle, StageProgress(IndexingStage.PARSING))
        async with self.large if document.size_bytes > _LARGE_BYTES else nullcontext():
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tiku-docs-"))
            try:
                await self._download(object_key(document.sha256), folder / "file")
                parsed = await self.parser.parse(folder / "file", document.media_type, folder, on_long)
                await self.objects.put(text_key(document.document_id), text_parts(parsed))
                pages, chunks = max(1, parsed.page_count), parsed.chunk_count
                events = [
                    StageProgress(IndexingStage.PARSING, pages, pages),
                    StageProgress(IndexingStage.CHUNKING, chunks, chunks),
                ]
                async with aclosing(chunk_parts(parsed, document.document_id)) as parts:
                    _check_wanted(await self.jobs.save_parsed(job, parsed, parts, events))
            finally:
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
            return chunks

    async def _download(self, key: str, path: Path) -> None:
        file = await asyncio.to_thread(path.open, "wb")
        try:
            async for part in self.objects.read(key):
                await asyncio.to_thread(file.write, part)
        finally:
            await asyncio.to_thread(file.close)

    async def _index_chunks(self, job: Job, earlier: IndexingProgress, total: int, throttle: ProgressThrottle) -> None:
        document = earlier.document
        indexed, model = earlier.indexed, earlier.embedding_model
        await self._report(job, throttle, StageProgress(IndexingStage.INDEXING, indexed, total))
        async with aclosing(
            lookahead(self._batches(document.document_id, indexed), self._embed, most=self.settings.batches_ahead)
        ) as batches:
            async for chunks, embeddings in batches:
                if indexed and model and embeddings.model != model:
                    await self._start_over(job, document, embeddings.model)
                progress = StageProgress(IndexingStage.INDEXING, chunks[-1].ordinal + 1, total)
                event = progress if throttle.admit(progress) else None
                # A deletion follows a canceled job at once: a call still in flight would bring back what it removed.
                await run_to_end(self._index_batch(job, document, chunks, embeddings, event))
                indexed, model = progress.done, embeddings.model

    async def _index_batch(
        self,
        job: Job,
        document: Document,
        chunks: Sequence[StoredChunk],
        embeddings: PassageVectors,
        event: StageProgress | None,
    ) -> None:
        await self.index.index(document, chunks, embeddings)
        _check_wanted(await self.jobs.advance(job, chunks[-1].ordinal + 1, embeddings.model, event))

    async def _start_over(self, job: Job, document: Document, model: str) -> None:
        """Delete the vectors of the earlier model, because vectors of two models cannot be compared, and raise."""
        await run_to_end(self.index.delete(document.document_id))
        _check_wanted(await self.jobs.advance(job, 0, model, None))
        raise Unavailable("The embedding model changed on the way.", reason="EMBEDDING_MODEL_CHANGED")

    async def _batches(self, document_id: str, first: int) -> AsyncIterator[Sequence[StoredChunk]]:
        while chunks := await self.documents.chunks(document_id, first, self.settings.batch):
            yield chunks
            first = chunks[-1].ordinal + 1

    async def _embed(self, chunks: Sequence[StoredChunk]) -> PassageVectors:
        embeddings = await self.embedder.embed([chunk.text for chunk in chunks])
        if len(embeddings.vectors) != len(chunks):
            raise InvalidArgument(
                f"The embedding model gave {len(embeddings.vectors)} vectors for {len(chunks)} texts.",
                reason="EMBEDDING_COUNT",
                metadata={"found": str(len(embeddings.vectors)), "wanted": str(len(chunks))},
            )
        return embeddings

    async def _report(self, job: Job, throttle: ProgressThrottle, progress: StageProgress) -> None:
        if throttle.admit(progress):
            _check_wanted(await self.jobs.report(job, progress))


def _check_wanted(wanted: bool) -> None:
    if not wanted:
        raise _NoLongerWantedError
