"""One stack for one data folder."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from services.embedded.data_lock import DataFolderInUseError, data_lock


async def test_a_second_holder_learns_who_the_first_is(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    async with data_lock(data):
        with pytest.raises(DataFolderInUseError, match=rf"in use by process {os.getpid()} \(.*since \d{{4}}-.*--data"):
            async with data_lock(data):
                pytest.fail("held twice")


async def test_it_can_be_held_again_once_released(tmp_path: Path) -> None:
    for _ in range(2):
        async with data_lock(tmp_path):
            pass


async def test_what_a_dead_holder_left_is_no_obstacle(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    await asyncio.to_thread(lock.write_text, '{"pid": 1, "command": "tiku up", "since": "then"}' * 3)
    async with data_lock(tmp_path):
        assert f'"pid": {os.getpid()}' in await asyncio.to_thread(lock.read_text)


async def test_two_folders_are_held_side_by_side(tmp_path: Path) -> None:
    async with data_lock(tmp_path / "a"), data_lock(tmp_path / "b"):
        pass
