"""Room for a working copy on another volume than the data's."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.embedded.qdrant_server import spare_room
from services.embedded.qdrant_server.spare_room import give_spare_room_back, take_spare_room
from services.kit.memory import available_memory


@pytest.fixture
def volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two other volumes; the second alone has room for more than 100 bytes."""
    found = [tmp_path / "small", tmp_path / "large"]
    for volume in found:
        volume.mkdir()
    rooms = {found[0]: 100, found[1]: 1_000}
    monkeypatch.setattr(spare_room, "_volumes", lambda _owner: iter(found))
    monkeypatch.setattr(spare_room, "_room", lambda volume: rooms[volume] + spare_room._MARGIN_BYTES)
    return found


def test_the_first_volume_with_room_is_taken(volumes: list[Path], tmp_path: Path) -> None:
    taken = [take_spare_room(tmp_path / "notes", needed) for needed in (100, 101)]
    assert [made.parent for made in taken if made is not None] == volumes
    assert take_spare_room(tmp_path / "notes", 1_001) is None


def test_what_a_collection_left_is_removed_and_nothing_else(volumes: list[Path], tmp_path: Path) -> None:
    old, new, others = (take_spare_room(tmp_path / name, 1) for name in ("notes", "notes", "other"))
    assert old is not None
    assert new is not None
    assert others is not None
    (old / "work-").mkdir()
    (volumes[0] / "tiku-qdrant-").mkdir()
    give_spare_room_back(tmp_path / "notes", keep=new / "work-")
    assert [made.exists() for made in (old, new, others, volumes[0] / "tiku-qdrant-")] == [False, True, True, True]
    give_spare_room_back(tmp_path / "notes")
    assert not new.exists()


def test_what_another_account_made_is_left_alone(
    volumes: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = take_spare_room(tmp_path, 1)
    assert made is not None
    monkeypatch.setattr("services.embedded.qdrant_server.spare_room.os.geteuid", lambda: 54321)
    give_spare_room_back(tmp_path)
    assert made.exists()
    assert volumes


def test_only_other_volumes_are_asked_and_memory_by_what_is_free(tmp_path: Path) -> None:
    here = tmp_path.stat().st_dev
    assert all(volume.stat().st_dev != here for volume in spare_room._volumes(tmp_path))
    memory = spare_room._MEMORY
    if memory.is_dir():
        assert 0 <= spare_room._room(memory) <= available_memory()
