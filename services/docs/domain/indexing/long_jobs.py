"""Jobs that take long leave room for those that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from services.docs.ports import RetryLaterError

_LEAST_DELAY_SECONDS = 1.0
_DELAY_SECONDS_EACH = 0.25
"""How much later a job comes back for each one that is long, so that many do not keep the queue busy."""
_MOST_KNOWN = 10_000


class LongJobs:
    """Lets at most `seats` jobs be long at once.

    Nobody knows beforehand which job is. One that turns out to be long must take a seat; if there is none it ends, and
    waits in the queue for one from then on. A job is long by its own work: one that only waits for others is not.
    """

    def __init__(self, seats: int = 12) -> None:
        self._seats = seats
        self._known: set[str] = set()
        self._seated: set[str] = set()

    @contextmanager
    def job(self, document_id: str) -> Iterator[Callable[[], None]]:
        """Give a document's job the function that it calls when it turns out to be long.

        Raises:
            RetryLaterError: the job is long and there is no seat; raised by the function as well.
        """
        take_seat = partial(self._take_seat, document_id)
        if document_id in self._known:
            take_seat()
        try:
            yield take_seat
            self._known.discard(document_id)
        finally:
            self._seated.discard(document_id)

    def _take_seat(self, document_id: str) -> None:
        if len(self._known) >= _MOST_KNOWN:  # Documents whose job another process took are never struck off.
            self._known.clear()
        self._known.add(document_id)
        if document_id not in self._seated and len(self._seated) >= self._seats:
            delay = max(_LEAST_DELAY_SECONDS, _DELAY_SECONDS_EACH * len(self._known))
            raise RetryLaterError(delay, "as many long jobs run as may")
        self._seated.add(document_id)
