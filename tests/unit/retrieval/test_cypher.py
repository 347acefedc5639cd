"""The Cypher that a caller may run, and at least sixty ways to do harm with it that are refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.errors import InvalidArgument
from services.retrieval.domain.graph.cypher import rewrite
from tests.unit.retrieval.cypher_statements import (
    CALLS,
    DISGUISES,
    MALFORMED,
    OWNERS,
    READS,
    UNBOUNDED,
    WRITES,
)


@pytest.mark.parametrize("text", [*WRITES, *CALLS, *DISGUISES, *OWNERS, *UNBOUNDED, *MALFORMED])
def test_what_is_not_read_is_refused_and_the_message_says_why(text: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        rewrite(text, {"x": ["a"]})
    assert raised.value.reason == "CYPHER_REFUSED"
    assert raised.value.violations[0].field == "cypher"


@pytest.mark.parametrize("text", READS)
def test_what_reads_is_written_anew_with_the_owner_at_every_node(text: str) -> None:
    statement = rewrite(text, {"one": "水", "other": "氧气"})
    assert_safe(statement.text)


def assert_safe(text: str) -> None:
    """Check a statement by means of its own: no literal of the caller's, no name of the caller's, an owner a node."""
    assert not re.search(r"[^\x20-\x7e]|['\"`\\;]|//|/\*", text)
    words = set(re.findall(r"(?<![.\w$])[A-Za-z_]\w*", text))
    assert not words & {"CREATE", "MERGE", "SET", "DELETE", "DETACH", "REMOVE", "CALL", "LOAD", "FOREACH", "USE"}
    nodes = re.findall(r"\((?:v\d+)?(?::[A-Z][A-Za-z:|]*)? \{[^{}]*\}\)", text)
    assert all("owner_id: $owner}" in node for node in nodes)
    # Whatever stands beside an edge is such a node.
    for before, after in re.findall(r"(.)<?-\[[^\]]*\]->?(.)", text):
        assert (before, after) == (")", "(")
    for clause in re.findall(r"MATCH (?:v\d+ = )?(?:\w+\()?(\([^)]*\))", text):
        assert clause in nodes


def test_strings_become_parameters_and_names_are_given_back() -> None:
    statement = rewrite("MATCH (节点 {key: '\\u0027; DROP'}) RETURN 节点.key, 5.0, $n AS n", {"n": 3.0, "more": 1})
    assert statement.text == "MATCH (v0 {key: $p0, owner_id: $owner}) RETURN v0.key AS c0, $p1 AS c1, $p2 AS v1"
    assert statement.parameters == {"p0": "'; DROP", "p1": 5.0, "p2": 3}
    assert [statement.names[name] for name in ("v0", "c0", "c1", "v1")] == ["节点", "节点.key", "5.0", "n"]


@pytest.mark.parametrize(
    "parameters", [{f"p{i}": 1 for i in range(65)}, {"x": "y" * 70_000}, {"x": [[{}] * 40_000] * 2}]
)
def test_parameters_are_bounded(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="parameters"):
        rewrite("RETURN 1", parameters)


_PIECES = sorted(
    {piece for text in (*READS, *WRITES, *DISGUISES, *UNBOUNDED[:30]) for piece in re.findall(r"\w+|\W", text)}
)


@given(st.lists(st.sampled_from(_PIECES), max_size=40))
@settings(max_examples=150, deadline=None)
def test_whatever_is_not_refused_is_safe(pieces: list[str]) -> None:
    try:
        statement = rewrite("MATCH (e:Entity) " + " ".join(pieces), {"one": 1})
    except InvalidArgument:
        return
    assert_safe(statement.text)


@given(st.sampled_from(READS), st.data())
@settings(max_examples=150, deadline=None)
def test_a_read_that_is_broken_is_refused_or_safe(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    piece = data.draw(st.sampled_from(_PIECES))
    cut = data.draw(st.integers(0, 3))
    try:
        statement = rewrite(text[:at] + piece + text[at + cut :], {"one": 1, "other": 2})
    except InvalidArgument:
        return
    assert_safe(statement.text)
