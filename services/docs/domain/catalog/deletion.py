"""Deletion of vectors, text, file and rows, in an order that can be resumed wherever it was interrupted."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from services.docs.domain.catalog.catalog import checked_id, unknown_document
from services.docs.domain.objects import object_key, text_key
from services.docs.ports import ChunkIndex, DeletionStore, Locks, ObjectStore, RetryLater
from services.docs.values.document import Job
from services.kit.errors import ResourceExhausted, TikuError

_RETRY_SECONDS = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deleter:
    """Removes documents: a marked document is hidden at once, and a durable job removes what is left of it."""

    deletions: DeletionStore
    locks: Locks
    objects: ObjectStore
    index: ChunkIndex

    async def delete(self, document_id: str, owner: str) -> None:
        """Mark a document and remove what there is of it; where a removal fails, the durable job finishes it."""
        document_id = checked_id(document_id)
        if await self.deletions.mark(document_id, owner) is None:
            raise unknown_document(document_id)
        try:
            await self._remove(document_id)
        except TikuError as error:
            logger.warning("a deletion goes on later", extra={"document_id": document_id, "cause": error.reason})

    async def run(self, job: Job) -> None:
        """Remove once more what there is of the document; nothing happens when all is gone.

        The job runs a while after the deletion, so that it also removes vectors that a killed worker had sent.
        """
        try:
            refusal = await self._delete_vectors(job.document_id)
            await self._remove(job.document_id)
            if refusal is not None:
                raise refusal
        except TikuError as error:
            raise RetryLater(error.retry_after or _RETRY_SECONDS, error.reason) from error

    async def _remove(self, document_id: str) -> None:
        # The index job holds this lock while it runs; the mark ends it, after the call that it has sent.
        async with self.locks.lock(f"document:{document_id}"):
            document = await self.deletions.marked(document_id)
            if document is None:
                return
            refusal = await self._delete_vectors(document_id)
            await self.objects.delete(text_key(document_id))
        async with self.locks.lock(f"object:{document.sha256}"):
            if not await self.deletions.is_shared(document_id, document.sha256):
                await self.objects.delete(object_key(document.sha256))
            if refusal is not None:
                raise refusal
            await self.deletions.remove(document_id)

    async def _delete_vectors(self, document_id: str) -> ResourceExhausted | None:
        """Delete the document's vectors; return the refusal of a store that has no room even for that.

        The files are deleted all the same, because they make room.
        """
        try:
            await self.index.delete(document_id)
        except ResourceExhausted as error:
            return error
        return None
