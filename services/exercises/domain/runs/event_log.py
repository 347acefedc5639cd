"""The events of one run on their way to its readers: numbered, stored, told, in this order.

Whoever puts an event waits for none of it. What is put while other events are being stored goes into the store
together, in the next go; so five questions that are complete at once cost one transaction and not ten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.exercises.values.events import Event, Numbered, Token

_WINDOW = 0.05
"""Seconds within which tokens become one event; the first one, and each after a pause, is told at once. Several models
write into one run: twenty looks a second at all of them are as many as a reader follows."""
_MOST_WAITING = 64
"""Events that may wait to be stored before whoever puts more is asked to wait."""

Record = Callable[[Sequence[Numbered]], Awaitable[None]]
Tell = Callable[[Numbered], None]


class Outbox:
    """Stores events through `record`, all but tokens, and hands each to `tell` once it is stored.

    When `record` raises, what it was given and what waits is told to nobody; `lost` gets the error.
    """

    def __init__(self, record: Record, tell: Tell, lost: Callable[[Exception], None]) -> None:
        self._record = record
        self._tell = tell
        self._lost = lost
        self._number = 0
        self._waiting: list[Event] = []
        self._storing: asyncio.Task[None] | None = None
        self._clock = asyncio.get_running_loop().time
        self._token_told = -_WINDOW
        self._timer: asyncio.TimerHandle | None = None

    def put(self, event: Event) -> None:
        """Takes the next event."""
        if not isinstance(event, Token):
            self._waiting.append(event)
            if self._storing is None:
                self._storing = asyncio.create_task(self._store())
        elif self._waiting and isinstance(before := self._waiting[-1], Token):
            self._waiting[-1] = Token(before.text + event.text)
        else:
            self._waiting.append(event)
            if self._storing is None:
                self._hold()

    async def room(self) -> None:
        """Waits while too many events wait to be stored."""
        while len(self._waiting) >= _MOST_WAITING and self._storing is not None:
            await asyncio.wait({self._storing})

    async def settled(self) -> None:
        """Waits until everything that was put is told or lost."""
        while self._storing is not None:
            await asyncio.wait({self._storing})
        self._tell_waiting()

    def next_number(self) -> int:
        """A number above every other, for an event that does not go through here."""
        self._number += 1
        return self._number

    def close(self) -> None:
        """Stops storing; what waits is lost."""
        self._stop_timer()
        if self._storing is not None:
            self._storing.cancel()

    def _hold(self) -> None:
        """Tells the token that waits now, or when the window that an earlier one opened ends."""
        wait = self._token_told + _WINDOW - self._clock()
        if wait <= 0:
            self._tell_waiting()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._tell_waiting)

    def _tell_waiting(self) -> None:
        self._stop_timer()
        if self._storing is None:
            self._tell_all(self._take())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _store(self) -> None:
        try:
            while self._waiting:
                self._stop_timer()
                events = self._take()
                if kept := [numbered for numbered in events if not isinstance(numbered.event, Token)]:
                    await self._record(kept)
                self._tell_all(events)
        except Exception as error:
            self._waiting.clear()
            self._lost(error)
        finally:
            self._storing = None

    def _take(self) -> list[Numbered]:
        """What waits, numbered. The numbers stay used when storing fails: it may have failed after it was done."""
        events = [Numbered(number, event) for number, event in enumerate(self._waiting, self._number + 1)]
        self._number += len(events)
        self._waiting.clear()
        return events

    def _tell_all(self, events: Sequence[Numbered]) -> None:
        for numbered in events:
            if isinstance(numbered.event, Token):
                self._token_told = self._clock()
            self._tell(numbered)
