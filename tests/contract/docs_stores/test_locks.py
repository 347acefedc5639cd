"""What all locks promise."""

from __future__ import annotations

import asyncio

from tests.contract.docs_stores.conftest import Stores


async def test_a_lock_lets_one_in_at_a_time(stores: Stores) -> None:
    inside = most = 0

    async def enter(name: str) -> None:
        nonlocal inside, most
        async with stores.locks.lock(name) as held:
            assert held
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(enter("one") for _ in range(10)))
    assert most == 1
    await asyncio.gather(enter("one"), enter("another"))
    assert most == 2


async def test_a_lock_that_does_not_wait_says_whether_it_is_held(stores: Stores) -> None:
    async with stores.locks.lock("one") as held, stores.locks.lock("one", wait=False) as second:
        assert (held, second) == (True, False)
    async with stores.locks.lock("one", wait=False) as free:
        assert free
    async with stores.locks.lock(f"instance:{stores.locks.instance}", wait=False) as own:
        assert not own, "a living process holds the lock of its own name"


async def test_many_share_what_one_must_not_hold(stores: Stores) -> None:
    async with (
        stores.locks.lock("one", unless="removals") as one,
        stores.locks.lock("two", unless="removals") as two,
        stores.locks.lock("removals", wait=False) as alone,
    ):
        assert (one, two, alone) == (True, True, False)
    async with stores.locks.lock("removals") as held, stores.locks.lock("one", unless="removals") as one:
        assert (held, one) == (True, False)
    async with stores.locks.lock("one", unless="removals") as again:
        assert again


async def test_whoever_wants_it_alone_waits_for_all_who_share_it(stores: Stores) -> None:
    async with stores.locks.lock("one", unless="removals"):
        waiting = asyncio.create_task(_hold(stores, "removals"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    await waiting


async def _hold(stores: Stores, name: str) -> None:
    async with stores.locks.lock(name) as held:
        assert held
