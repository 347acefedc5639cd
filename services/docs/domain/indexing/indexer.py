"""The durable job that turns a file into indexed chunks, wherever an earlier worker left it."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from services.docs.domain.catalog.watcher import Throttle
from services.docs.domain.indexing.lookahead import lookahead
from services.docs.ports import ChunkIndex, DocumentStore, Embedder, News, ObjectStore, Reader, RetryLater
from services.docs.values.document import (
    Document,
    Failure,
    Job,
    Progress,
    Stage,
    StoredChunk,
    Undertaking,
    object_key,
    text_key,
)
from services.docs.values.embeddings import Embeddings
from services.docs.values.parsed_document import ParseError
from services.kit.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted, TikuError, Unavailable

_BUSY_SECONDS = 2.0
_TRANSIENT = (Unavailable, ResourceExhausted, DeadlineExceeded)
_FAULT_OF_OURS = Failure(
    "INTERNAL", "Something went wrong on our side; the log has the details under this document's id."
)

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexingSettings:
    """How a document is taken through.

    `batch` chunks are embedded at once, in up to `batches_ahead` calls while an earlier batch is being indexed.
    A job that gets nowhere `attempts` times in a row fails; between them it waits `first_delay` seconds, then
    twice as long each time, up to `longest_delay`. Progress is told at most every `event_interval` seconds.
    """

    batch: int = 32
    batches_ahead: int = 2
    attempts: int = 8
    first_delay: float = 1.0
    longest_delay: float = 30.0
    event_interval: float = 0.2


class _NoLongerWantedError(Exception):
    """The document goes, or another job took this one's place."""


class Indexer:
    """Runs index jobs. Everything it does may be done again without a trace."""

    def __init__(
        self,
        store: DocumentStore,
        news: News,
        objects: ObjectStore,
        reader: Reader,
        embedder: Embedder,
        index: ChunkIndex,
        settings: IndexingSettings,
    ) -> None:
        self._store = store
        self._news = news
        self._objects = objects
        self._reader = reader
        self._embedder = embedder
        self._index = index
        self._settings = settings

    async def run(self, job: Job) -> None:
        """Takes the job as far as it goes. RetryLater when something that is needed does not answer."""
        with self._news.subscribe(job.document_id) as news:
            work = asyncio.ensure_future(self._run(job))
            doom = asyncio.ensure_future(news.deleting.wait())
            try:
                await asyncio.wait((work, doom), return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    await work
            finally:
                doom.cancel()
                work.cancel()
                await asyncio.wait((work, doom))

    async def _run(self, job: Job) -> None:
        async with self._store.guard(f"document:{job.document_id}", wait=False) as alone:
            if not alone:  # Another worker is at it, or just taken for dead.
                raise RetryLater(_BUSY_SECONDS, "another worker has this document")
            undertaking = await self._store.begin_job(job)
            if undertaking is None:
                return
            try:
                await self._take_through(job, undertaking)
            except _NoLongerWantedError:
                return
            except ParseError as error:
                await self._store.fail_job(job, Failure(error.reason.value, error.message))
            except TikuError as error:
                await self._after_fault(job, undertaking, error)
            except Exception:
                logger.exception("an index job failed", extra={"document_id": job.document_id})
                await self._after_fault(job, undertaking, None)

    async def _after_fault(self, job: Job, undertaking: Undertaking, error: TikuError | None) -> None:
        settings = self._settings
        transient = error is None or isinstance(error, _TRANSIENT)
        if transient and undertaking.attempts < settings.attempts:
            delay = min(settings.first_delay * 2 ** (undertaking.attempts - 1), settings.longest_delay)
            cause = error.reason if error else "an error of our own"
            raise RetryLater(max(delay, (error and error.retry_after) or 0.0), cause)
        failure = Failure(error.reason, error.message) if error else _FAULT_OF_OURS
        await self._store.fail_job(job, failure)

    async def _take_through(self, job: Job, undertaking: Undertaking) -> None:
        if undertaking.attempts > self._settings.attempts:
            # The worker died each time, without a word: the file is to blame, or what it needs.
            failure = Failure("JOB_ABANDONED", "Working on the document ended the worker each time it was tried.")
            await self._store.fail_job(job, failure)
            return
        throttle = Throttle(self._settings.event_interval)
        total = undertaking.chunk_total
        if total is None:
            total = await self._parse(job, undertaking.document, throttle)
        await self._index_chunks(job, undertaking, total, throttle)
        _wanted(await self._store.finish_job(job))

    async def _parse(self, job: Job, document: Document, throttle: Throttle) -> int:
        """Reads the file and keeps its text and chunks; how many chunks there are."""
        await self._tell(job, throttle, Progress(Stage.PARSING))
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tiku-docs-"))
        try:
            await self._fetch(object_key(document.sha256), folder / "file")
            reading = await self._reader.read(folder / "file", document.media_type, folder)
            await self._objects.put(text_key(document.document_id), reading.text_parts())
            pages, chunks = max(1, reading.page_count), reading.chunk_count
            events = [Progress(Stage.PARSING, pages, pages), Progress(Stage.CHUNKING, chunks, chunks)]
            async with aclosing(reading.chunk_parts(document.document_id)) as parts:
                _wanted(await self._store.save_reading(job, reading, parts, events))
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
        return chunks

    async def _fetch(self, key: str, path: Path) -> None:
        file = await asyncio.to_thread(path.open, "wb")
        try:
            async for part in self._objects.read(key):
                await asyncio.to_thread(file.write, part)
        finally:
            await asyncio.to_thread(file.close)

    async def _index_chunks(self, job: Job, undertaking: Undertaking, total: int, throttle: Throttle) -> None:
        document = undertaking.document
        indexed, model = undertaking.indexed, undertaking.embedding_model
        await self._tell(job, throttle, Progress(Stage.INDEXING, indexed, total))
        async with aclosing(
            lookahead(self._batches(document.document_id, indexed), self._embed, most=self._settings.batches_ahead)
        ) as batches:
            async for chunks, embeddings in batches:
                if indexed and model and embeddings.model != model:
                    await self._start_over(job, document, embeddings.model)
                progress = Progress(Stage.INDEXING, chunks[-1].ordinal + 1, total)
                event = progress if throttle.admit(progress) else None
                await _to_the_end(self._index_batch(job, document, chunks, embeddings, event))
                indexed, model = progress.done, embeddings.model

    async def _index_batch(
        self,
        job: Job,
        document: Document,
        chunks: Sequence[StoredChunk],
        embeddings: Embeddings,
        event: Progress | None,
    ) -> None:
        await self._index.index(document, chunks, embeddings)
        _wanted(await self._store.advance(job, chunks[-1].ordinal + 1, embeddings.model, event))

    async def _start_over(self, job: Job, document: Document, model: str) -> None:
        """Vectors of two models cannot be compared: what the earlier one made goes, and the job comes back."""
        await _to_the_end(self._index.delete(document.document_id))
        _wanted(await self._store.advance(job, 0, model, None))
        raise Unavailable("The embedding model changed on the way.", reason="EMBEDDING_MODEL_CHANGED")

    async def _batches(self, document_id: str, first: int) -> AsyncIterator[Sequence[StoredChunk]]:
        while chunks := await self._store.chunks(document_id, first, self._settings.batch):
            yield chunks
            first = chunks[-1].ordinal + 1

    async def _embed(self, chunks: Sequence[StoredChunk]) -> Embeddings:
        embeddings = await self._embedder.embed([chunk.text for chunk in chunks])
        if len(embeddings.vectors) != len(chunks):
            raise InvalidArgument(
                f"The embedding model gave {len(embeddings.vectors)} vectors for {len(chunks)} texts.",
                reason="EMBEDDING_COUNT",
            )
        return embeddings

    async def _tell(self, job: Job, throttle: Throttle, progress: Progress) -> None:
        if throttle.admit(progress):
            _wanted(await self._store.add_event(job, progress))


def _wanted(wanted: bool) -> None:
    if not wanted:
        raise _NoLongerWantedError


async def _to_the_end(call: Coroutine[None, None, T]) -> T:
    """Awaits what must not be cut off: a cancellation waits for it, then goes on.

    A deletion follows on the heels of a cancelled job, and an index call that was still on its way then would bring
    back what the deletion removed; a stopped service would leave a batch that was indexed and not noted. The call's
    own deadline bounds the wait.
    """
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise
