"""One stack for one data folder."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import pwd
from pathlib import Path

import pytest

from services.embedded.data_lock import DataFolderError, DataFolderInUseError, data_folder, data_lock


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


async def test_a_holder_that_says_nothing_of_itself_is_another_process(tmp_path: Path) -> None:
    lock = await asyncio.to_thread((tmp_path / "lock").open, "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataFolderInUseError, match="in use by another process; stop that"):
            async with data_lock(tmp_path):
                pytest.fail("held twice")
    finally:
        lock.close()


@pytest.mark.parametrize("part", ["run", "logs", "objects", "qdrant", "postgres"])
async def test_a_part_that_is_no_folder_is_named(tmp_path: Path, part: str) -> None:
    await asyncio.to_thread((tmp_path / part).write_text, "a file")
    with pytest.raises(DataFolderError, match=rf"{tmp_path / part} is not a folder: move it away"):
        async with data_lock(tmp_path):
            pytest.fail("taken")
    await asyncio.to_thread((tmp_path / part).unlink)
    async with data_lock(tmp_path):  # Nobody holds it: the one that was refused let go.
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "its file system is read-only: mount it for writing"),
        (errno.ENOSPC, "its disk is full: make room"),
        (errno.EDQUOT, "its disk is full: make room"),
        (errno.EIO, "{data} cannot be used (Input/output error): mend that"),
    ],
)
async def test_what_the_file_system_refuses_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("services.embedded.data_lock.fcntl.flock", refuse)
    with pytest.raises(DataFolderError) as caught:
        async with data_lock(tmp_path):
            pytest.fail("taken")
    why = words.replace("{data}", str(tmp_path))
    assert str(caught.value) == (
        f"the data folder {tmp_path} cannot be used: {why}, or choose another folder with --data"
    )


async def test_a_lock_is_held_where_there_is_no_room_to_say_by_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("services.embedded.data_lock.os.write", refuse)
    async with data_lock(tmp_path):
        with pytest.raises(DataFolderInUseError, match="in use by another process"):
            async with data_lock(tmp_path):
                pytest.fail("held twice")


async def test_a_folder_of_another_account_is_named_with_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("services.embedded.data_lock.fcntl.flock", refuse)
    monkeypatch.setattr("services.embedded.data_lock.os.geteuid", lambda: 54321)
    owner = pwd.getpwuid(os.getuid()).pw_name
    with pytest.raises(DataFolderError, match=rf"{tmp_path} belongs to {owner} and not to user 54321: start Tiku as"):
        async with data_lock(tmp_path):
            pytest.fail("taken")


async def _refused(data: Path) -> str:
    with pytest.raises(DataFolderError) as caught:
        async with data_lock(data):
            pytest.fail("taken")
    return str(caught.value)


async def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    link = tmp_path / "link"
    await asyncio.to_thread(link.symlink_to, tmp_path / "gone")
    for data in (link, link / "below"):
        assert f"{link} is a link to {tmp_path / 'gone'}, which leads nowhere" in await _refused(data)
    await asyncio.to_thread(link.unlink)
    await asyncio.to_thread(link.symlink_to, tmp_path)
    async with data_lock(link / "new"):
        pass


async def test_links_in_a_circle_are_named(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "a").symlink_to, "b")
    await asyncio.to_thread((tmp_path / "b").symlink_to, "a")

    assert f"{tmp_path / 'a'} is a link to b, which leads nowhere" in await _refused(tmp_path / "a")
    assert f"{tmp_path / 'b'} is a link to a, which leads nowhere" in await _refused(tmp_path / "b" / "below")


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOENT])
async def test_a_folder_that_its_owner_may_not_write_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error), str(self))

    monkeypatch.setattr("services.embedded.data_lock.Path.mkdir", refuse)
    expected = f": it cannot be made in {tmp_path} ({os.strerror(error)}): mend that, or choose"
    assert expected in await _refused(tmp_path / "a" / "b")


async def test_a_file_in_the_folder_that_may_not_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr("services.embedded.data_lock.Path.open", refuse)
    assert f": {tmp_path / 'lock'} cannot be used (Permission denied): mend that, or" in await _refused(tmp_path)


@pytest.mark.parametrize("name", ["raft_state.json", "meta.json", "PG_VERSION"])
async def test_a_folder_of_another_program_is_left_alone(tmp_path: Path, name: str) -> None:
    await asyncio.to_thread((tmp_path / name).write_text, "{}")
    assert f"as {name} in it shows: choose another" in await _refused(tmp_path)
    assert await asyncio.to_thread(os.listdir, tmp_path) == [name]


def test_a_folder_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of/me")
    assert [data_folder(text) for text in ("a", "./", "~/a")] == [Path("a"), Path(), Path("/home/of/me/a")]
    for text in ("", "  ", "~nobody-has-this-name/a"):
        with pytest.raises(DataFolderError, match=f"--data '{text}' names no folder"):
            data_folder(text)
