"""The room on a volume: a reserve stays, and what is taken counts before the file system knows of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.kit.disk_room import DiskRoom


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    blocks = [1_000]

    class Volume:
        f_frsize = 10

        @property
        def f_bavail(self) -> int:
            return blocks[0]

    monkeypatch.setattr(os, "statvfs", lambda _path: Volume())
    return blocks


def test_the_reserve_is_left_alone(free: list[int], tmp_path: Path) -> None:
    room = DiskRoom(tmp_path, 4_000)
    assert room.available() == 6_000
    assert room.check(6_000)
    assert not room.check(1)
    assert free


def test_what_is_taken_counts_until_the_volume_is_asked_again(
    free: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("services.kit.disk_room.time.monotonic", lambda: now[0])
    room = DiskRoom(tmp_path, 0)
    assert room.check(9_000)
    assert room.available() == 1_000
    free[0] = 2_000
    now[0] += 1.0
    assert room.available() == 20_000
