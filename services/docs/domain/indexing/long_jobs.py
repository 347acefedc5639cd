"""Seats for jobs that take long, fewer than a process runs at once, so that short jobs never wait for long ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.docs.ports import RetryLaterError

_LEAST_DELAY_SECONDS = 1.0
_DELAY_SECONDS_EACH = 0.25
"""How much later a job comes back for each one that is long, so that many do not keep the queue busy."""
_MOST_KNOWN = 10_000


class LongJobs:
    """Which documents have jobs that take long, and `seats` for them.

    Nobody knows beforehand how long a job takes. One that is still running after a while must take a seat; if there is
    none it ends, and waits in the queue for one from then on.
    """

    def __init__(self, seats: int) -> None:
        self._seats = seats
        self._known: set[str] = set()
        self._seated: set[str] = set()

    @contextmanager
    def job(self, document_id: str) -> Iterator[None]:
        """Count a job, with a seat from the start when it is known to be long; `RetryLaterError` when there is none."""
        if document_id in self._known:
            self.take_seat(document_id)
        try:
            yield
            self._known.discard(document_id)
        finally:
            self._seated.discard(document_id)

    def take_seat(self, document_id: str) -> None:
        """Note that a document's job is long, and give it a seat.

        Raises:
            RetryLaterError: there is none.
        """
        if len(self._known) >= _MOST_KNOWN:  # Documents whose job another process took are never struck off.
            self._known.clear()
        self._known.add(document_id)
        if document_id not in self._seated and len(self._seated) >= self._seats:
            delay = max(_LEAST_DELAY_SECONDS, _DELAY_SECONDS_EACH * len(self._known))
            raise RetryLaterError(delay, "as many long jobs run as may")
        self._seated.add(document_id)
