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
