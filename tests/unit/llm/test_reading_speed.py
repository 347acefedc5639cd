"""What is known of how fast a model reads: only what its server says."""

from __future__ import annotations

import pytest

from services.llm.adapters.providers.fake import FakeChatProvider, FakeTurn
from services.llm.domain.reading_speed import ReadingSpeed
from services.llm.domain.targets import Served
from services.llm.values.chat import Reading
from tests.fakes.routed_chats import RoutedChats


def speed(*readings: Reading | None) -> float | None:
    measured = ReadingSpeed()
    for reading in readings:
        measured.record(reading)
    return measured.tokens_per_second


def test_nothing_is_known_of_a_model_whose_server_says_nothing() -> None:
    assert speed() is None
    assert speed(None, None) is None


@pytest.mark.parametrize("tokens", [1, 8, 31])
def test_a_prompt_that_was_cached_tells_nothing(tokens: int) -> None:
    assert speed(Reading(tokens, 0.5)) is None
    assert speed(Reading(400, 8.0), Reading(tokens, 0.5)) == 50.0


def test_long_prompts_tell_more_than_short_ones() -> None:
    assert speed(Reading(900, 9.0), Reading(100, 11.0)) == 50.0


def test_a_model_that_became_slow_is_slow() -> None:
    assert speed(*[Reading(100, 0.1)] * 50, *[Reading(100, 10.0)] * 5) == 10.0


@pytest.mark.parametrize("whole", [True, False])
async def test_a_model_of_a_provider_has_its_own_speed(whole: bool) -> None:
    told = FakeChatProvider(FakeTurn(reading=Reading(200, 4.0)), FakeTurn(reading=Reading(100, 2.0)))
    house = RoutedChats(a=(told, ["small", "large"]), b=(FakeChatProvider(), ["small"]))
    assert house.router.reading_speed(Served("small", "a")) is None
    for _ in range(2):
        await (house.complete("small") if whole else house.stream("small"))
    assert house.router.reading_speed(Served("small", "a")) == 50.0
    assert house.router.reading_speed(Served("large", "a")) is None
    assert house.router.reading_speed(Served("small", "b")) is None
