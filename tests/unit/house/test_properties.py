"""What the tests tell Hypothesis beforehand is what it would find out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis.internal import charmap

from tests import properties


def test_the_characters_of_utf8_are_those_that_can_be_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "unicode" / "utf-8.json.gz"
    monkeypatch.setattr(charmap, "charmap_file", lambda _name: file)
    properties.know_utf8()
    find_out = charmap.intervals_from_codec.__wrapped__
    told = find_out("utf-8")
    file.unlink()
    assert told == find_out("utf-8")
