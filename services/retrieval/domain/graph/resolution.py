"""Which names are of one thing: those with one key, those that a text says are, and those that somebody decided are.

Nothing else joins two names. What looks alike is a suggestion, because a graph that took Type 1 for Type 2 is worse
than one that has a thing twice (ADR 0050).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.language.scripts import HAN_CHARACTER
from services.retrieval.values.graph import Link

_DIGITS = re.compile(r"\d+(?:[.]\d+)*")


@dataclass(frozen=True, slots=True)
class Resolution:
    """Names in groups, each group one thing."""

    groups: tuple[frozenset[str], ...]
    """The entity ids that are one; an id that is in none is alone."""
    bonds: tuple[Link, ...]
    """What joins the groups: every merge with its reason."""
    refused: tuple[Link, ...] = ()
    """What would have joined more and does not: an ambiguous name's, those whose numbers differ, and those that
    somebody decided against."""
    ambiguous: dict[str, frozenset[str]] = field(default_factory=dict)
    """An id whose name is stated to be another name of several things, and the ids of these."""

    def members(self, entity_id: str) -> frozenset[str]:
        """Return the ids that are one with an id, itself included."""
        return next((group for group in self.groups if entity_id in group), frozenset((entity_id,)))


def resolve(links: Iterable[Link]) -> Resolution:
    """Group names by what ties them, the firmest first: decisions, then statements by how many sentences make them.

    `first` of a statement is the name and `second` the other name that it gives. One that is given for several things,
    which nothing else joins, is ambiguous: it is joined with none of them.
    """
    ordered = sorted(links, key=_firmness)
    decided = [link for link in ordered if link.decided is not None]
    stated = [link for link in ordered if link.decided is None and link.same]
    apart = [link for link in ordered if not link.same]
    numbered = [link for link in stated if not _numbers_agree(link.first_key, link.second_key)]
    stated = [link for link in stated if link not in numbered]
    ambiguous = _ambiguous(stated, [link for link in decided if link.same])
    union = _Union(apart)
    bonds: list[Link] = []
    refused = [*apart, *numbered]
    for link in (*(link for link in decided if link.same), *stated):
        unsure = link.decided is None and {link.first_entity_id, link.second_entity_id} & ambiguous.keys()
        joined = not unsure and union.join(link.first_entity_id, link.second_entity_id)
        (bonds if joined else refused).append(link)
    return Resolution(union.groups(), tuple(bonds), tuple(refused), ambiguous)


def _firmness(link: Link) -> tuple[bool, int, str, str]:
    return link.decided is None, -len(link.sources), link.first_key, link.second_key


def _numbers_agree(one: str, other: str) -> bool:
    """Return whether two keys have the same numbers, or one has none: CO2 is carbon dioxide, Python 2 no Python 3."""
    left, right = _DIGITS.findall(one), _DIGITS.findall(other)
    return not left or not right or sorted(left) == sorted(right)


def _ambiguous(stated: Sequence[Link], decided: Sequence[Link]) -> dict[str, frozenset[str]]:
    """Return the ids that several names in one script are stated to have, which nothing else joins."""
    names: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for link in stated:
        names[link.second_entity_id][link.first_entity_id] = link.first_key
    found: dict[str, frozenset[str]] = {}
    for other, by_id in names.items():
        if len(by_id) < 2:
            continue
        union = _Union(())
        for link in (*decided, *stated):
            if other not in {link.first_entity_id, link.second_entity_id}:
                union.join(link.first_entity_id, link.second_entity_id)
        scripts: dict[tuple[bool, str], None] = dict.fromkeys(
            (HAN_CHARACTER.search(key) is not None, union.root(entity_id)) for entity_id, key in by_id.items()
        )
        if len({script for script, _ in scripts}) < len(scripts) and len({root for _, root in scripts}) > 1:
            found[other] = frozenset(by_id)
    return found


class _Union:
    """Disjoint sets of ids, some of which must stay apart."""

    def __init__(self, apart: Iterable[Link]) -> None:
        self._parent: dict[str, str] = {}
        self._apart = [(link.first_entity_id, link.second_entity_id) for link in apart]

    def root(self, one: str) -> str:
        """Return the id that stands for the set of an id."""
        while self._parent.setdefault(one, one) != one:
            self._parent[one] = one = self._parent[self._parent[one]]
        return one

    def join(self, one: str, other: str) -> bool:
        """Join the sets of two ids, and return whether that may be."""
        first, second = self.root(one), self.root(other)
        joined = {first, second}
        if first != second and any({self.root(a), self.root(b)} == joined for a, b in self._apart):
            return False
        self._parent[second] = first
        return True

    def groups(self) -> tuple[frozenset[str], ...]:
        """Return the sets of more than one id."""
        sets: defaultdict[str, set[str]] = defaultdict(set)
        for one in list(self._parent):
            sets[self.root(one)].add(one)
        return tuple(frozenset(group) for group in sets.values() if len(group) > 1)
