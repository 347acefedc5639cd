"""One provider after the other: which faults lead on, how often, and what is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from services.kit.errors import TikuError, Unavailable
from services.llm.adapters.providers.fake import FakeChatProvider, FakeTurn
from services.llm.domain import faults
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, TextDelta
from tests.fakes.routed_chats import RoutedChats
from tests.waiting import at_once

DOWN = faults.unavailable("a", "down")
HANGING = {"first_token_timeout_seconds": 0.02, "total_timeout_seconds": 0.02}


class Failing(FakeChatProvider):
    """Fails always, the same way or in turn."""

    def __init__(self, *turns: FakeTurn, name: str = "fake") -> None:
        super().__init__(name=name)
        self._again = turns
        self.calls = 0

    async def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        self.turns.append(self._again[self.calls % len(self._again)])
        self.calls += 1
        async for event in super().stream(prompt, timeout):
            yield event


def _refused(status: int, body: bytes = b"") -> FakeTurn:
    return FakeTurn(error=faults.from_status("a", "m", status, body))


FAULTS = {
    "down": FakeTurn(error=DOWN),
    "no answer": FakeTurn(error=faults.bad_response("a", "html")),
    "hangs": FakeTurn(hang_at=0),
    **{str(status): _refused(status) for status in (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529)},
}
Call = Callable[[RoutedChats], Any]
CALLS: dict[str, Call] = {"whole": lambda house: house.complete("m"), "stream": lambda house: house.stream("m")}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("turn", FAULTS.values(), ids=FAULTS)
async def test_every_fault_before_the_first_token_leads_on_without_a_wait(turn: FakeTurn, call: Call) -> None:
    bad, good = FakeChatProvider(turn), FakeChatProvider()
    house = RoutedChats(limits=HANGING, unlimited=["good"], bad=(bad, ["m"]), good=(good, ["m"]))
    async with at_once(0.2):
        await call(house)
    assert (len(bad.prompts), len(good.prompts)) == (1, 1)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_provider_that_hangs_has_failed(call: Call) -> None:
    bad, good = Failing(FAULTS["hangs"]), FakeChatProvider()
    house = RoutedChats(limits=HANGING, unlimited=["good"], bad=(bad, ["m"]), good=(good, ["m"]))
    for _ in range(10):
        await call(house)
    assert bad.calls == 8
    assert house.health("bad").breaker.wait_seconds() > 0
    spent = (await house.spent())["bad"]
    assert (spent.calls, spent.failed, spent.cancelled) == (8, 8, 0)


async def test_after_the_first_token_a_provider_that_hangs_leads_nowhere() -> None:
    bad, good = FakeChatProvider(FakeTurn(hang_at=1)), FakeChatProvider()
    limits = {"between_tokens_timeout_seconds": 0.02}
    house = RoutedChats(limits=limits, bad=(bad, ["m"]), good=(good, ["m"]))
    with pytest.raises(TikuError) as caught:
        await house.stream("m")
    assert caught.value.reason == "PROVIDER_TIMEOUT"
    assert good.prompts == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_with_one_healthy_provider_calls_succeed_and_no_text_is_mixed(call: Call) -> None:
    turns = list(FAULTS.values())
    bad = {f"bad{number}": Failing(*turns[number:], *turns[:number]) for number in range(3)}
    good = FakeChatProvider()
    house = RoutedChats(
        slots=64,
        limits=HANGING,
        unlimited=["good"],
        more={name: (one, ["m"]) for name, one in bad.items()},
        good=(good, ["m"]),
    )

    async def calls(count: int) -> list[str]:
        texts = []
        for _ in range(count):
            try:
                result = await call(house)
            except TikuError as error:
                texts.append(error.reason)
                continue
            if isinstance(result, tuple) and isinstance(result[0], Completion):
                texts.append(result[0].text)
            else:
                texts.append("".join(event.text for event in result if isinstance(event, TextDelta)))
        return texts

    texts = [text for some in await asyncio.gather(*(calls(60) for _ in range(10))) for text in some]
    assert texts.count("Hello, world!") >= 0.999 * len(texts), set(texts)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("kind", ["down", "hangs", "400", "401", "429"])
async def test_when_all_are_down_they_get_hardly_more_than_one_attempt_a_call(kind: str, call: Call) -> None:
    providers = {name: Failing(FAULTS[kind]) for name in "abcd"}
    house = RoutedChats(
        slots=64, limits=HANGING, longest_wait=0.05, more={name: (one, ["m"]) for name, one in providers.items()}
    )
    load = 0

    async def calls() -> None:
        nonlocal load
        for _ in range(100):
            load += 1
            with pytest.raises(TikuError):
                await call(house)

    await asyncio.gather(*(calls() for _ in range(10)))
    assert sum(provider.calls for provider in providers.values()) <= 1.1 * load


async def test_a_provider_that_keeps_failing_is_left_alone_until_a_probe_succeeds() -> None:
    bad, good = FakeChatProvider(*[FakeTurn(error=DOWN)] * 8), FakeChatProvider()
    house = RoutedChats(bad=(bad, ["m"]), good=(good, ["m"]))
    for _ in range(20):
        assert (await house.complete("m"))[1].provider == "good"
    assert len(bad.prompts) == 8
    await asyncio.sleep(house.health("bad").breaker.wait_seconds())
    assert (await house.complete("m"))[1].provider == "bad"
    assert (await house.complete("m"))[1].provider == "bad"


async def test_a_provider_that_is_left_alone_still_tells_why() -> None:
    house = RoutedChats(a=(Failing(_refused(401)), ["m"]), longest_wait=0.0)
    for _ in range(20):
        with pytest.raises(TikuError) as caught:
            await house.complete("m")
        assert caught.value.reason == "PROVIDER_UNAUTHENTICATED"
    assert caught.value.retry_after is not None


async def test_a_caller_with_little_time_says_nothing_about_a_provider() -> None:
    slow = Failing(FakeTurn(hang_at=0))
    house = RoutedChats(a=(slow, ["m"]))
    for _ in range(20):
        with pytest.raises(TikuError) as caught:
            await house.complete("m", timeout=0.003)
        assert caught.value.status == "DEADLINE_EXCEEDED"
    assert house.health("a").breaker.wait_seconds() == 0


@pytest.mark.parametrize(("reason", "held"), [("PROVIDER_UNAVAILABLE", True), ("EMBEDDER_BUSY", False)])
async def test_who_asks_for_time_is_left_alone_and_whose_queue_is_full_is_not(reason: str, held: bool) -> None:
    busy = FakeTurn(error=Unavailable("Not now.", reason=reason, retry_after=60))
    house = RoutedChats(a=(FakeChatProvider(busy), ["m"]))
    with pytest.raises(Unavailable):
        await house.complete("m")
    assert (house.health("a").breaker.wait_seconds() > 0) is held


async def test_requests_that_are_refused_do_not_use_up_what_outages_may_cost() -> None:
    a, b = Failing(_refused(400)), Failing(_refused(400))
    house = RoutedChats(a=(a, ["m"]), b=(b, ["m"]))
    for _ in range(100):
        with pytest.raises(TikuError):
            await house.complete("m")
    assert b.calls < 30
    a._again = (FakeTurn(error=DOWN),)  # The same provider, on another day.
    b._again = (FakeTurn(),)
    assert (await house.complete("m"))[1].provider == "b"


async def test_a_full_provider_is_passed_over() -> None:
    a, b = FakeChatProvider(FakeTurn(hang_at=0)), FakeChatProvider()
    house = RoutedChats(slots=1, waiting=8, a=(a, ["m"]), b=(b, ["m"]))
    first = asyncio.create_task(house.complete("m"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    async with at_once():
        assert (await house.complete("m"))[1].provider == "b"
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_a_provider_at_its_limit_a_minute_is_passed_over_and_waited_for_where_all_are() -> None:
    a, b = FakeChatProvider(), FakeChatProvider()
    house = RoutedChats(limits={"requests_per_minute": 2}, waiting=8, a=(a, ["m"]), b=(b, ["m"]))
    served = [(await house.complete("m"))[1].provider for _ in range(6)]
    assert served == ["a", "a", "b", "b", "a", "a"]


async def test_where_all_are_at_their_limits_and_the_turn_comes_too_late_it_is_said() -> None:
    house = RoutedChats(limits={"requests_per_minute": 1}, a=(FakeChatProvider(), ["m"]))
    await house.complete("m")
    with pytest.raises(TikuError) as caught:
        await house.complete("m", timeout=0.05)
    assert (caught.value.reason, caught.value.status) == ("PROVIDER_BUSY", "RESOURCE_EXHAUSTED")
    assert caught.value.retry_after is not None


async def test_the_deadline_holds_whatever_fails() -> None:
    loop = asyncio.get_running_loop()
    for turn in FAULTS.values():
        house = RoutedChats(a=(Failing(turn), ["m"]), b=(Failing(FakeTurn(hang_at=0)), ["m"]))
        for call in (house.complete, house.stream):
            deadline = loop.time() + 0.05
            async with at_once(0.5):
                with pytest.raises(TikuError):
                    await call("m", timeout=0.05)
            assert loop.time() >= deadline or turn.hang_at is None
