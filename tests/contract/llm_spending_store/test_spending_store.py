"""What every store of spending owes the domain."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from datetime import date

import pytest

from services.common.values import TokenUsage
from services.llm.adapters.stores.memory import MemorySpendingStore
from services.llm.adapters.stores.postgres.spending import PostgresSpendingStore
from services.llm.ports import SpendingStore
from services.llm.values.spending import (
    Account,
    Balance,
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
from tests.engines import on_engine

DAY = date(2026, 11, 29)
ANN = Account(Scope.USER, "ann", Period.DAY, DAY)
BOB = Account(Scope.USER, "bob", Period.DAY, DAY)
ALL = Account(Scope.ALL, "", Period.MONTH, date(2026, 11, 1))


@pytest.fixture(params=["memory", on_engine("postgres")])
def dsn(request: pytest.FixtureRequest) -> str:
    """An empty database of its own; empty for the memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("llm_database"))


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[SpendingStore]:
    """An empty store."""
    if not dsn:
        yield MemorySpendingStore()
        return
    async with PostgresSpendingStore.open(dsn) as opened:
        yield opened


def call() -> str:
    return str(uuid.uuid4())


async def test_money_is_set_aside_in_all_accounts_and_the_rest_given_back(store: SpendingStore) -> None:
    limits = [Limit(ANN, 100), Limit(ALL, 1000)]
    asked = call()
    assert await store.reserve(asked, limits, 60, 60, 9) == Reserved(60)
    assert await store.balances([ALL, BOB, ANN]) == [Balance(0, 60), Balance(), Balance(0, 60)]
    await store.write(call(), {}, [Charge(asked, [ANN, ALL], 25)])
    assert await store.balances([ANN, ALL]) == [Balance(25, 0), Balance(25, 0)]


async def test_what_one_account_refuses_is_set_aside_in_none(store: SpendingStore) -> None:
    await store.reserve(call(), [Limit(ANN, 100)], 80, 80, 9)
    limits = [Limit(ALL, 1000), Limit(ANN, 100)]
    assert await store.reserve(call(), limits, 21, 21, 9) == Exhausted(Limit(ANN, 100), 20)
    assert await store.balances([ALL, ANN]) == [Balance(), Balance(0, 80)]
    assert await store.reserve(call(), limits, 20, 20, 9) == Reserved(20)


async def test_a_call_without_an_end_gets_what_is_left(store: SpendingStore) -> None:
    limits = [Limit(ANN, 100), Limit(ALL, 70)]
    assert await store.reserve(call(), limits, 10, 500, 9) == Reserved(70)
    assert await store.reserve(call(), limits, 10, 500, 9) == Exhausted(Limit(ALL, 70), 0)
    assert await store.reserve(call(), [Limit(ANN, 100)], 30, 500, 9) == Reserved(30)


async def test_money_for_calls_to_come_is_a_small_part_of_what_is_left(store: SpendingStore) -> None:
    limits = [Limit(ANN, 5000), Limit(ALL, 9000)]
    assert await store.reserve(call(), limits, 40, 40, 9, 4000) == Reserved(40 + (5000 - 40) // 50)
    assert await store.reserve(call(), [Limit(BOB, 5000)], 40, 40, 9, 45) == Reserved(85)
    # It would not be enough for another such call.
    assert await store.reserve(call(), [Limit(BOB, 5000)], 4000, 4000, 9, 4000) == Reserved(4000)


async def test_money_for_calls_to_come_of_many_is_a_small_part_together(store: SpendingStore) -> None:
    for number in range(20):
        user = Account(Scope.USER, f"user {number}", Period.DAY, DAY)
        await store.reserve(call(), [Limit(user, 100_000), Limit(ALL, 100_000)], 10, 10, 9, 640)
    assert await store.balances([ALL]) == [Balance(0, 3 * 650 + 20 + 16 * 10)]


async def test_a_charge_may_keep_a_part_of_what_was_set_aside(store: SpendingStore) -> None:
    asked, gone = call(), call()
    await store.reserve(asked, [Limit(ANN, 100)], 60, 60, 9)
    await store.reserve(gone, [Limit(ANN, 100)], 40, 40, 0.0)
    await asyncio.sleep(0.01)
    await store.reserve(call(), [Limit(ANN, 100)], 40, 40, 9)
    await store.write(call(), {}, [Charge(asked, [ANN], 25, 30), Charge(gone, [ANN], 1, 30)])
    assert await store.balances([ANN]) == [Balance(26, 70)]
    await store.write(call(), {}, [Charge(asked, [ANN], 5)])
    assert await store.balances([ANN]) == [Balance(31, 40)]


async def test_a_limit_that_was_lowered_refuses(store: SpendingStore) -> None:
    asked = call()
    await store.reserve(asked, [Limit(ANN, 100)], 90, 90, 9)
    await store.write(call(), {}, [Charge(asked, [ANN], 90)])
    assert await store.reserve(call(), [Limit(ANN, 50)], 1, 1, 9) == Exhausted(Limit(ANN, 50), -40)


async def test_money_of_a_dead_process_is_free_again_and_its_late_charge_counts(store: SpendingStore) -> None:
    dead = call()
    assert await store.reserve(dead, [Limit(ANN, 100)], 100, 100, 0.0) == Reserved(100)
    await asyncio.sleep(0.01)
    assert await store.reserve(call(), [Limit(ANN, 100)], 90, 90, 9) == Reserved(90)
    await store.write(call(), {}, [Charge(dead, [ANN], 5)])
    assert await store.balances([ANN]) == [Balance(5, 90)]


async def test_a_batch_counts_once(store: SpendingStore) -> None:
    line = Line(DAY, Caller("ann", "team", "school"), "one", "m")
    spent = Spending(2, 1, 0, 1, TokenUsage(10, 5, 3), 40)
    asked, batch = call(), call()
    await store.reserve(asked, [Limit(ANN, 100)], 50, 50, 9)
    for _ in range(2):
        await store.write(batch, {line: spent}, [Charge(asked, [ANN], 40)])
    assert await store.spending(DAY, DAY) == {line: spent}
    assert await store.balances([ANN]) == [Balance(40, 0)]
    await store.write(call(), {line: spent}, [])
    assert await store.spending(DAY, DAY) == {line: spent + spent}


async def test_spending_is_told_by_days(store: SpendingStore) -> None:
    lines = [Line(date(2026, 11, day), Caller("ann"), "one", "m") for day in (27, 28, 29)]
    await store.write(call(), dict.fromkeys(lines, Spending(1)), [])
    assert set(await store.spending(date(2026, 11, 28), DAY)) == set(lines[1:])


async def test_many_at_once_never_pass_a_limit(store: SpendingStore) -> None:
    chance = random.Random(7)  # noqa: S311 - it plays calls and guards nothing
    limits = [[Limit(ANN, 1000), Limit(ALL, 1500)], [Limit(ALL, 1500), Limit(BOB, 1000)]]
    accounts = [ANN, BOB, ALL]

    async def one(limits: list[Limit], most: int, cost: int, wait: float) -> int:
        asked = call()
        if isinstance(await store.reserve(asked, limits, most, most, 9), Exhausted):
            return 0
        await asyncio.sleep(wait)
        assert all(b.spent_nanos + b.reserved_nanos <= 1500 for b in await store.balances(accounts))
        await store.write(call(), {}, [Charge(asked, [limit.account for limit in limits], cost)])
        return cost

    calls = [(chance.choice(limits), chance.randint(10, 60)) for _ in range(100)]
    spent = await asyncio.gather(*(one(of, most, chance.randint(0, most), chance.random() / 50) for of, most in calls))
    ann, bob, together = await store.balances(accounts)
    assert sum(spent) == together.spent_nanos == ann.spent_nanos + bob.spent_nanos
    assert together.spent_nanos <= 1500
    assert together.reserved_nanos == ann.reserved_nanos == bob.reserved_nanos == 0
    assert sum(cost > 0 for cost in spent) > 30
