"""Those who wait for changes of documents, within one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.docs.ports import DocumentChanges


class Subscriptions:
    """Hands each published change to those who subscribed to its document."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[DocumentChanges]] = {}

    @contextmanager
    def subscribe(self, document_id: str) -> Iterator[DocumentChanges]:
        """Signal the published changes of one document."""
        changes = DocumentChanges()
        peers = self._subscriptions.setdefault(document_id, set())
        peers.add(changes)
        try:
            yield changes
        finally:
            peers.discard(changes)
            if not peers and self._subscriptions.get(document_id) is peers:
                del self._subscriptions[document_id]

    def publish(self, document_id: str, *, deleting: bool = False) -> None:
        """Signal a change of one document."""
        for changes in self._subscriptions.get(document_id, ()):
            changes.changed.set()
            if deleting:
                changes.deleting.set()

    def wake_all(self) -> None:
        """Signal a possible change of every document."""
        for document_id in self._subscriptions:
            self.publish(document_id)
