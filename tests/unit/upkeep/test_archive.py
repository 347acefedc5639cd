"""The file of a backup: nothing in it can change unseen, and nothing half-written is taken for one."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import subprocess
import sys
import tarfile
from pathlib import Path

import msgspec
import pytest

from services.upkeep.archive import PART_BYTES, ArchiveReader, ArchiveWriter, Member
from services.upkeep.contents import ABOUT, FORMAT, MANIFEST, SUMS, About, Manifest, TableRows
from services.upkeep.errors import UpkeepError
from services.upkeep.restore import verified

_DIGEST = "0" * 64
_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_ABOUT = About(1, "0.1.0", "2026-11-28T00:00:00+00:00", [], {}, {})


class _Quiet:
    """Shows nothing."""

    def step(self, name: str, total: int | None = None) -> None:
        pass

    def advance(self, amount: int) -> None:
        pass


def _written(file: Path, about: About = _ABOUT) -> Path:
    """Write a small backup of a row, an empty file and a text."""
    writer = ArchiveWriter(file)
    writer.add(ABOUT, msgspec.json.encode(about))
    writer.add("rows/docs.documents.gz", b"1\tone\n" * 100)
    writer.add(f"objects/{_EMPTY}", b"")
    writer.add("texts/00000000-0000-0000-0000-000000000000.gz", "知识".encode("utf-32-le"))
    writer.add(MANIFEST, msgspec.json.encode(Manifest({}, 1, 0, 1, 0, [], [])))
    writer.finish()
    return file


def _verify(file: Path) -> dict[str, bytes]:
    """Verify a backup, and return the content of its members."""

    async def read() -> dict[str, bytes]:
        async with verified(file, _Quiet()) as backup:
            return await asyncio.to_thread(
                lambda: {m.name: b"".join(backup.reader.content(m)) for m in backup.reader.members()}
            )

    return asyncio.run(read())


def _refusal(file: Path) -> str:
    with pytest.raises(UpkeepError) as refused:
        _verify(file)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = _written(tmp_path / "b.tar")
    content = _verify(file)
    assert content["rows/docs.documents.gz"] == b"1\tone\n" * 100
    assert content["texts/00000000-0000-0000-0000-000000000000.gz"].decode("utf-32-le") == "知识"
    assert next(iter(content)) == ABOUT
    assert list(content)[-1] == SUMS
    assert file.stat().st_mode & 0o777 == 0o600


def test_ordinary_tools_read_and_check_it(tmp_path: Path) -> None:
    file = _written(tmp_path / "b.tar")
    with tarfile.open(file) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    done = subprocess.run(["sha256sum", "-c", "--strict", SUMS], cwd=tmp_path / "out", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_byte_can_change_unseen(tmp_path: Path) -> None:
    whole = _written(tmp_path / "b.tar").read_bytes()
    changed = tmp_path / "changed.tar"
    chance = random.Random(7)  # noqa: S311 - bits to turn
    for at in {*range(0, len(whole), 61), *range(0, 2048, 7), *range(len(whole) - 1100, len(whole), 13)}:
        data = bytearray(whole)
        data[at] ^= 1 << chance.randrange(8)
        changed.write_bytes(data)
        _refusal(changed)


def test_a_backup_that_cannot_be_written_is_refused_under_the_name_that_was_given(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "b.tar"
    with pytest.raises(UpkeepError) as refused:
        ArchiveWriter(file)
    assert str(refused.value) == f"cannot write {file}: No such file or directory"


def test_a_cut_or_longer_file_is_refused(tmp_path: Path) -> None:
    whole = _written(tmp_path / "b.tar").read_bytes()
    changed = tmp_path / "changed.tar"
    for size in range(0, len(whole), 257):
        changed.write_bytes(whole[:size])
        _refusal(changed)
    changed.write_bytes(whole + b"\0" * 512)
    _refusal(changed)
    assert "No such file" in _refusal(tmp_path / "none.tar")


def test_a_member_that_was_exchanged_with_its_line_is_still_not_its_name(tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path / "b.tar")
    writer.add(ABOUT, msgspec.json.encode(_ABOUT))
    writer.add(f"objects/{_DIGEST}", b"something else")
    writer.add(MANIFEST, msgspec.json.encode(Manifest({}, 1, 0, 0, 0, [], [])))
    writer.finish()
    assert "is not what was written" in _refusal(tmp_path / "b.tar")


def test_a_newer_backup_is_refused_in_one_line(tmp_path: Path) -> None:
    later = msgspec.structs.replace(_ABOUT, format=FORMAT + 1, tiku="9.0.0")
    assert "made by Tiku 9.0.0, which is newer" in _refusal(_written(tmp_path / "a.tar", later))
    other = ArchiveWriter(tmp_path / "c.tar")
    other.add(ABOUT, b'{"format": 9, "tiku": "9.1.0", "what": "nobody knows"}')
    other.finish()
    assert "made by Tiku 9.1.0, which is newer" in _refusal(tmp_path / "c.tar")
    unknown = msgspec.structs.replace(_ABOUT, migrations={"docs": {"0099_later.sql": _DIGEST}})
    assert "does not know the migration docs/0099_later.sql" in _refusal(_written(tmp_path / "b.tar", unknown))


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("This is not a tar. " * 100)
    assert "is not a whole backup" in _refusal(tmp_path / "text")
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(__file__, "about.json")
    _refusal(tmp_path / "other.tar")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    file.write_text("precious")
    with pytest.raises(UpkeepError, match="exists already"):
        ArchiveWriter(file)
    file.unlink()
    writer = ArchiveWriter(file)
    file.write_text("made meanwhile")
    with pytest.raises(UpkeepError, match="exists already"):
        writer.finish()
    writer.discard()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b.tar": "made meanwhile"}


@pytest.mark.parametrize("path", ["", ".", "./", "/"])
def test_a_path_without_a_name_is_no_file(path: str) -> None:
    with pytest.raises(UpkeepError, match="names no file"):
        ArchiveWriter(Path(path))


def test_what_a_killed_backup_left_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    code = (
        "import os, signal, sys; from pathlib import Path; from services.upkeep.archive import ArchiveWriter; "
        "w = ArchiveWriter(Path(sys.argv[1])); w.add('about.json', os.urandom(1 << 20)); w.begin('manifest.json'); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=False, env={**os.environ})
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar.partial"]
    _written(file)
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]
    _verify(file)


def test_two_backups_do_not_write_one_file(tmp_path: Path) -> None:
    first = ArchiveWriter(tmp_path / "b.tar")
    with pytest.raises(UpkeepError, match="another backup writes"):
        ArchiveWriter(tmp_path / "b.tar")
    first.add(ABOUT, b"{}")
    first.finish()
    assert (tmp_path / "b.tar").exists()


def test_a_discarded_backup_leaves_nothing(tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path / "b.tar")
    writer.begin(ABOUT)
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_member_can_be_taken_back(tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path / "b.tar")
    writer.add(ABOUT, b"{}")
    writer.begin(f"objects/{_DIGEST}")
    writer.write(b"begun")
    writer.drop()
    writer.add(f"objects/{_DIGEST}", b"ended")
    writer.drop()
    writer.add(MANIFEST, b"{}")
    writer.finish()
    reader = ArchiveReader(tmp_path / "b.tar")
    assert [member.name for member in reader.members()] == [ABOUT, MANIFEST, SUMS]
    reader.close()


def test_a_gzip_that_grows_without_end_is_read_in_parts(tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path / "b.tar")
    writer.begin("rows/docs.chunks.gz")
    for _ in range(64):
        writer.write(bytes(PART_BYTES))
    writer.end()
    writer.finish()
    reader = ArchiveReader(tmp_path / "b.tar")
    member = next(iter(reader.members()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sizes = [len(part) for part in reader.content(member)]
    assert sum(sizes) == 64 * PART_BYTES
    assert max(sizes) <= PART_BYTES
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024
    reader.close()


def test_a_size_of_more_than_eight_gigabytes_fits_a_header(tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    writer = ArchiveWriter(file)
    writer.begin(f"objects/{_DIGEST}")
    # A hole in the file: nothing is written to the disk.
    writer._file.seek(9 * 1024**3, os.SEEK_CUR)
    writer.end()
    writer._file.write(bytes(1024))
    writer._file.flush()
    reader = ArchiveReader(tmp_path / "b.tar.partial")
    assert list(reader.members()) == [Member(f"objects/{_DIGEST}", 512, 9 * 1024**3)]
    reader.close()
    writer.discard()


def test_a_table_names_its_member() -> None:
    assert TableRows("docs", "chunks", ["a"]).member == "rows/docs.chunks.gz"
