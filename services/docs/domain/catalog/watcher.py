"""Following the events of a document's job."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from services.docs.domain.catalog.catalog import DocumentCatalog, unknown_document
from services.docs.ports import ChangeFeed, DocumentStore
from services.docs.values.document import Document, DocumentEvent, Failure, IndexingCompleted

_EVENTS_A_PAGE = 200


@dataclass(frozen=True, slots=True)
class Watcher:
    """Streams the events of a document, the stored ones first and then each new one."""

    documents: DocumentStore
    feed: ChangeFeed
    catalog: DocumentCatalog

    async def watch(
        self, document_id: str, owner: str, after: int
    ) -> AsyncGenerator[tuple[DocumentEvent, Document], None]:
        """Yield the events after number `after` in order, each with the document as it is now.

        The stream ends with the event that ended the document's latest job, and with NotFound when the document is
        deleted. A document without a job is waited for.
        """
        document = await self.catalog.get(document_id, owner)
        document_id = document.document_id
        with self.feed.subscribe(document_id) as changes:
            while True:
                changes.changed.clear()
                last = await self.documents.last_event(document_id)
                if last is None:
                    raise unknown_document(document_id)
                while events := await self.documents.events(document_id, after, _EVENTS_A_PAGE):
                    for event in events:
                        after = event.number
                        if _is_end(event):
                            document = await self.catalog.get(document_id, owner)
                        yield event, document
                    if _is_end(events[-1]) and await self.documents.last_event(document_id) == after:
                        return
                if last and after >= last and any(map(_is_end, await self.documents.events(document_id, last - 1, 1))):
                    return
                await changes.changed.wait()


def _is_end(event: DocumentEvent) -> bool:
    return isinstance(event.payload, IndexingCompleted | Failure)
