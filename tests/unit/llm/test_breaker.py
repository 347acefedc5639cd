"""When a provider is left alone, and when it is tried again."""

from __future__ import annotations

import asyncio

from services.llm.domain import faults
from services.llm.domain.breaker import Breaker

DOWN = faults.unavailable("a")


def _opened(seconds: float = 0.05) -> Breaker:
    breaker = Breaker("a/m", failures=3, first_seconds=seconds)
    for _ in range(3):
        breaker.failed(DOWN, probe=breaker.begin())
    return breaker


async def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker("a/m", failures=3)
    for _ in range(10):
        for _ in range(2):
            breaker.failed(DOWN, probe=breaker.begin())
        breaker.succeeded()
    assert breaker.wait_seconds() == 0
    assert 0 < _opened(60).wait_seconds() <= 75


async def test_one_call_probes_and_the_others_wait_for_it() -> None:
    breaker = _opened()
    await asyncio.sleep(breaker.wait_seconds())
    assert breaker.wait_seconds() == 0
    assert breaker.begin()
    assert breaker.wait_seconds() > 0
    breaker.succeeded()
    assert breaker.wait_seconds() == 0
    assert not breaker.begin()


async def test_a_probe_that_fails_doubles_the_time() -> None:
    breaker = _opened()
    waits = []
    for _ in range(3):
        await asyncio.sleep(breaker.wait_seconds())
        breaker.failed(DOWN, probe=breaker.begin())
        waits.append(breaker.wait_seconds())
    # Doubled twice, each within a quarter.
    assert waits[2] > 2 * waits[0]


async def test_a_probe_whose_caller_left_makes_place_for_the_next() -> None:
    breaker = _opened()
    await asyncio.sleep(breaker.wait_seconds())
    breaker.abandoned(probe=breaker.begin())
    assert breaker.wait_seconds() == 0
    assert breaker.begin()


async def test_calls_that_were_under_way_when_it_opened_do_not_keep_it_open() -> None:
    breaker = _opened()
    before = breaker.wait_seconds()
    for _ in range(100):
        breaker.failed(DOWN, probe=False)
    assert breaker.wait_seconds() <= before
    breaker.succeeded()
    assert breaker.wait_seconds() == 0


async def test_what_a_provider_asked_for_is_kept() -> None:
    breaker = Breaker("a/m")
    breaker.hold(DOWN, 0.05)
    assert 0 < breaker.wait_seconds() <= 0.05
    breaker.succeeded()
    assert breaker.wait_seconds() > 0
    await asyncio.sleep(0.06)
    assert breaker.wait_seconds() == 0
    assert not breaker.begin(), "nothing has to be probed"
