"""Which names are one thing: statements and decisions join them, likeness never does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benchmarks.quality.names import HALVES, measure, precision, read, recall
from services.common.values import Source
from services.retrieval.domain.graph.resolution import Resolution, resolve
from services.retrieval.values.graph import Link

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def says(name: str, other: str, times: int = 1) -> Link:
    return Link(name, other, name, other, sources=(Source(0, 1, "x"),) * times)


def decides(one: str, other: str, *, same: bool) -> Link:
    return Link(one, other, one, other, same=same, decided=NOW)


def groups(resolution: Resolution) -> set[frozenset[str]]:
    return set(resolution.groups)


def test_statements_join_names_and_say_why() -> None:
    links = [says("光合作用", "photosynthesis"), says("苏轼", "苏东坡"), says("苏轼", "东坡居士")]
    resolution = resolve(links)
    assert groups(resolution) == {frozenset({"光合作用", "photosynthesis"}), frozenset({"苏轼", "苏东坡", "东坡居士"})}
    assert set(resolution.bonds) == set(links)
    assert resolution.members("苏东坡") == {"苏轼", "苏东坡", "东坡居士"}
    assert resolution.members("stranger") == {"stranger"}


@pytest.mark.parametrize(
    ("one", "other"), [("polymerasechainreaction", "principalcomponentregression"), ("聚合酶链反应", "主成分回归")]
)
def test_an_ambiguous_name_links_to_a_set_and_joins_none(one: str, other: str) -> None:
    resolution = resolve([says(one, "PCR", 5), says(other, "PCR")])
    assert not resolution.groups
    assert resolution.ambiguous == {"PCR": frozenset({one, other})}
    assert len(resolution.refused) == 2


def test_one_acronym_may_have_a_name_in_each_language() -> None:
    resolution = resolve([says("世界卫生组织", "WHO"), says("worldhealthorganization", "WHO")])
    assert groups(resolution) == {frozenset({"世界卫生组织", "worldhealthorganization", "WHO"})}


def test_what_is_joined_otherwise_makes_no_name_ambiguous() -> None:
    resolution = resolve([says("番茄", "西红柿"), says("洋柿子", "西红柿"), says("番茄", "洋柿子")])
    assert groups(resolution) == {frozenset({"番茄", "西红柿", "洋柿子"})}


@pytest.mark.parametrize(("one", "other"), [("python2", "python3"), ("1型糖尿病", "2型糖尿病"), ("v1.2", "v1.3")])
def test_a_differing_number_never_merges(one: str, other: str) -> None:
    assert not resolve([says(one, other)]).groups


@pytest.mark.parametrize(("one", "other"), [("carbondioxide", "CO2"), ("第2次世界大战", "WW2")])
def test_a_number_on_one_side_or_on_both_merges(one: str, other: str) -> None:
    assert resolve([says(one, other)]).groups


def test_a_decision_joins_parts_and_is_undone_by_leaving_it_out() -> None:
    told = [says("pcr", "a"), says("b", "c")]
    joined = resolve([*told, decides("a", "b", same=True)])
    assert groups(joined) == {frozenset({"pcr", "a", "b", "c"})}
    assert groups(resolve(told)) == {frozenset({"pcr", "a"}), frozenset({"b", "c"})}
    parted = resolve([*told, decides("pcr", "a", same=False)])
    assert groups(parted) == {frozenset({"b", "c"})}
    assert says("pcr", "a") in parted.refused


def test_names_that_somebody_parted_stay_apart_whatever_joins_them() -> None:
    resolution = resolve([says("a", "b", 3), says("b", "c"), decides("a", "c", same=False)])
    assert groups(resolution) == {frozenset({"a", "b"})}


def test_the_order_of_links_does_not_matter() -> None:
    links = [says("a", "b", 2), says("b", "c"), says("d", "c"), decides("a", "d", same=False), says("e", "c", 3)]
    first = resolve(links)
    again = resolve(reversed(links))
    assert groups(first) == groups(again)
    assert first.ambiguous == again.ambiguous


def test_the_set_has_as_many_names_as_it_claims() -> None:
    names = {language: set[str]() for language in ("zh", "en", "across")}
    for pair in read():
        names[pair.language] |= {pair.one, pair.other}
    assert {language: len(found) for language, found in names.items()} == {"zh": 206, "en": 210, "across": 103}


@pytest.mark.parametrize("half", HALVES)
def test_precision_and_recall_of_the_set(half: str) -> None:
    for counts in measure(half).values():
        assert precision(counts) == 1.0
        assert recall(counts) > 0.65
