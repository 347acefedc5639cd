"""Jobs that take long leave room for those that do not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.docs.ports import RetryLaterError

_LEAST_DELAY_SECONDS = 1.0
_DELAY_SECONDS_EACH = 0.25
"""How much later a job comes back for each one that is long, so that many do not keep the queue busy."""
_MOST_KNOWN = 10_000


class LongJobs:
    """Runs jobs, at most `seats` of them for longer than `short_seconds`.

    Nobody knows beforehand how long a job takes. One that is still running after a while must take a seat; if there is
    none it ends, and waits in the queue for one from then on.
    """

    def __init__(self, seats: int = 12, short_seconds: float = 5.0) -> None:
        self._seats = seats
        self._short_seconds = short_seconds
        self._known: set[str] = set()
        self._seated: set[str] = set()

    async def run(self, document_id: str, job: Callable[[], Awaitable[None]]) -> None:
        """Run a document's job; `RetryLaterError` when it is long and has no seat."""
        if document_id in self._known:
            self._take_seat(document_id)
        work = asyncio.ensure_future(job())
        try:
            done, _ = await asyncio.wait((work,), timeout=self._short_seconds)
            if not done:
                self._take_seat(document_id)
            await work
            self._known.discard(document_id)
        finally:
            work.cancel()
            await asyncio.wait((work,))
            self._seated.discard(document_id)

    def _take_seat(self, document_id: str) -> None:
        if len(self._known) >= _MOST_KNOWN:  # Documents whose job another process took are never struck off.
            self._known.clear()
        self._known.add(document_id)
        if document_id not in self._seated and len(self._seated) >= self._seats:
            delay = max(_LEAST_DELAY_SECONDS, _DELAY_SECONDS_EACH * len(self._known))
            raise RetryLaterError(delay, "as many long jobs run as may")
        self._seated.add(document_id)
