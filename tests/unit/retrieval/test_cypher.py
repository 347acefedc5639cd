"""The Cypher that a caller may run, and at least sixty ways to do harm with it that are refused."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import InvalidArgument
from services.retrieval.domain.graph.cypher import rewrite
from tests.properties import examples
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
        rewrite(text, {"x": ["a"], "many": ["b"] * 2000, "yes": True})
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
    text = "MATCH (节点 {key: '\\u0027; DROP\\ud83d\\ude42'}) RETURN 节点.key, 5.0, $n AS n"
    statement = rewrite(text, {"n": 3.0, "more": 1})
    assert statement.text == "MATCH (v0 {key: $p0, owner_id: $owner}) RETURN v0.key AS c0, $p1 AS c1, $p2 AS v1"
    assert statement.parameters == {"p0": "'; DROP🙂", "p1": 5.0, "p2": 3}
    assert [statement.names[name] for name in ("v0", "c0", "c1", "v1")] == ["节点", "节点.key", "5.0", "n"]
    assert statement.columns == ("节点.key", "5.0", "n")
    assert rewrite("MATCH (a)--(b) WITH a, b AS c RETURN *, 1 UNION RETURN 2", {}).columns == ("a", "c", "1")


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
@examples(2)
def test_whatever_is_not_refused_is_safe(pieces: list[str]) -> None:
    try:
        statement = rewrite("MATCH (e:Entity) " + " ".join(pieces), {"one": 1})
    except InvalidArgument:
        return
    assert_safe(statement.text)


@given(st.sampled_from(READS), st.data())
@examples(2)
def test_a_read_that_is_broken_is_refused_or_safe(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    piece = data.draw(st.sampled_from(_PIECES))
    cut = data.draw(st.integers(0, 3))
    try:
        statement = rewrite(text[:at] + piece + text[at + cut :], {"one": 1, "other": 2})
    except InvalidArgument:
        return
    assert_safe(statement.text)


@given(st.text(max_size=60), st.text(max_size=20))
@examples(2)
def test_whatever_comes_in_is_refused_or_safe(text: str, string: str) -> None:
    for whole in (text, f"RETURN {text}", f"MATCH (n {{key: '{string}'}}) RETURN n.{text} LIMIT {text}"):
        try:
            statement = rewrite(whole, {})
        except InvalidArgument:
            continue
        assert_safe(statement.text)
        assert str(statement.parameters).encode()


_GIVEN = ["a", "b", "c"]
_MOST_ITEMS = 64 * (len(_GIVEN) + 1)
"""How large a value may become that is made of a list of three."""


def _random(seed: float) -> Random:
    return Random(seed)  # noqa: S311


def _size(value: Any) -> int:
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def _made(draw: Random, depth: int, names: dict[str, Any]) -> tuple[str, Any]:
    """Return an expression of lists, and its value; None once that is too large."""
    kind = draw.choice(("name", "list", "sum", *["walk"] * 6)) if depth else "name"
    if kind == "name":
        name = draw.choice(list(names))
        return name, names[name]
    if kind == "walk":
        text, values = _made(draw, depth - 1, names)
        name, seed = draw.choice("xyz"), draw.random()
        made = [_made(_random(seed), min(depth - 1, 2), {name: one}) for one in values or [[]]]
        kept = None if values is None else [one for _, one in made] if values else []
        return f"[{name} IN {text} | {made[0][0]}]", _bounded(kept)
    parts = [_made(draw, depth - 1, names) for _ in range(draw.randint(1, 4))]
    found = [value for _, value in parts]
    if kind == "list":
        return f"[{', '.join(text for text, _ in parts)}]", _bounded(found)
    together = None if None in found else [item for one in found for item in (one if isinstance(one, list) else [one])]
    return " + ".join(f"[] + {text}" for text, _ in parts), _bounded(together)


def _bounded(value: Any) -> Any:
    too_large = value is None or None in value or _size(value) > 2 * _MOST_ITEMS
    return None if too_large else value


def test_no_value_grows_beyond_what_it_is_made_of_times_a_factor() -> None:
    taken = 0
    for seed in range(300):
        text, value = _made(_random(seed), 9, {"$l": _GIVEN})
        try:
            rewrite(f"RETURN {text}", {"l": _GIVEN})
        except InvalidArgument:
            continue
        taken += 1
        assert value is not None, text
    assert taken > 50
