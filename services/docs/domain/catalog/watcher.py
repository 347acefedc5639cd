"""Following the events of a document's job."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from services.docs.domain.catalog.catalog import DocumentCatalog, unknown_document
from services.docs.ports import ChangeFeed, DocumentStore
from services.docs.values.document import (
    Document,
    DocumentEvent,
    Failure,
    GraphBuilt,
    GraphFailed,
    GraphState,
    IndexingCompleted,
    IndexingStage,
    StageProgress,
)

_EVENTS_A_PAGE = 200


@dataclass(frozen=True, slots=True)
class Watcher:
    """Streams the events of a document, the stored ones first and then each new one."""

    documents: DocumentStore
    feed: ChangeFeed
    catalog: DocumentCatalog

    async def watch(
        self, document_id: str, owner: str, after: int, *, graph: bool = False
    ) -> AsyncGenerator[tuple[DocumentEvent, Document], None]:
        """Yield the events after number `after` in order, each with the document as it is now.

        The stream ends with the event that ended the document's latest index job, and with NotFound when the document
        is deleted. With `graph` it goes on to the end of the graph job that follows, whose events are left out without.
        A document without a job is waited for.
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
                        if _is_end(event) or isinstance(event.payload, GraphBuilt):
                            document = await self.catalog.get(document_id, owner)
                        if graph or not _is_of_graph(event):
                            yield event, document
                    if await self._is_over(document_id, owner, events[-1], graph):
                        return
                if last and after >= last:
                    found = await self.documents.events(document_id, last - 1, 1)
                    if found and await self._is_over(document_id, owner, found[0], graph):
                        return
                await changes.changed.wait()

    async def _is_over(self, document_id: str, owner: str, event: DocumentEvent, graph: bool) -> bool:
        """Return whether an event is the latest one and ended all that is waited for."""
        if not (_is_end(event) or _is_of_graph(event)):
            return False
        if graph and not isinstance(event.payload, Failure):
            document = await self.catalog.get(document_id, owner)
            if document.graph_state is GraphState.QUEUED:
                return False
        return await self.documents.last_event(document_id) == event.number


def _is_end(event: DocumentEvent) -> bool:
    return isinstance(event.payload, IndexingCompleted | Failure)


def _is_of_graph(event: DocumentEvent) -> bool:
    """Return whether the event is of a graph job, which begins when the document is indexed."""
    match event.payload:
        case StageProgress(IndexingStage.GRAPH) | GraphBuilt() | GraphFailed():
            return True
    return False
