"""The number of the embedded Qdrant's layout."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from services.embedded.qdrant_server import layout
from services.embedded.qdrant_server.aliases import Aliases
from services.embedded.qdrant_server.layout import LayoutError, check_layout


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose layout is number 2."""
    monkeypatch.setattr(layout, "LAYOUT", 2)


def test_a_new_folder_and_an_old_one_get_the_number(tmp_path: Path) -> None:
    (tmp_path / "collections").mkdir()
    check_layout(tmp_path)
    assert (tmp_path / "layout").read_text() == "1\n"
    check_layout(tmp_path)


@pytest.mark.usefixtures("newer")
def test_a_folder_of_an_older_layout_gets_the_newer_number(tmp_path: Path) -> None:
    (tmp_path / "layout").write_text("1\n")
    check_layout(tmp_path)
    assert (tmp_path / "layout").read_text() == "2\n"


@pytest.mark.parametrize("text", ["", "one", "\x00", "-1", "1.5"])
def test_what_is_no_number_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "layout").write_text(text)
    with pytest.raises(LayoutError, match="does not hold the number of a layout"):
        check_layout(tmp_path)


def test_a_newer_layout_is_refused_in_a_line_and_kept(tmp_path: Path) -> None:
    (tmp_path / "layout").write_text("2\n")
    with pytest.raises(
        LayoutError, match=r"comes from a newer version of Tiku: its layout is 2, and this one reads 1;"
    ):
        check_layout(tmp_path)
    assert (tmp_path / "layout").read_text() == "2\n"


@pytest.mark.parametrize("content", ["", "[]", "x", "\xff"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "aliases.json"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(LayoutError, match=f"{file} is damaged"):
        Aliases(file).load()
    file.write_text('{"other": "notes"}')
    aliases = Aliases(file)
    aliases.load()
    assert aliases.resolve("other") == "notes"


def test_a_full_disk_is_no_reason_not_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: Path, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(layout, "write_atomically", full)
    check_layout(tmp_path)
    assert not (tmp_path / "layout").exists()
