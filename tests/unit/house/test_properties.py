"""What the tests tell Hypothesis beforehand is what it would find out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis.internal import charmap

from tests import properties


def test_the_characters_of_utf8_are_those_that_can_be_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "unicode" / "utf-8.json.gz"
    monkeypatch.setattr(charmap, "charmap_file", lambda _name: file)
    properties.know_utf8()
    encodable, changed = charmap.intervals_from_codec.__wrapped__("utf-8")
    assert changed.intervals == ()
    said: set[int] = set()
    for first, last in encodable.intervals:
        characters = "".join(map(chr, range(first, last + 1)))
        assert characters.encode().decode() == characters
        said.update(range(first, last + 1))
    for code in set(range(sys.maxunicode + 1)) - said:
        with pytest.raises(UnicodeEncodeError):
            chr(code).encode()
