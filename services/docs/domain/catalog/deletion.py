"""Deletion: vectors, text, file and rows, in an order that can be taken up again wherever it was cut off."""

from __future__ import annotations

import logging

from services.docs.domain.catalog.catalog import checked_id, unknown_document
from services.docs.domain.objects import object_key, text_key
from services.docs.ports import ChunkIndex, DocumentStore, ObjectStore, RetryLater
from services.docs.values.document import Job
from services.kit.errors import TikuError

_RETRY_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Deleter:
    """Removes documents. Once one is marked, nobody sees it, and a durable job sees to the rest."""

    def __init__(self, store: DocumentStore, objects: ObjectStore, index: ChunkIndex) -> None:
        self._store = store
        self._objects = objects
        self._index = index

    async def delete(self, document_id: str, owner: str) -> None:
        """Marks a document and removes what there is of it.

        A fault on the way is no error: the durable job finishes. Raises NotFound when there is no such document.
        """
        document_id = checked_id(document_id)
        if await self._store.mark_for_deletion(document_id, owner) is None:
            raise unknown_document(document_id)
        try:
            await self._remove(document_id)
        except TikuError as error:
            logger.warning("a deletion goes on later", extra={"document_id": document_id, "cause": error.reason})

    async def run(self, job: Job) -> None:
        """The durable job: the same again, and harmless when all is gone.

        It runs a while after the deletion, so that it also removes vectors which a killed worker had sent off.
        """
        try:
            await self._index.delete(job.document_id)
            await self._remove(job.document_id)
        except TikuError as error:
            raise RetryLater(error.retry_after or _RETRY_SECONDS, error.reason) from error

    async def _remove(self, document_id: str) -> None:
        # The index job holds this lock while it runs; told of the deletion, it ends after what it has sent off.
        async with self._store.lock(f"document:{document_id}"):
            document = await self._store.marked_for_deletion(document_id)
            if document is None:
                return
            await self._index.delete(document_id)
            await self._objects.delete(text_key(document_id))
        async with self._store.lock(f"object:{document.sha256}"):
            if not await self._store.shared(document_id, document.sha256):
                await self._objects.delete(object_key(document.sha256))
            await self._store.remove(document_id)
