"""The event log of one run: it numbers the run's events, stores them and then delivers them, in this order.

A publisher waits for none of it. What is published while others are being stored goes with the next write (ADR 0026).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.exercises.values.exercise import Event, Numbered, Passing, QuestionProgress, Token

_PASSING_WINDOW_SECONDS = 0.05
"""Time within which tokens become one event, and what is written of a question too; the first one, and each after a
pause, is delivered at once. Several models write into one run, and a reader follows no more than twenty updates a
second."""
_MAX_WAITING = 64
"""Events that may wait to be stored before a publisher is asked to wait."""

Store = Callable[[Sequence[Numbered]], Awaitable[None]]
Deliver = Callable[[Numbered], None]


class RunEventLog:
    """Stores events but `Passing` ones, then delivers them; when storing fails, `fail` is called, the rest is lost."""

    def __init__(self, store: Store, deliver: Deliver, fail: Callable[[Exception], None]) -> None:
        self._store = store
        self._deliver = deliver
        self._fail = fail
        self._last_number = 0
        self._waiting: list[Event] = []
        self._storing: asyncio.Task[None] | None = None
        self._clock = asyncio.get_running_loop().time
        self._passing_delivered_at = -_PASSING_WINDOW_SECONDS
        self._timer: asyncio.TimerHandle | None = None

    def publish(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, Passing) and self._join(event):
            return
        self._waiting.append(event)
        if self._storing is not None:
            return
        if isinstance(event, Passing):
            self._schedule_passing()
        else:
            self._storing = asyncio.create_task(self._store_waiting())

    def _join(self, event: Passing) -> bool:
        """Return whether the event became one with an earlier one that waits behind all that are to be stored."""
        for place in range(len(self._waiting) - 1, -1, -1):
            match self._waiting[place], event:
                case Token(before), Token(text):
                    self._waiting[place] = Token(before + text)
                    return True
                case QuestionProgress(before), QuestionProgress(draft) if before == draft:
                    self._waiting[place] = event
                    return True
                case Token() | QuestionProgress(), _:
                    continue
                case _:
                    return False
        return False

    async def wait_for_capacity(self) -> None:
        """Wait while too many events wait to be stored."""
        while len(self._waiting) >= _MAX_WAITING and self._storing is not None:
            await asyncio.wait({self._storing})

    async def flush(self) -> None:
        """Wait until every published event is delivered or has failed."""
        while self._storing is not None:
            await asyncio.wait({self._storing})
        self._deliver_waiting()

    def next_number(self) -> int:
        """Reserve a number above every other, for an event that is stored and delivered without this log."""
        self._last_number += 1
        return self._last_number

    def close(self) -> None:
        """Stop storing; events that wait are lost."""
        self._stop_timer()
        if self._storing is not None:
            self._storing.cancel()

    def _schedule_passing(self) -> None:
        """Deliver what waits now, or when the window that an earlier one opened ends."""
        wait = self._passing_delivered_at + _PASSING_WINDOW_SECONDS - self._clock()
        if wait <= 0:
            self._deliver_waiting()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._deliver_waiting)

    def _deliver_waiting(self) -> None:
        self._stop_timer()
        if self._storing is None:
            self._deliver_all(self._take())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                self._stop_timer()
                events = self._take()
                if stored := [numbered for numbered in events if not isinstance(numbered.event, Passing)]:
                    await self._store(stored)
                self._deliver_all(events)
        except Exception as error:
            self._waiting.clear()
            self._fail(error)
        finally:
            self._storing = None

    def _take(self) -> list[Numbered]:
        """Give the waiting events numbers; a failed attempt uses its numbers up, because it may have stored them."""
        events = [Numbered(number, event) for number, event in enumerate(self._waiting, self._last_number + 1)]
        self._last_number += len(events)
        self._waiting.clear()
        return events

    def _deliver_all(self, events: Sequence[Numbered]) -> None:
        for numbered in events:
            if isinstance(numbered.event, Passing):
                self._passing_delivered_at = self._clock()
            self._deliver(numbered)
