"""What the graph knows: entities under all their names, what lies around them, and why names are one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.kit.errors import InvalidArgument, NotFound
from services.language.names import name_key
from services.retrieval.domain.graph.cypher import rewrite
from services.retrieval.domain.graph.resolution import Resolution, resolve
from services.retrieval.ports import GraphStore
from services.retrieval.values.graph import (
    Entity,
    GraphState,
    Link,
    NamedEntity,
    Neighborhood,
    StatedRelation,
    Table,
    decision_id,
    entity_id,
)

_MENTIONS = 8
"""Mentions of an entity that are shown."""
_ALIASES = 32
_SOURCES = 3
"""Sentences of a relation that are shown."""
_DEGREE = 100
"""Neighbors of one entity that a step reaches."""
_RELATIONS = 100
"""Relations of one entity that are read."""
_MEETINGS = 1000
"""Pairs of entities that stand in one sentence, among those that were reached."""
_NAME_ROUNDS = 4
_MOST_NAMES = 2000
"""Steps from name to name, and names, among which those of one thing are looked for."""


@dataclass(frozen=True, slots=True)
class GraphExplorer:
    """Reads the graph of one owner at a time."""

    _store: GraphStore

    async def state(self, owner: str) -> GraphState:
        """Return the engine, and how much it holds of an owner."""
        return await self._store.state(owner)

    async def query(self, owner: str, cypher: str, parameters: Mapping[str, Any], limit: int) -> Table:
        """Run a caller's Cypher on what the owner has.

        Raises:
            InvalidArgument: it writes, or is not of the part of Cypher that is read.
        """
        return await self._store.query(owner, rewrite(cypher, parameters), limit)

    async def find(self, owner: str, name: str, document_ids: Sequence[str], limit: int) -> list[Entity]:
        """Return the entities that a name may mean, the most mentioned first; without a name, the most mentioned."""
        if not name.strip():
            ids = await self._store.frequent(owner, document_ids, 2 * limit)
            resolution = await self._resolution(owner, ids)
        else:
            keys = {name_key(name), name_key(name, common=True)} - {""}
            named = sorted(entity_id(owner, key) for key in keys)
            resolution = await self._resolution(owner, named)
            ids = [*named, *sorted(id_ for one in named for id_ in resolution.ambiguous.get(one, ()))]
        return (await self._most_mentioned(owner, ids, resolution, document_ids))[:limit]

    async def explain(self, owner: str, id_: str) -> tuple[Entity, list[Link]]:
        """Return an entity, and what ties its names or keeps others apart from it.

        Raises:
            NotFound: nothing mentions it.
        """
        resolution = await self._resolution(owner, [id_])
        members = resolution.members(id_)
        found = await self._entities(owner, [members])
        if not found:
            raise NotFound("The graph has no such entity.", reason="ENTITY_NOT_FOUND")
        links = [
            link
            for link in (*resolution.bonds, *resolution.refused)
            if {link.first_entity_id, link.second_entity_id} & members
        ]
        bonds = set(map(id, resolution.bonds))
        return found[0], [_as_taken(link, id(link) in bonds) for link in links]

    async def decide(self, owner: str, first: str, second: str, same: bool) -> str:
        """Record that two entities are one or are not, and return the decision's id.

        Raises:
            InvalidArgument: the two are the same.
            NotFound: nothing mentions one of them.
        """
        if first == second:
            raise InvalidArgument("second_entity_id: has to be another entity than first_entity_id")
        named = {entity.entity_id: entity.key for entity in await self._store.entities(owner, [first, second], 0)}
        if len(named) < 2:
            raise NotFound("The graph has no such entity.", reason="ENTITY_NOT_FOUND")
        await self._store.decide(owner, Link(first, second, named[first], named[second], same))
        return decision_id(owner, first, second)

    async def undo(self, owner: str, id_: str) -> None:
        """Remove a decision; one that is not there is no error."""
        await self._store.undo(owner, id_)

    async def expand(
        self, owner: str, entity_ids: Sequence[str], document_ids: Sequence[str], depth: int, limit: int
    ) -> Neighborhood:
        """Return entities around others, the nearest first, and what is said of them in common."""
        walk = _Walk(limit)
        resolution = await self._resolution(owner, entity_ids)
        step = walk.reach([resolution.members(id_) for id_ in entity_ids])
        for _ in range(depth):
            if not step:
                break
            neighbors = await self._store.neighbors(owner, step, document_ids, _DEGREE)
            counts: Counter[str] = Counter()
            for neighbor in neighbors:
                counts[neighbor.neighbor_id] += neighbor.sentence_count
            near = sorted(counts, key=lambda id_: (-counts[id_], id_))
            walk.truncated |= _is_cut(neighbor.entity_id for neighbor in neighbors)
            resolution = await self._resolution(owner, near)
            step = walk.reach([resolution.members(id_) for id_ in near])
        ids = list(walk.group_of)
        entities = await self._entities(owner, walk.groups, document_ids)
        return Neighborhood(tuple(entities), await self._said(owner, entities, ids, document_ids), walk.truncated)

    async def survey(
        self, owner: str, document_ids: Sequence[str], chunk_ids: Sequence[str], limit: int
    ) -> Neighborhood:
        """Return the entities that documents, or some chunks, mention most, the most mentioned first.

        Documents bound what is counted, quoted and said of them; chunks only which entities there are.
        """
        if chunk_ids:
            counts: Counter[str] = Counter()
            # Several may be names of one.
            for occurrence in await self._store.entities_of(owner, chunk_ids, 2 * limit):
                counts[occurrence.entity_id] += occurrence.sentence_count
            ids = sorted(counts, key=lambda id_: (-counts[id_], id_))[: 2 * limit]
        else:
            ids = await self._store.frequent(owner, document_ids, 2 * limit)
        found = await self._most_mentioned(owner, ids, await self._resolution(owner, ids), document_ids)
        entities = found[:limit]
        members = [member for entity in entities for member in entity.members]
        said = await self._said(owner, entities, members, document_ids)
        return Neighborhood(tuple(entities), said, len(found) > limit)

    async def holds(self, owner: str, document_ids: Sequence[str]) -> bool:
        """Return whether a chunk of any of these documents, or else of any at all, was added as a whole."""
        if not document_ids:
            return (await self._store.state(owner)).chunk_count > 0
        for document_id in document_ids:
            if await self._store.chunks(owner, document_id):
                return True
        return False

    async def _most_mentioned(
        self, owner: str, ids: Iterable[str], resolution: Resolution, document_ids: Sequence[str]
    ) -> list[Entity]:
        found = await self._entities(owner, [resolution.members(id_) for id_ in ids], document_ids)
        return sorted(found, key=lambda entity: (-entity.mention_count, entity.entity_id))

    async def _said(
        self, owner: str, entities: Sequence[Entity], ids: Sequence[str], document_ids: Sequence[str]
    ) -> tuple[StatedRelation, ...]:
        """Return what is said of entities in common; `ids` are those of all their names."""
        if not ids:
            return ()
        stated = await self._store.relations(owner, ids, document_ids, _RELATIONS, _SOURCES)
        met = await self._store.meetings(owner, ids, document_ids, _MEETINGS, _SOURCES)
        return _between(entities, [*stated, *met])

    async def _resolution(self, owner: str, ids: Sequence[str]) -> Resolution:
        """Return which names are one, among those that anything ties to some, over some steps."""
        known: set[str] = set()
        links: dict[tuple[str, str, bool], Link] = {}
        step = list(dict.fromkeys(ids))
        for _ in range(_NAME_ROUNDS):
            if not step or len(known) > _MOST_NAMES:
                break
            known.update(step)
            found = await self._store.links(owner, step)
            for link in found:
                links[link.first_entity_id, link.second_entity_id, link.decided is None] = link
            ends = {end for link in found for end in (link.first_entity_id, link.second_entity_id)}
            step = sorted(ends - known)
        return resolve(links.values())

    async def _entities(
        self, owner: str, groups: Iterable[frozenset[str]], document_ids: Sequence[str] = ()
    ) -> list[Entity]:
        """Return the entities of groups of ids, in their order, each once; those of which nothing is there are none."""
        distinct = list(dict.fromkeys(groups))
        ids = [id_ for group in distinct for id_ in sorted(group)]
        named = {entity.entity_id: entity for entity in await self._store.entities(owner, ids, _MENTIONS, document_ids)}
        merged = ([named[id_] for id_ in sorted(group) if id_ in named] for group in distinct)
        return [entity_of(members) for members in merged if members]


class _Walk:
    """The groups of names that a walk has reached, up to a number of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.groups: list[frozenset[str]] = []
        self.group_of: dict[str, frozenset[str]] = {}
        self.truncated = False

    def reach(self, groups: Iterable[frozenset[str]]) -> list[str]:
        """Add groups, and return the ids of those that were not there."""
        fresh: list[str] = []
        for group in groups:
            if not self.group_of.keys().isdisjoint(group):
                continue
            if len(self.groups) == self._limit:
                self.truncated = True
                break
            self.groups.append(group)
            self.group_of.update(dict.fromkeys(group, group))
            fresh += sorted(group)
        return fresh


def _is_cut(ids: Iterable[str]) -> bool:
    return any(count >= _DEGREE for count in Counter(ids).values())


def _between(entities: Iterable[Entity], relations: Iterable[StatedRelation]) -> tuple[StatedRelation, ...]:
    """Return relations between different entities, those of all their names put together, the most stated first."""
    of = {member: entity.entity_id for entity in entities for member in entity.members}
    together: defaultdict[tuple[str, str, str], list[StatedRelation]] = defaultdict(list)
    for relation in relations:
        start, end = of.get(relation.from_entity_id), of.get(relation.to_entity_id)
        if start and end and start != end:
            ends = (start, end) if relation.predicate else (min(start, end), max(start, end))
            together[*ends, relation.predicate].append(relation)
    found = [
        StatedRelation(
            *ends,
            sentence_count=sum(relation.sentence_count for relation in same),
            sources=tuple(dict.fromkeys(source for relation in same for source in relation.sources))[:_SOURCES],
        )
        for ends, same in together.items()
    ]
    return tuple(sorted(found, key=lambda r: (-r.sentence_count, r.from_entity_id, r.to_entity_id, r.predicate)))


def _as_taken(link: Link, bond: bool) -> Link:
    """Return a link as the resolution took it: one that ties no names is shown as keeping them apart."""
    return replace(link, same=bond)


def entity_of(members: Sequence[NamedEntity]) -> Entity:
    """Return the entity that some names are, all of it a function of their mentions.

    Its name is the most frequent surface, its description the first sentence that begins with it, or that has it.
    """
    surfaces: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for member in members:
        surfaces.update(dict(member.surfaces))
        kinds.update({kind: count for kind, count in member.kinds if kind})
    names = sorted(surfaces, key=lambda name: (-surfaces[name], name))
    mentions = sorted((m for member in members for m in member.mentions), key=lambda m: (m.quote.document_id, m.start))
    subject = [m for m in mentions if m.start == m.quote.start] or mentions
    return Entity(
        entity_id=min(member.entity_id for member in members),
        name=names[0],
        kind=min(kinds, key=lambda kind: (-kinds[kind], kind), default=""),
        description=subject[0].quote.quote if subject else "",
        aliases=tuple(names[1 : 1 + _ALIASES]),
        mention_count=sum(surfaces.values()),
        mentions=tuple(mentions[:_MENTIONS]),
        members=tuple(member.entity_id for member in members),
    )
