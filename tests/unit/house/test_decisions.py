"""Every decision says its status, its date and what was weighed, and the index says the same."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs" / "adr"
FILES = sorted(FOLDER.glob("[0-9]*.md"))
HEAD = re.compile(
    r"# (?P<number>\d+)\. (?P<title>.+)\n\n- Status: (?P<status>.+)\n- Date: (?P<date>.+)\n\n## Context\n"
)
STATUS = re.compile(r"accepted(; .+ superseded by (\d{4}))?|superseded by (\d{4})")


def _head(text: str) -> re.Match[str]:
    head = HEAD.match(text)
    assert head is not None, "a decision begins with title, status and date: see its neighbors"
    return head


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_decision_has_its_head_and_its_sections(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    head = _head(text)
    assert int(head["number"]) == int(path.name[:4])
    assert date.fromisoformat(head["date"]) >= date(2026, 11, 22)
    status = STATUS.fullmatch(head["status"])
    assert status, head["status"]
    for later in filter(None, (status[2], status[3])):
        assert list(FOLDER.glob(f"{later}-*.md")), f"there is no decision {later}"
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert sections == ["Context", "Options", "Decision", "Consequences"]
    bodies = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert all(body.strip() for body in bodies)


def test_numbers_have_no_gap() -> None:
    assert [int(path.name[:4]) for path in FILES] == list(range(1, len(FILES) + 1))


def test_the_index_says_what_the_decisions_say() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d{4})\]\((.+?)\) \| (.+) \| (.+) \| (.+) \|$", index, re.MULTILINE)
    heads = [(path.name, _head(path.read_text(encoding="utf-8"))) for path in FILES]
    assert rows == [(name[:4], name, head["title"], head["status"], head["date"]) for name, head in heads]
