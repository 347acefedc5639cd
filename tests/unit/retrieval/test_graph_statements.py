from __future__ import annotations

import re

import pytest

from services.retrieval.adapters.graphs import statements

TEXTS = {
    name: text for name, text in vars(statements).items() if isinstance(text, str) and re.search(r"\bMATCH\b", text)
}
_HANDED_ON = re.compile(r"\bWITH (?:DISTINCT )?(?P<names>[^\n]+)\n\s*MATCH \((?P<first>\w+)")


@pytest.mark.parametrize("name", TEXTS)
def test_what_follows_a_with_begins_at_what_is_known_by_then(name: str) -> None:
    """Otherwise ArcadeDB goes through all nodes of the label that stands first, at 85,000 entities for a second."""
    for found in _HANDED_ON.finditer(TEXTS[name]):
        assert found["first"] in re.findall(r"\w+", found["names"])


def test_there_are_statements_that_go_on_after_a_with() -> None:
    going_on = {name for name, text in TEXTS.items() if _HANDED_ON.search(text)}
    assert {"RELATIONS", "ALIASES", "NEIGHBORS", "MEETINGS"} <= going_on
