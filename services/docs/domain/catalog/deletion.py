"""Deletion of vectors, text, file and rows, in an order that can be resumed wherever it was interrupted."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from services.docs.domain.catalog.catalog import checked_id, unknown_document
from services.docs.domain.indexing.dispatcher import run_job
from services.docs.domain.lock_names import document_lock, file_lock
from services.docs.domain.objects import object_key, text_key
from services.docs.ports import ChunkIndex, DeletionStore, Locks, ObjectStore, RetryLaterError
from services.docs.values.document import Document, Job, JobKind
from services.kit.errors import ResourceExhausted, TikuError

_RETRY_SECONDS = 15.0
"""Wait before the durable job of a document is tried again; `keep_removing` is faster, in the process that failed."""
_INTERVAL_SECONDS = 2.0
_BACKUP_SECONDS = 15.0
"""Wait before a removal that a backup holds up is tried again."""
REMOVALS: Final = "removals"
"""The lock that a backup holds: meanwhile documents are hidden when they are deleted, and removed afterwards."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deleter:
    """Removes documents: a marked document is hidden at once, and a durable job removes what is left of it."""

    deletions: DeletionStore
    locks: Locks
    objects: ObjectStore
    index: ChunkIndex
    _unfinished: dict[str, Job] = field(default_factory=dict)
    """Removals that a store did not answer, by document, the one that was tried last at the end."""

    async def delete(self, document_id: str, owner: str) -> None:
        """Mark a document and remove what there is of it; where that fails, the durable job finishes it.

        While a backup runs, the durable job does all of it.

        Raises:
            NotFound: the owner has no such document.
        """
        document_id = checked_id(document_id)
        if await self.deletions.mark(document_id, owner) is None:
            raise unknown_document(document_id)
        try:
            await self._remove(document_id)
        except TikuError as error:
            logger.warning("a deletion goes on later", extra={"document_id": document_id, "reason": error.reason})
            self._unfinished[document_id] = Job(JobKind.DELETE, document_id, owner)

    async def run(self, job: Job) -> None:
        """Remove once more what there is of the document; nothing happens when all is gone.

        The job runs a while after the deletion, so that it also removes vectors that a killed worker had sent.

        Raises:
            RetryLaterError: a store does not answer, or a backup runs.
        """
        self._unfinished.pop(job.document_id, None)
        try:
            removed = await self._remove(job.document_id)
        except TikuError as error:
            self._unfinished[job.document_id] = job
            raise RetryLaterError(error.retry_after or _RETRY_SECONDS, error.reason) from error
        if not removed:
            raise RetryLaterError(_BACKUP_SECONDS, "a backup runs")

    async def keep_removing(self, interval: float = _INTERVAL_SECONDS) -> None:
        """Try removals that failed every `interval` seconds, until canceled."""
        while True:
            await asyncio.sleep(interval)
            await self.remove_unfinished()

    async def remove_unfinished(self) -> None:
        """Try removals that failed up to the first that fails again: one while a store is away, all when it is back."""
        for job in list(self._unfinished.values()):
            try:
                await run_job({JobKind.DELETE: self.run}, job)
            except RetryLaterError:
                return
            except Exception:
                # Its durable job is there yet, and the others get their turn.
                logger.exception("a deletion failed", extra={"document_id": job.document_id})

    async def _remove(self, document_id: str) -> bool:
        """Remove all of a document; return False while a backup may still read it."""
        # The index job holds this lock while it runs; the mark ends it, after the call that it has sent.
        async with self.locks.lock(document_lock(document_id), unless=REMOVALS) as free:
            if not free:
                return False
            refusal: ResourceExhausted | None = None
            try:
                await self.index.delete(document_id)
            except ResourceExhausted as error:
                # The store has no room even for that. The files are deleted all the same, because they make room.
                refusal = error
            document = await self.deletions.marked(document_id)
            if document is not None:
                await self.objects.delete(text_key(document_id))
        if document is not None and not await self._remove_file(document, refusal):
            return False
        if refusal is not None:
            raise refusal
        return True

    async def _remove_file(self, document: Document, refusal: ResourceExhausted | None) -> bool:
        """Remove the file of a marked document, and the row unless vectors are left; return False as `_remove`."""
        async with self.locks.lock(file_lock(document.sha256), unless=REMOVALS) as free:
            if not free:
                return False
            if not await self.deletions.is_shared(document.document_id, document.sha256):
                await self.objects.delete(object_key(document.sha256))
            if refusal is None:
                await self.deletions.remove(document.document_id)
        return True
