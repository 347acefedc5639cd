"""Every failpoint of the code is in the document, and every one of the document in the code."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.cases import CASES
from tests.unit.house.tree import Tree

_ROOT = Path(__file__).parents[3]
_IN_CODE = Tree(_ROOT).failpoints


def test_the_document_lists_the_failpoints_of_the_code() -> None:
    text = (_ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+\.\w+\.\w+)` \|", text, re.MULTILINE)
    assert sorted(listed) == sorted(_IN_CODE)
    assert len(set(listed)) == len(listed)


def test_each_failpoint_has_a_case() -> None:
    assert {point for case in CASES for point in (case.point, case.at) if point} == set(_IN_CODE)
