"""What is set aside for calls, and what is counted when they end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest

from services.common.values import TokenUsage
from services.kit.errors import DeadlineExceeded, FailedPrecondition, ResourceExhausted, Unavailable
from services.llm.adapters.stores.memory import MemorySpendingStore
from services.llm.domain.ledger import Ledger
from services.llm.domain.need import Need
from services.llm.values.prices import Offer, Price
from services.llm.values.spending import (
    Account,
    Balance,
    Budget,
    Caller,
    Charge,
    Exhausted,
    Limit,
    Line,
    Period,
    Reserved,
    Scope,
    Spending,
)

NOW = datetime(2026, 11, 29, 23, tzinfo=UTC)
PRICE = Price(input_nanos_per_token=2, cached_input_nanos_per_token=1, output_nanos_per_token=10)
OFFER = Offer("one", "m", PRICE)
ANN = Account(Scope.USER, "ann", Period.DAY, NOW.date())
LINE = Line(NOW.date(), Caller("ann"), "one", "m")
NEED = Need(most_input_tokens=30, input_tokens=8, max_output_tokens=5)


class House:
    """A ledger over a store, with a budget for each user and day."""

    def __init__(self, limit: int | None = None, store: MemorySpendingStore | None = None) -> None:
        self.store = store or MemorySpendingStore()
        budgets = [] if limit is None else [Budget(scope=Scope.USER, name="", period=Period.DAY, limit_nanos=limit)]
        self.ledger = Ledger(self.store, lambda: budgets, lambda: Caller("ann"), lambda: NOW)

    async def spent(self) -> Spending:
        spending, _ = await self.ledger.spending(NOW.date(), NOW.date())
        return spending.get(LINE, Spending())

    async def balance(self) -> Balance:
        await self.ledger.spending(NOW.date(), NOW.date())
        (balance,) = await self.store.balances([ANN])
        return balance


async def test_what_a_call_may_cost_is_set_aside_until_it_ends() -> None:
    house = House(limit=200)
    async with house.ledger.call(OFFER, NEED, 9) as spent:
        assert await house.balance() == Balance(0, 30 * 2 + 5 * 10)
        spent.tokens = TokenUsage(10, 4, 6)
    assert await house.balance() == Balance(4 * 2 + 6 * 1 + 4 * 10, 0)
    assert await house.spent() == Spending(1, 0, 0, 0, TokenUsage(10, 4, 6), 54)


async def test_a_call_that_may_cost_more_than_is_left_never_begins() -> None:
    house = House(limit=150)
    async with house.ledger.call(OFFER, NEED, 9) as spent:
        with pytest.raises(ResourceExhausted, match="daily budget of user 'ann'") as refused:
            async with house.ledger.call(OFFER, NEED, 9):
                raise AssertionError("the call began")
        spent.tokens = TokenUsage(1, 1)
    assert refused.value.reason == "BUDGET_EXHAUSTED"
    assert refused.value.retry_after == timedelta(hours=1).total_seconds()
    assert refused.value.metadata["left_nanos"] == "40"
    assert (await house.spent()).calls == 1


@pytest.mark.parametrize(("limit", "most"), [(60 + 10, 1), (60 + 79, 7), (60 + 500, 50)])
async def test_a_call_without_a_limit_gets_what_is_left_as_its_limit(limit: int, most: int) -> None:
    house = House(limit=limit)
    async with house.ledger.call(OFFER, Need(30, 8, None), 9) as spent:
        assert spent.max_output_tokens == most
        spent.tokens = TokenUsage(30, most)
    assert (await house.balance()).spent_nanos <= limit


async def test_without_a_budget_nothing_is_limited() -> None:
    house = House()
    async with house.ledger.call(OFFER, Need(30, 8, None), 9) as spent:
        assert spent.max_output_tokens is None
    async with house.ledger.call(Offer("one", "m"), NEED, 9) as spent:
        assert spent.max_output_tokens == 5


async def test_a_model_without_a_price_is_refused_where_a_budget_holds() -> None:
    with pytest.raises(FailedPrecondition, match="price of 'm'"):
        async with House(limit=9).ledger.call(Offer("one", "m"), NEED, 9):
            raise AssertionError("the call began")


async def test_a_free_model_needs_no_money() -> None:
    free = Offer("local", "m", Price(input_nanos_per_token=0, cached_input_nanos_per_token=0, output_nanos_per_token=0))
    async with House(limit=0).ledger.call(free, Need(30, 8, None), 9) as spent:
        assert spent.max_output_tokens is None


async def test_a_stream_that_was_left_is_billed_by_what_came() -> None:
    house = House(limit=1000)

    async def left() -> None:
        async with house.ledger.call(OFFER, NEED, 9) as spent:
            spent.deltas = 3
            await asyncio.Event().wait()

    task = asyncio.create_task(left())
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert await house.spent() == Spending(1, 0, 1, 1, TokenUsage(8, 3), 8 * 2 + 3 * 10)
    assert await house.balance() == Balance(46, 0)


@pytest.mark.parametrize(
    ("error", "deltas", "tokens"),
    [
        (Unavailable("refused"), 0, TokenUsage()),
        (Unavailable("cut"), 2, TokenUsage(8, 2)),
        (DeadlineExceeded("late"), 0, TokenUsage(8, 0)),
    ],
)
async def test_what_failed_is_billed_where_the_provider_was_at_work(
    error: Exception, deltas: int, tokens: TokenUsage
) -> None:
    house = House(limit=1000)
    with suppress(type(error)):
        async with house.ledger.call(OFFER, NEED, 9) as spent:
            spent.deltas = deltas
            raise error
    assert await house.spent() == Spending(
        1, 1, 0, int(tokens.total_tokens > 0), tokens, PRICE.cost_nanos(tokens.prompt_tokens, tokens.completion_tokens)
    )


class Failing(MemorySpendingStore):
    """Cannot be reached a few times, and once took a batch without saying so."""

    failures = 2
    unsaid = True

    async def write(self, batch_id: str, spending: Mapping[Line, Spending], charges: Sequence[Charge]) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("away")
        await super().write(batch_id, spending, charges)
        if self.unsaid:
            self.unsaid = False
            raise Unavailable("cut off")


async def test_ends_are_written_once_when_the_store_is_back() -> None:
    house = House(store=Failing())
    for _ in range(3):
        async with house.ledger.call(OFFER, NEED, 9) as spent:
            spent.tokens = TokenUsage(1, 1)
        with pytest.raises(Unavailable):
            await house.spent()
    assert (await house.spent()).calls == 3


async def test_what_could_not_be_written_is_tried_again_without_another_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.llm.domain.ledger._GATHER_SECONDS", 0.001)
    monkeypatch.setattr("services.llm.domain.ledger._RETRY_SECONDS", 0.001)
    house = House(store=Failing())
    writer = asyncio.create_task(house.ledger.run())
    async with house.ledger.call(OFFER, NEED, 9) as spent:
        spent.tokens = TokenUsage(1, 1)
    async with asyncio.timeout(10):
        while not await house.store.spending(NOW.date(), NOW.date()):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.001)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    assert (await house.spent()).calls == 1


async def test_a_service_that_ends_writes_what_is_left() -> None:
    house = House()
    writer = asyncio.create_task(house.ledger.run())
    async with house.ledger.call(OFFER, NEED, 9) as spent:
        spent.tokens = TokenUsage(1, 1)
    await asyncio.sleep(0)
    writer.cancel()
    with suppress(asyncio.CancelledError):
        await writer
    assert await house.store.spending(date(2026, 1, 1), NOW.date()) == {
        LINE: Spending(1, tokens=TokenUsage(1, 1), cost_nanos=12)
    }


class Busy(MemorySpendingStore):
    """Takes as long to write as another call takes to end."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(store=self)
        self.writes = 0

    async def end(self) -> None:
        """Make a call of one token each way."""
        async with self.house.ledger.call(OFFER, NEED, 9) as spent:
            spent.tokens = TokenUsage(1, 1)

    async def write(self, batch_id: str, spending: Mapping[Line, Spending], charges: Sequence[Charge]) -> None:
        self.writes += 1
        await self.end()
        await super().write(batch_id, spending, charges)


async def test_ends_that_come_while_others_are_written_wait_for_the_next_time() -> None:
    store = Busy()
    house = store.house
    await store.end()
    assert [(await house.spent()).calls for _ in range(3)] == [1, 2, 3]
    assert store.writes == 3


class Slow(MemorySpendingStore):
    """Takes a while to write, and cannot be used again soon where that is cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.began_to_write = asyncio.Event()
        self.cut_off = False

    async def write(self, batch_id: str, spending: Mapping[Line, Spending], charges: Sequence[Charge]) -> None:
        self.began_to_write.set()
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.cut_off = True
            raise
        await super().write(batch_id, spending, charges)


async def test_a_service_that_ends_while_it_writes_lets_that_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.llm.domain.ledger._GATHER_SECONDS", 0.001)
    store = Slow()
    house = House(store=store)
    writer = asyncio.create_task(house.ledger.run())
    for _ in range(2):
        async with house.ledger.call(OFFER, NEED, 9) as spent:
            spent.tokens = TokenUsage(1, 1)
        await store.began_to_write.wait()
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    assert not store.cut_off
    assert (await house.store.spending(NOW.date(), NOW.date()))[LINE].calls == 2


class Counting(MemorySpendingStore):
    """Counts how often money is set aside."""

    asked = 0

    async def reserve(
        self,
        call_id: str,
        limits: Sequence[Limit],
        least_nanos: int,
        most_nanos: int,
        seconds: float,
        ahead_nanos: int = 0,
    ) -> Reserved | Exhausted:
        self.asked += 1
        await asyncio.sleep(0)
        return await super().reserve(call_id, limits, least_nanos, most_nanos, seconds, ahead_nanos)


async def test_where_much_is_left_money_is_set_aside_for_several_calls_at_once() -> None:
    store = Counting()
    house = House(limit=10**9, store=store)

    async def one() -> None:
        async with house.ledger.call(OFFER, NEED, 9) as spent:
            spent.tokens = TokenUsage(10, 4, 6)

    for _ in range(3):
        await asyncio.gather(*(one() for _ in range(30)))
    assert store.asked == 1
    assert await house.balance() == Balance(90 * 54, 65 * 110 - 90 * 54)
    assert (await house.spent()).calls == 90
    # Nobody drew since it was looked at last.
    assert await house.balance() == Balance(90 * 54, 0)


async def test_money_for_calls_to_come_refuses_no_other_call() -> None:
    house = House(limit=50 * 110 + 110)
    async with house.ledger.call(OFFER, NEED, 9) as spent:
        assert await house.balance() == Balance(0, 220)
        spent.tokens = TokenUsage(10, 4)
        async with house.ledger.call(OFFER, Need(30, 8, (50 * 110 - 60) // 10), 9):
            assert await house.balance() == Balance(0, 51 * 110)


async def test_a_call_that_lasts_longer_than_money_is_set_aside_for_gets_other_money() -> None:
    store = Counting()
    house = House(limit=10**9, store=store)
    async with (
        house.ledger.call(OFFER, NEED, 9),
        house.ledger.call(OFFER, NEED, 60),
        house.ledger.call(OFFER, NEED, 80),
    ):
        assert store.asked == 2


@pytest.mark.parametrize("limit", [5000, 50_000, 80_000])
async def test_two_hundred_calls_at_once_never_pass_a_limit(limit: int) -> None:
    house, chance, served = House(limit=limit), random.Random(3), [0]  # noqa: S311 - it plays calls and guards nothing

    async def one() -> None:
        need = Need(most_input_tokens=20, input_tokens=7, max_output_tokens=chance.choice([5, 20, None]))
        with suppress(ResourceExhausted, asyncio.TimeoutError):
            async with house.ledger.call(OFFER, need, 9) as spent, asyncio.timeout(chance.choice([0.005, 9, 9])):
                most = min(spent.max_output_tokens or 0, 30)
                for _ in range(chance.randint(0, most)):
                    await asyncio.sleep(0.0005)
                    spent.deltas += 1
                    balance = (await house.store.balances([ANN]))[0]
                    assert balance.spent_nanos + balance.reserved_nanos <= limit
                if chance.random() < 0.5:
                    spent.tokens = TokenUsage(chance.randint(1, 20), spent.deltas)
                served[0] += spent.deltas

    await asyncio.gather(*(one() for _ in range(200)))
    await house.balance()
    balance = await house.balance()
    assert 0 < balance.spent_nanos <= limit
    assert balance.reserved_nanos == 0
    assert (await house.spent()).tokens.completion_tokens >= served[0]


async def test_a_budget_that_is_lowered_and_a_day_that_ends_take_no_money_along() -> None:
    store, today, limit = MemorySpendingStore(), [NOW], [10**6]

    def budgets() -> list[Budget]:
        return [Budget(scope=Scope.USER, name="", period=Period.DAY, limit_nanos=limit[0])]

    ledger = Ledger(store, budgets, lambda: Caller("ann"), lambda: today[0])
    tomorrow = Account(Scope.USER, "ann", Period.DAY, NOW.date() + timedelta(days=1))
    async with ledger.call(OFFER, NEED, 9) as spent:
        limit[0] = 250
        async with ledger.call(OFFER, NEED, 9) as other:
            other.tokens = TokenUsage(10, 4, 6)
        with pytest.raises(ResourceExhausted):
            async with ledger.call(OFFER, NEED, 9):
                raise AssertionError("the call began")
        today[0] += timedelta(hours=2)
        limit[0] = 10**6
        async with ledger.call(OFFER, NEED, 9) as other:
            other.tokens = TokenUsage(10, 4, 6)
        spent.tokens = TokenUsage(10, 4, 6)
    for _ in range(2):
        await ledger.spending(NOW.date(), tomorrow.starts)
    assert await store.balances([ANN, tomorrow]) == [Balance(2 * 54, 0), Balance(54, 0)]
