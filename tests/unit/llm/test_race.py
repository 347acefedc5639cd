"""Three providers at once, and the best valid answer."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.errors import TikuError
from services.llm.adapters.providers.fake import FakeChatProvider, FakeTurn
from services.llm.domain import faults
from services.llm.domain.validity import is_valid
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, FinishReason, OutputSchema, TextDelta
from services.llm.values.providers import Strategy
from tests.fakes.routed_chats import MESSAGES, RoutedChats
from tests.waiting import at_once, turns

DOWN = faults.unavailable("a", "down")
CUT = FakeTurn(reason=FinishReason.LENGTH)


def _says(text: str, pace: float = 0.0) -> FakeTurn:
    return FakeTurn(tokens=(text,), pace=pace)


def _house(*turns_: FakeTurn, grace: float = 1.0) -> tuple[RoutedChats, list[FakeChatProvider]]:
    providers = [FakeChatProvider(turn) for turn in turns_]
    named = {name: (provider, ["m"]) for name, provider in zip("abcdef", providers, strict=False)}
    return RoutedChats(strategy=Strategy.RACE, grace=grace, more=named), providers


async def test_three_are_asked_and_the_preferred_valid_answer_is_taken() -> None:
    house, providers = _house(_says("a", 0.03), _says("b"), _says("c"), _says("d"))
    completion, served = await house.complete("m")
    assert (completion.text, served.provider) == ("a", "a")
    assert [len(provider.prompts) for provider in providers] == [1, 1, 1, 0]


async def test_the_preferred_one_is_waited_for_no_longer_than_the_grace() -> None:
    house, providers = _house(FakeTurn(hang_at=0), _says("b"), FakeTurn(hang_at=0), grace=0.02)
    async with at_once(0.5):
        assert (await house.complete("m"))[1].provider == "b"
    assert [provider.active for provider in providers] == [0, 0, 0]
    assert {name: spent.cancelled for name, spent in (await house.spent()).items()} == {"a": 1, "b": 0, "c": 1}


async def test_nobody_waits_for_those_that_come_after() -> None:
    house, providers = _house(_says("a"), FakeTurn(hang_at=0), FakeTurn(hang_at=0), grace=60)
    async with at_once(0.5):
        assert (await house.complete("m"))[1].provider == "a"
    assert [provider.active for provider in providers] == [0, 0, 0]


async def test_an_answer_that_is_not_valid_loses() -> None:
    house, _ = _house(CUT, FakeTurn(error=DOWN), _says("c", 0.02))
    assert (await house.complete("m"))[1].provider == "c"


async def test_where_none_is_valid_the_first_that_came_is_told_as_it_is() -> None:
    house, _ = _house(CUT, FakeTurn(error=DOWN), FakeTurn(tokens=()))
    completion, served = await house.complete("m")
    assert (completion.reason, served.provider) == (FinishReason.LENGTH, "a")


async def test_where_all_three_fail_the_fourth_is_asked() -> None:
    house, _ = _house(*[FakeTurn(error=DOWN)] * 3, _says("d"))
    assert (await house.complete("m"))[1].provider == "d"


async def test_where_all_fail_the_error_is_told() -> None:
    house, _ = _house(*[FakeTurn(error=faults.from_status("a", "m", 400, b""))] * 3)
    with pytest.raises(TikuError) as caught:
        await house.complete("m")
    assert caught.value.reason == "PROVIDER_REJECTED"


async def test_a_stream_gives_one_whole_answer() -> None:
    house, _ = _house(_says("a"), _says("b"))
    assert await house.stream("m") == [
        TextDelta("a"),
        (ChatFinish(FinishReason.STOP, None), house.router.served[0]),
    ]


async def test_a_caller_that_leaves_closes_all() -> None:
    house, providers = _house(*[FakeTurn(hang_at=0)] * 3)
    task = asyncio.create_task(house.complete("m"))
    await turns(20)
    assert [provider.active for provider in providers] == [1, 1, 1]
    async with at_once():
        task.cancel()
        await asyncio.wait([task])
    assert [provider.active for provider in providers] == [0, 0, 0]


@pytest.mark.parametrize(
    ("text", "reason", "schema", "valid"),
    [
        ("yes", FinishReason.STOP, False, True),
        ("yes", FinishReason.UNKNOWN, False, True),
        (" \n", FinishReason.STOP, False, False),
        ("yes", FinishReason.LENGTH, False, False),
        ("no", FinishReason.CONTENT_FILTER, False, False),
        ("yes", FinishReason.STOP, True, False),
        ('{"a": 1}', FinishReason.STOP, True, True),
        ("[1]", FinishReason.STOP, True, False),
        ('{"a": ', FinishReason.STOP, True, False),
    ],
)
def test_what_is_valid(text: str, reason: FinishReason, schema: bool, valid: bool) -> None:
    prompt = ChatRequest("m", MESSAGES, output=OutputSchema("s", {}) if schema else None)
    assert is_valid(Completion(text, reason, None), prompt) is valid
