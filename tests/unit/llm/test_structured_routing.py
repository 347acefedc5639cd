"""Who wins where an answer has to match a schema, and what asking again may cost."""

from __future__ import annotations

import pytest

from services.common.values import TokenUsage
from services.kit.errors import FailedPrecondition
from services.llm.adapters.providers.fake import FakeChatProvider, FakeTurn
from services.llm.values.chat import ChatRequest, Completion, OutputSchema, SchemaCheck
from services.llm.values.prices import Price
from services.llm.values.providers import Strategy
from services.llm.values.spending import Budget, Period, Scope
from tests.fakes.routed_chats import MESSAGES, RoutedChats

ASK = ChatRequest("m", MESSAGES, max_tokens=10, output=OutputSchema("s", {"type": "object", "required": ["a"]}))
GOOD = '{"a": 1}'
PRICE = Price(input_nanos_per_token=0, cached_input_nanos_per_token=0, output_nanos_per_token=1)


def _says(text: str, pace: float = 0.0) -> FakeTurn:
    return FakeTurn(tokens=(text,), pace=pace, usage=TokenUsage(5, 10))


async def _asked(house: RoutedChats) -> tuple[Completion, str]:
    completion, served = await house.router.complete(ASK, 30)
    return completion, served.provider


async def test_a_race_is_won_by_the_answer_that_matches() -> None:
    wrong, right = FakeChatProvider(_says("{}")), FakeChatProvider(_says(GOOD, 0.02))
    house = RoutedChats(strategy=Strategy.RACE, wrong=(wrong, ["m"]), right=(right, ["m"]))
    completion, provider = await _asked(house)
    assert (completion.text, provider, completion.check) == (GOOD, "right", SchemaCheck([]))
    assert (len(wrong.prompts), len(right.prompts)) == (1, 1)


async def test_a_race_that_nobody_wins_is_repaired_by_one() -> None:
    providers = {name: FakeChatProvider(_says("{}"), _says(GOOD)) for name in "abc"}
    house = RoutedChats(strategy=Strategy.RACE, more={name: (one, ["m"]) for name, one in providers.items()})
    completion, provider = await _asked(house)
    assert (completion.text, completion.check and completion.check.repaired) == (GOOD, True)
    assert sorted(len(one.prompts) for one in providers.values()) == [1, 1, 2]
    assert len(providers[provider].prompts) == 2


@pytest.mark.parametrize("second", [GOOD, "[]"])
async def test_of_two_that_are_hedged_the_one_that_matches_is_taken(second: str) -> None:
    slow, other = FakeChatProvider(), FakeChatProvider(_says(second, 0.05))
    house = RoutedChats(strategy=Strategy.HEDGED, slow=(slow, ["m"]), other=(other, ["m"]))
    for _ in range(60):
        house.health("slow").whole.record(0.01)
        house.router._hedges.earn()
    slow.turns.extend([_says("{}", 0.03), _says(GOOD)])
    completion, provider = await _asked(house)
    assert len(other.prompts) == 1
    assert (completion.text, provider) == (GOOD, "other" if second == GOOD else "slow")
    assert (completion.check and completion.check.repaired) is (second != GOOD)


@pytest.mark.parametrize(("limit", "asked"), [(15, 1), (20, 2)])
async def test_without_money_nobody_is_asked_again(limit: int, asked: int) -> None:
    provider = FakeChatProvider(_says("{}"), _says(GOOD))
    budget = Budget(scope=Scope.ALL, period=Period.DAY, limit_nanos=limit)
    house = RoutedChats(price=PRICE, budgets=[budget], one=(provider, ["m"]))
    if asked == 1:
        with pytest.raises(FailedPrecondition) as caught:
            await _asked(house)
        assert caught.value.metadata["not_asked_again"] == "BUDGET_EXHAUSTED"
    else:
        assert (await _asked(house))[0].text == GOOD
    assert len(provider.prompts) == asked
    assert (await house.spent())["one"].cost_nanos == 10 * asked
