"""A leg whose engine answers few questions at a time: one for which it has no room soon goes on without it."""

from __future__ import annotations

import asyncio

from services.kit.errors import ResourceExhausted
from services.retrieval.ports import Leg
from services.retrieval.values.chunk import LEG_BUSY, Hit, LegQuery


class BoundedLeg:
    """Asks a leg for at most `at_once` questions at a time.

    A question waits `patience_seconds` for its turn. One that would wait longer is refused before anything is asked
    for it: an engine that is late for all answers none, and what is begun and given up costs as much as an answer.
    """

    def __init__(self, leg: Leg, at_once: int, patience_seconds: float) -> None:
        self.name = leg.name
        self._leg = leg
        self._slots = asyncio.Semaphore(at_once)
        self._patience_seconds = patience_seconds

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return what the leg finds.

        Raises:
            ResourceExhausted: others were asked before, for longer than this one waits; reason LEG_BUSY.
        """
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._slots.acquire()
        except TimeoutError:
            message = f"Other questions keep the leg {self.name} busy."
            raise ResourceExhausted(message, reason=LEG_BUSY, retry_after=1.0) from None
        try:
            return await self._leg.find(query)
        finally:
            self._slots.release()
