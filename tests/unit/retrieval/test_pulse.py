"""Whether calls end when their engine stands still, and only then."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.retrieval.adapters.graphs.pulse import Pulse, StandsStillError
from tests.waiting import eventually, turns


class Engine:
    """Answers as long as it is told to."""

    def __init__(self) -> None:
        self.stands_still = False
        self.asked = 0

    async def ask(self) -> None:
        self.asked += 1
        if self.stands_still:
            await asyncio.Event().wait()


async def test_calls_end_when_the_engine_stands_still_and_go_on_when_it_answers_again() -> None:
    engine = Engine()
    pulse = Pulse(engine.ask, 0.001, 0.001)

    async def wait() -> None:
        async with pulse.watched(60.0):
            await asyncio.Event().wait()

    engine.stands_still = True
    for outcome in await asyncio.gather(wait(), wait(), return_exceptions=True):
        assert isinstance(outcome, StandsStillError)
    engine.stands_still = False
    engine.asked = 0
    async with pulse.watched(60.0):
        await eventually(lambda: engine.asked > 2)
    with pytest.raises(StandsStillError):
        async with pulse.watched(60.0):
            engine.stands_still = True
            await asyncio.Event().wait()


async def test_a_loop_that_was_held_up_finds_the_answer_that_came_meanwhile() -> None:
    asked = asyncio.Event()
    answer = asyncio.Event()

    async def ask() -> None:
        asked.set()
        await answer.wait()

    pulse = Pulse(ask, 0.001, 0.04)
    async with pulse.watched(60.0):
        await asked.wait()
        asyncio.get_running_loop().call_soon(answer.set)
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            pass
        await turns()


async def test_a_call_that_takes_long_while_the_engine_answers_has_its_own_limit() -> None:
    engine = Engine()
    async with Pulse.open(engine.ask) as pulse:
        with pytest.raises(TimeoutError) as raised:
            async with pulse.watched(0.001):
                await asyncio.Event().wait()
        assert not isinstance(raised.value, StandsStillError)


async def test_what_asks_ends_when_no_call_waits_and_bad_answers_end_no_call() -> None:
    asked = asyncio.Event()

    async def refuse() -> None:
        asked.set()
        raise OSError("refused")

    pulse = Pulse(refuse, 0.001, 60.0)
    async with pulse.watched(60.0):
        await asked.wait()
        (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "graph pulse")
    await asyncio.wait([task])
    assert task.exception() is None
