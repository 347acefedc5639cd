"""Every failpoint of the code is in the document, and every one of the document in the code."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.cases import CASES
from tests.unit.house.tree import Tree

_ROOT = Path(__file__).parents[3]


def test_the_document_lists_the_failpoints_of_the_code(tree: Tree) -> None:
    text = (_ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+\.\w+\.\w+)` \|", text, re.MULTILINE)
    assert sorted(listed) == sorted(tree.failpoints)
    assert len(set(listed)) == len(listed)


def test_each_failpoint_has_a_case(tree: Tree) -> None:
    assert {point for case in CASES for point in (case.point, case.at) if point} == set(tree.failpoints)
