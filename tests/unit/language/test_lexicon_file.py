"""The lexicon's file: made once, read afterwards, and made again where it is damaged or of other code."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.language import lexicon_file
from services.language.lexicon_file import Tables, kept

TABLES: Tables = ({"光": "light\nray", "冰川": "glacier"}, {"light": "光", "bowl super": "超级杯"})


class Maker:
    """Makes the tables, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Tables:
        self.times += 1
        return TABLES


def test_what_was_made_is_read_afterwards(tmp_path: Path) -> None:
    make = Maker()
    assert [kept(make, tmp_path / "new" / "folder") for _ in range(3)] == [TABLES] * 3
    assert make.times == 1


@pytest.mark.parametrize("keep", [0, 1, 20, -1, -4, -5])
def test_a_damaged_file_is_made_again(tmp_path: Path, keep: int) -> None:
    make = Maker()
    kept(make, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:keep])
    assert kept(make, tmp_path) == TABLES
    assert make.times == 2
    assert file.read_bytes() == whole


def test_no_text_is_a_file_of_tables(tmp_path: Path) -> None:
    make = Maker()
    kept(make, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"\xff\xfe\x00")
    assert kept(make, tmp_path) == TABLES


def test_other_code_makes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Maker()
    kept(make, tmp_path)
    monkeypatch.setattr(lexicon_file, "_made_by", lambda: "other")
    assert kept(make, tmp_path) == TABLES
    assert make.times == 2
    # What nobody reads any more is gone.
    assert [file.name for file in tmp_path.iterdir()] == ["other.tsv"]


def test_a_folder_that_takes_no_file_is_no_error(tmp_path: Path) -> None:
    make = Maker()
    (tmp_path / "file").write_text("here")
    assert [kept(make, tmp_path / "file") for _ in range(2)] == [TABLES] * 2
    assert make.times == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_user_without_a_home_has_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", no_home)
    assert kept(Maker()) == TABLES
