"""Group commit: what comes during a write goes with the next, and one bad item is nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.exercises.adapters.stores.postgres import group_commit
from services.exercises.adapters.stores.postgres.group_commit import GroupCommit
from services.kit.errors import Unavailable
from tests.waiting import at_once


class Disk:
    """Squares numbers, in groups, while it is open; a negative one spoils its group."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = asyncio.Event()
        self.error: Exception = ValueError("negative")
        self.write = GroupCommit(self._write)

    async def _write(self, items: Sequence[int]) -> list[int]:
        await self.open.wait()
        if min(items) < 0:
            raise self.error
        self.groups.append(list(items))
        return [item * item for item in items]

    def ask(self, *items: int) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self._ask(item)) for item in items]

    async def _ask(self, item: int) -> int:
        return await self.write(item)


@pytest.fixture
async def disk() -> Disk:
    return Disk()


async def test_what_comes_during_a_write_goes_together_in_the_next(disk: Disk) -> None:
    first = disk.ask(1)
    await asyncio.sleep(0.001)
    rest = disk.ask(2, 3, 4)
    await asyncio.sleep(0.001)
    disk.open.set()
    assert await asyncio.gather(*first, *rest) == [1, 4, 9, 16]
    assert disk.groups == [[1], [2, 3, 4]]


async def test_a_lone_call_does_not_wait(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "_PAUSE_SECONDS", 0.3)
    disk.open.set()
    await disk.write(1)
    await asyncio.sleep(0.3)
    async with at_once():
        await disk.write(2)


async def test_an_item_that_cannot_be_written_fails_alone(disk: Disk) -> None:
    disk.open.set()
    results = await asyncio.gather(*disk.ask(1, -2, 3), return_exceptions=True)
    assert results[0::2] == [1, 9]
    assert isinstance(results[1], ValueError)
    assert disk.groups == [[1], [3]]


async def test_a_store_that_is_away_is_away_for_all_and_asked_once(disk: Disk) -> None:
    disk.open.set()
    disk.error = Unavailable("away")
    results = await asyncio.gather(*disk.ask(1, -2, 3), return_exceptions=True)
    assert results == [disk.error] * 3
    assert disk.groups == []
    assert await disk.write(2) == 4


async def test_a_caller_that_leaves_spoils_nothing_and_is_written_all_the_same(disk: Disk) -> None:
    tasks = disk.ask(1, 2, 3)
    await asyncio.sleep(0.001)
    tasks[1].cancel()
    await asyncio.sleep(0)
    disk.open.set()
    assert list(await asyncio.gather(tasks[0], tasks[2])) == [1, 9]
    assert disk.groups == [[1, 2, 3]]
