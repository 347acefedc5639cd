"""The page's libraries are what their packages hold, and stand in the list with their licenses."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).parents[3] / "gateway" / "static" / "vendor"
ROW = re.compile(r"^\| (\S+) \| ([\d.]+) \| \S+ \| `(\S+)` \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_each_file_has_the_hash_that_is_written_down() -> None:
    listed = {file: digest for _, _, file, digest in ROW.findall((VENDOR / "README.md").read_text())}
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.glob("*/**/*")
        if path.is_file()
    }
    assert found == listed
    assert {Path(file).parent.as_posix() for file in found} == {
        Path(file).parent.as_posix() for file in found if file.endswith("/LICENSE")
    }
