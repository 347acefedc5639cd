"""The events of a document's job: told sparingly, and followed by whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from services.docs.domain.catalog.catalog import Library, unknown_document
from services.docs.ports import DocumentStore, News
from services.docs.values.document import Document, Event, Failure, Indexed, Progress

_EVENTS_A_PAGE = 200


class Throttle:
    """Lets a stage's first and last progress through, and between them one every `interval` seconds."""

    def __init__(self, interval: float = 0.2) -> None:
        self._interval = interval
        self._stage: str | None = None
        self._last = 0.0

    def admit(self, progress: Progress) -> bool:
        """Whether to tell of `progress` now."""
        now = asyncio.get_running_loop().time()
        edge = progress.stage != self._stage or (progress.total > 0 and progress.done >= progress.total)
        if not edge and now - self._last < self._interval:
            return False
        self._stage, self._last = progress.stage, now
        return True


class Watcher:
    """Follows a document's events."""

    def __init__(self, store: DocumentStore, news: News, library: Library) -> None:
        self._store = store
        self._news = news
        self._library = library

    async def watch(self, document_id: str, owner: str, after: int) -> AsyncGenerator[tuple[Event, Document], None]:
        """Events in order from the one after number `after`, each with the document as it is now.

        Ends with the event that ended the document's latest job; a document without a job is waited for. Raises
        NotFound when the document is not there, or no longer.
        """
        document = await self._library.get(document_id, owner)
        document_id = document.document_id
        with self._news.subscribe(document_id) as news:
            while True:
                news.changed.clear()
                last = await self._store.last_event(document_id)
                if last is None:
                    raise unknown_document(document_id)
                while events := await self._store.events(document_id, after, _EVENTS_A_PAGE):
                    for event in events:
                        after = event.number
                        if isinstance(event.what, Indexed | Failure):
                            document = await self._library.get(document_id, owner)
                        yield event, document
                    if _is_end(events[-1]) and await self._store.last_event(document_id) == after:
                        return
                if last and after >= last and await self._ended(document_id, last):
                    return
                await news.changed.wait()

    async def _ended(self, document_id: str, last: int) -> bool:
        """Whether the latest event, which the reader has seen, was an end."""
        events = await self._store.events(document_id, last - 1, 1)
        return bool(events) and _is_end(events[0])


def _is_end(event: Event) -> bool:
    return isinstance(event.what, Indexed | Failure)
