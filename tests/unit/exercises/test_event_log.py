"""The event log of a run: in order, stored before it is delivered, together where it comes together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.exercises.domain.runs.event_log import RunEventLog
from services.exercises.values.exercise import Event, Numbered, Passing, QuestionProgress, QuestionRefused, Token, Usage
from services.exercises.values.question import QuestionKind
from services.kit.errors import Unavailable


class Wire:
    """A store that takes as long as it is told to, and a reader."""

    def __init__(self) -> None:
        self.stored: list[list[Numbered]] = []
        self.delivered: list[Numbered] = []
        self.error: Exception | None = None
        self.failures: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()
        self.log = RunEventLog(self._store, self._deliver, self.failures.append)

    async def _store(self, events: Sequence[Numbered]) -> None:
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.stored.append(list(events))

    def _deliver(self, numbered: Numbered) -> None:
        kept = [kept for group in self.stored for kept in group]
        assert isinstance(numbered.event, Passing) or numbered in kept
        self.delivered.append(numbered)

    def publish(self, *events: Event) -> None:
        for event in events:
            self.log.publish(event)

    def events(self) -> list[Event]:
        return [numbered.event for numbered in self.delivered]


@pytest.fixture
async def wire() -> Wire:
    return Wire()


REFUSED = QuestionRefused(QuestionKind.TRUE_FALSE, "NO_TRUTH")


async def test_what_comes_at_once_is_stored_at_once_and_delivered_in_order_without_a_gap(wire: Wire) -> None:
    wire.open.clear()
    wire.publish(Usage(1, 1), REFUSED)
    await asyncio.sleep(0)
    wire.publish(Usage(2, 2), Token("a"), Token("b"), Usage(3, 3))
    assert wire.delivered == []
    wire.open.set()
    await wire.log.flush()
    assert wire.events() == [Usage(1, 1), REFUSED, Usage(2, 2), Token("ab"), Usage(3, 3)]
    assert [numbered.number for numbered in wire.delivered] == [1, 2, 3, 4, 5]
    assert [len(group) for group in wire.stored] == [2, 2]


async def test_the_first_token_is_delivered_at_once_and_those_of_the_next_moment_together(wire: Wire) -> None:
    wire.publish(Token("a"))
    assert wire.events() == [Token("a")]
    wire.publish(Token("b"), Token("c"))
    assert wire.events() == [Token("a")]
    await asyncio.sleep(0.07)
    assert wire.events() == [Token("a"), Token("bc")]
    await asyncio.sleep(0.06)
    wire.publish(Token("d"))
    assert wire.events()[-1] == Token("d")
    assert wire.stored == []


async def test_of_a_question_that_grows_within_a_moment_only_the_last_state_is_told(wire: Wire) -> None:
    def grown(draft: int, stem: str) -> QuestionProgress:
        return QuestionProgress(draft, QuestionKind.SHORT_ANSWER, stem)

    wire.publish(Token("a"), Token("b"), grown(1, "W"), grown(2, "H"), Token("c"), grown(1, "Why"))
    assert wire.events() == [Token("a")]
    await asyncio.sleep(0.07)
    assert wire.events() == [Token("a"), Token("bc"), grown(1, "Why"), grown(2, "H")]
    wire.publish(grown(2, "How"), REFUSED, grown(2, "How so"))
    await wire.log.flush()
    assert wire.events()[-3:] == [grown(2, "How"), REFUSED, grown(2, "How so")]
    assert [len(group) for group in wire.stored] == [1]


async def test_a_token_that_is_held_comes_before_what_follows_it(wire: Wire) -> None:
    wire.publish(Token("a"), Token("b"), Usage(1, 1))
    await wire.log.flush()
    assert wire.events() == [Token("a"), Token("b"), Usage(1, 1)]
    await asyncio.sleep(0.07)
    assert len(wire.delivered) == 3


async def test_nobody_hears_of_what_could_not_be_stored(wire: Wire) -> None:
    wire.open.clear()
    wire.error = Unavailable("away", reason="AWAY")
    wire.publish(Usage(1, 1), Token("a"))
    await asyncio.sleep(0)
    wire.publish(Usage(2, 2))
    wire.open.set()
    await wire.log.flush()
    assert wire.delivered == []
    assert wire.failures == [wire.error]
    # What failed may have been stored all the same, so its numbers are not given again.
    assert wire.log.next_number() > 2


async def test_a_publisher_of_too_much_waits_and_nobody_else(wire: Wire) -> None:
    wire.open.clear()
    for number in range(100):
        wire.publish(Usage(number, 0))
        await asyncio.sleep(0)
    waiting = asyncio.create_task(wire.log.wait_for_capacity())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    wire.open.set()
    await waiting
    assert len(wire.delivered) == 100


async def test_a_closed_log_stores_nothing_more(wire: Wire) -> None:
    wire.open.clear()
    wire.publish(Usage(1, 1))
    await asyncio.sleep(0)
    wire.log.close()
    wire.open.set()
    await wire.log.flush()
    assert wire.stored == []
    assert wire.delivered == []
