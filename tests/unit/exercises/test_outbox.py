"""The outbox of a run: in order, stored before it is told, together where it comes together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.exercises.domain.runs.event_log import Outbox
from services.exercises.values.events import Event, Numbered, QuestionRefused, Token, Usage
from services.exercises.values.question import QuestionKind
from services.kit.errors import Unavailable


class Wire:
    """A store that takes as long as it is told to, and a reader."""

    def __init__(self) -> None:
        self.stored: list[list[Numbered]] = []
        self.told: list[Numbered] = []
        self.error: Exception | None = None
        self.lost: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()
        self.outbox = Outbox(self._record, self._tell, self.lost.append)

    async def _record(self, events: Sequence[Numbered]) -> None:
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.stored.append(list(events))

    def _tell(self, numbered: Numbered) -> None:
        kept = [kept for group in self.stored for kept in group]
        assert isinstance(numbered.event, Token) or numbered in kept
        self.told.append(numbered)

    def put(self, *events: Event) -> None:
        for event in events:
            self.outbox.put(event)

    def events(self) -> list[Event]:
        return [numbered.event for numbered in self.told]


@pytest.fixture
async def wire() -> Wire:
    return Wire()


REFUSED = QuestionRefused(QuestionKind.TRUE_FALSE, "NO_TRUTH")


async def test_what_comes_at_once_is_stored_at_once_and_told_in_order_without_a_gap(wire: Wire) -> None:
    wire.open.clear()
    wire.put(Usage(1, 1), REFUSED)
    await asyncio.sleep(0)
    wire.put(Usage(2, 2), Token("a"), Token("b"), Usage(3, 3))
    assert wire.told == []
    wire.open.set()
    await wire.outbox.settled()
    assert wire.events() == [Usage(1, 1), REFUSED, Usage(2, 2), Token("ab"), Usage(3, 3)]
    assert [numbered.number for numbered in wire.told] == [1, 2, 3, 4, 5]
    assert [len(group) for group in wire.stored] == [2, 2]


async def test_the_first_token_is_told_at_once_and_those_of_the_next_moment_together(wire: Wire) -> None:
    wire.put(Token("a"))
    assert wire.events() == [Token("a")]
    wire.put(Token("b"), Token("c"))
    assert wire.events() == [Token("a")]
    await asyncio.sleep(0.07)
    assert wire.events() == [Token("a"), Token("bc")]
    await asyncio.sleep(0.06)
    wire.put(Token("d"))
    assert wire.events()[-1] == Token("d")
    assert wire.stored == []


async def test_a_token_that_is_held_comes_before_what_follows_it(wire: Wire) -> None:
    wire.put(Token("a"), Token("b"), Usage(1, 1))
    await wire.outbox.settled()
    assert wire.events() == [Token("a"), Token("b"), Usage(1, 1)]
    await asyncio.sleep(0.07)
    assert len(wire.told) == 3


async def test_nobody_hears_of_what_could_not_be_stored(wire: Wire) -> None:
    wire.open.clear()
    wire.error = Unavailable("away", reason="AWAY")
    wire.put(Usage(1, 1), Token("a"))
    await asyncio.sleep(0)
    wire.put(Usage(2, 2))
    wire.open.set()
    await wire.outbox.settled()
    assert wire.told == []
    assert wire.lost == [wire.error]
    # What failed may have been stored all the same, so its numbers are not given again.
    assert wire.outbox.next_number() > 2


async def test_who_puts_too_much_waits_and_nobody_else(wire: Wire) -> None:
    wire.open.clear()
    for number in range(100):
        wire.put(Usage(number, 0))
        await asyncio.sleep(0)
    waiting = asyncio.create_task(wire.outbox.room())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    wire.open.set()
    async with asyncio.timeout(1):
        await waiting
    assert len(wire.told) == 100


async def test_a_closed_outbox_stores_nothing_more(wire: Wire) -> None:
    wire.open.clear()
    wire.put(Usage(1, 1))
    await asyncio.sleep(0)
    wire.outbox.close()
    wire.open.set()
    await wire.outbox.settled()
    assert wire.stored == []
    assert wire.told == []
