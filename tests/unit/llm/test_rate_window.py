"""No window of a minute holds more than a provider's limits."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.errors import ResourceExhausted
from services.llm.domain.rate_window import RateWindow


async def test_a_call_that_has_room_does_not_wait() -> None:
    window = RateWindow("p", requests=3, tokens=100)
    for _ in range(3):
        assert window.wait_seconds(30) == 0
        await window.passing(30, 0)
    assert 59 < window.wait_seconds(0) <= 60


@pytest.mark.parametrize(("limits", "tokens"), [({"requests": 5}, 7), ({"tokens": 50}, 10)])
async def test_no_window_holds_more(limits: dict[str, int], tokens: int) -> None:
    window = RateWindow("p", **limits, seconds=0.1)
    passages = await asyncio.gather(*(window.passing(tokens, 10) for _ in range(20)))
    passed = sorted(passage.at for passage in passages)
    assert len(passed) == 20
    assert all(later - earlier > 0.099 for earlier, later in zip(passed, passed[5:], strict=False))


async def test_nobody_overtakes() -> None:
    window = RateWindow("p", tokens=100, seconds=0.1)
    await window.passing(60, 0)
    passages = await asyncio.gather(*(window.passing(tokens, 10) for tokens in (90, 5, 8)))
    assert [passage.at for passage in passages] == sorted(passage.at for passage in passages)
    assert passages[2].at > passages[0].at


async def test_more_than_the_limit_passes_alone() -> None:
    window = RateWindow("p", tokens=100, seconds=0.05)
    await window.passing(1000, 0)
    assert window.wait_seconds(1) > 0
    await window.passing(1000, 10)


async def test_a_turn_that_comes_too_late_is_refused_and_takes_no_room() -> None:
    window = RateWindow("p", requests=1)
    await window.passing(0, 0)
    for _ in range(3):
        with pytest.raises(ResourceExhausted) as caught:
            await window.passing(0, 1)
        assert caught.value.reason == "PROVIDER_BUSY"
        assert caught.value.retry_after == pytest.approx(60, abs=1)


async def test_whoever_leaves_takes_no_turn_along() -> None:
    window = RateWindow("p", requests=1, tokens=10)
    await window.passing(4, 0)
    waiting = asyncio.create_task(window.passing(6, 100))
    await asyncio.sleep(0)
    assert window.wait_seconds(0) > 60
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert window.wait_seconds(0) <= 60


async def test_what_a_call_took_in_the_end_counts() -> None:
    window = RateWindow("p", tokens=100)
    passage = await window.passing(90, 0)
    assert window.wait_seconds(20) > 0
    window.settle(passage, 10)
    assert window.wait_seconds(90) == 0
    window.settle(passage, 100)
    assert window.wait_seconds(1) > 0
