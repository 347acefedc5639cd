"""A graph store in memory, for tests: exact, gone with the process, and without Cypher."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations

from services.common.values import Source
from services.kit.errors import InvalidArgument
from services.retrieval.values.graph import (
    AliasStatement,
    ChunkPlace,
    Contribution,
    GraphState,
    Link,
    Mention,
    NamedEntity,
    Neighbor,
    Occurrence,
    RelationMention,
    StatedRelation,
    Statement,
    Table,
    decision_id,
    entity_id,
)


@dataclass(slots=True)
class _Graph:
    """What one owner has; dicts keep the order and drop what is said twice."""

    mentions: dict[Mention, None] = field(default_factory=dict)
    relations: dict[RelationMention, None] = field(default_factory=dict)
    aliases: dict[AliasStatement, None] = field(default_factory=dict)
    chunks: dict[str, ChunkPlace] = field(default_factory=dict)
    decisions: dict[str, Link] = field(default_factory=dict)


class FakeGraphStore:
    """Holds mentions by owner, and derives all else from them."""

    def __init__(self) -> None:
        self._graphs: defaultdict[str, _Graph] = defaultdict(_Graph)

    async def add(self, owner: str, contribution: Contribution) -> None:
        """Store what is not there yet."""
        graph = self._graphs[owner]
        for relation in contribution.relations:
            graph.mentions.update(dict.fromkeys((relation.subject, relation.object)))
        for alias in contribution.aliases:
            graph.mentions.update(dict.fromkeys((alias.first, alias.second)))
        graph.mentions.update(dict.fromkeys(contribution.mentions))
        graph.relations.update(dict.fromkeys(contribution.relations))
        graph.aliases.update(dict.fromkeys(contribution.aliases))
        graph.chunks.update({place.chunk_id: place for place in contribution.chunks})

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove what quotes the document."""
        graph = self._graphs[owner]
        graph.mentions = {m: None for m in graph.mentions if m.quote.document_id != document_id}
        graph.relations = {r: None for r in graph.relations if r.quote.document_id != document_id}
        graph.aliases = {a: None for a in graph.aliases if a.quote.document_id != document_id}
        graph.chunks = {id_: place for id_, place in graph.chunks.items() if place.document_id != document_id}

    async def state(self, owner: str) -> GraphState:
        """Return the owner's counts."""
        graph = self._graphs[owner]
        return GraphState(
            engine="memory",
            version="1",
            entity_count=len({mention.key for mention in graph.mentions}),
            mention_count=len(graph.mentions),
            relation_count=len(graph.relations),
            alias_count=len(graph.aliases),
            chunk_count=len(graph.chunks),
        )

    async def entities(
        self, owner: str, entity_ids: Sequence[str], mentions: int, document_ids: Sequence[str] = ()
    ) -> list[NamedEntity]:
        """Return entities by their mentions."""
        of = self._by_entity(owner, document_ids)
        return [
            NamedEntity(
                entity_id=id_,
                key=of[id_][0].key,
                surfaces=_counted(mention.surface for mention in of[id_]),
                kinds=_counted(mention.kind for mention in of[id_]),
                mentions=tuple(of[id_][:mentions]),
            )
            for id_ in dict.fromkeys(entity_ids)
            if id_ in of
        ]

    async def known(self, owner: str, entity_ids: Sequence[str]) -> set[str]:
        """Return entities with mentions."""
        return self._by_entity(owner).keys() & set(entity_ids)

    async def frequent(self, owner: str, document_ids: Sequence[str], limit: int) -> list[str]:
        """Return ids by how many mentions lead to them."""
        counts = _counted(
            id_ for id_, found in self._by_entity(owner).items() for m in found if _is_in(m.quote, document_ids)
        )
        return [id_ for id_, _ in counts[:limit]]

    async def neighbors(
        self, owner: str, entity_ids: Sequence[str], document_ids: Sequence[str], degree: int
    ) -> list[Neighbor]:
        """Return entities by the sentences that they share with another."""
        quotes = self._quotes(owner, document_ids)
        found: list[Neighbor] = []
        for id_ in dict.fromkeys(entity_ids):
            shared = {other: len(quotes[other] & quotes.get(id_, set())) for other in quotes if other != id_}
            most = sorted((pair for pair in shared.items() if pair[1]), key=lambda pair: (-pair[1], pair[0]))
            found += [Neighbor(id_, other, count) for other, count in most[:degree]]
        return found

    async def meetings(
        self, owner: str, entity_ids: Sequence[str], document_ids: Sequence[str], limit: int, sources: int
    ) -> list[StatedRelation]:
        """Return pairs, with their first sentences in reading order."""
        quotes = self._quotes(owner, document_ids)
        pairs = {
            (one, other): quotes[one] & quotes[other]
            for one, other in combinations(sorted(quotes.keys() & set(entity_ids)), 2)
        }
        most = sorted((pair for pair in pairs.items() if pair[1]), key=lambda pair: (-len(pair[1]), pair[0]))
        return [
            StatedRelation(*ends, "", len(shared), tuple(_in_order(shared)[:sources])) for ends, shared in most[:limit]
        ]

    def _quotes(self, owner: str, document_ids: Sequence[str]) -> dict[str, set[Source]]:
        return {
            id_: {m.quote for m in mentions if _is_in(m.quote, document_ids)}
            for id_, mentions in self._by_entity(owner).items()
        }

    async def relations(
        self, owner: str, entity_ids: Sequence[str], document_ids: Sequence[str], limit: int, sources: int
    ) -> list[StatedRelation]:
        """Return relations by both ends and predicate."""
        stated: defaultdict[tuple[str, str, str], list[Source]] = defaultdict(list)
        for relation in self._graphs[owner].relations:
            ends = entity_id(owner, relation.subject.key), entity_id(owner, relation.object.key)
            if set(ends) & set(entity_ids) and _is_in(relation.quote, document_ids):
                stated[*ends, relation.predicate].append(relation.quote)
        most = sorted(stated.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        return [
            StatedRelation(*ends, len(quotes), tuple(_in_order(quotes)[:sources]))
            for ends, quotes in most[: limit * len(entity_ids)]
        ]

    async def links(self, owner: str, entity_ids: Sequence[str]) -> list[Link]:
        """Return alias statements by pair, and decisions."""
        graph = self._graphs[owner]
        stated: defaultdict[tuple[str, str, str, str], list[Source]] = defaultdict(list)
        for alias in graph.aliases:
            first, second = alias.first.key, alias.second.key
            stated[entity_id(owner, first), entity_id(owner, second), first, second].append(alias.quote)
        links = [Link(*pair, sources=tuple(_in_order(quotes))) for pair, quotes in sorted(stated.items())]
        links += [link for _, link in sorted(graph.decisions.items())]
        return [link for link in links if {link.first_entity_id, link.second_entity_id} & set(entity_ids)]

    async def decide(self, owner: str, link: Link) -> None:
        """Record a decision."""
        id_ = decision_id(owner, link.first_entity_id, link.second_entity_id)
        self._graphs[owner].decisions[id_] = replace(link, sources=(), decided=link.decided or datetime.now(UTC))

    async def undo(self, owner: str, decision_id: str) -> None:
        """Remove a decision."""
        self._graphs[owner].decisions.pop(decision_id, None)

    async def occurrences(
        self,
        owner: str,
        entity_ids: Sequence[str],
        document_ids: Sequence[str],
        limit: int,
        *,
        sentences: int,
        common: bool = True,
    ) -> list[Occurrence]:
        """Return chunks by entity, from its first sentences."""
        of = self._by_entity(owner)
        found: list[Occurrence] = []
        for id_ in dict.fromkeys(entity_ids):
            mentions = of.get(id_, ())
            if len(mentions) > sentences and not common:
                continue
            quotes = list(dict.fromkeys(m.quote for m in mentions if _is_in(m.quote, document_ids)))
            counts = Counter(quote.chunk_id for quote in quotes[:sentences])
            ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            found += [Occurrence(id_, chunk_id, count) for chunk_id, count in ordered[:limit]]
        return found

    async def entities_of(self, owner: str, chunk_ids: Sequence[str], limit: int) -> list[Occurrence]:
        """Return entities by chunk."""
        found: list[Occurrence] = []
        for chunk_id in dict.fromkeys(chunk_ids):
            sentences = {
                (m.quote, entity_id(owner, m.key)) for m in self._graphs[owner].mentions if m.quote.chunk_id == chunk_id
            }
            counts = _counted(id_ for _, id_ in sentences)
            found += [Occurrence(id_, chunk_id, count) for id_, count in counts[:limit]]
        return found

    async def added(self, owner: str, chunk_ids: Sequence[str]) -> set[str]:
        """Return those of the ids that are known."""
        return self._graphs[owner].chunks.keys() & set(chunk_ids)

    async def chunks(self, owner: str, document_id: str) -> list[ChunkPlace]:
        """Return a document's chunks by ordinal."""
        places = [place for place in self._graphs[owner].chunks.values() if place.document_id == document_id]
        return sorted(places, key=lambda place: place.ordinal)

    async def query(self, owner: str, statement: Statement, limit: int) -> Table:
        """Refuse every statement: memory speaks no Cypher."""
        raise InvalidArgument("This graph is in memory and speaks no Cypher.", reason="CYPHER_INVALID")

    async def ping(self) -> None:
        """Return at once: memory always answers."""

    def _by_entity(self, owner: str, document_ids: Sequence[str] = ()) -> dict[str, list[Mention]]:
        found: defaultdict[str, list[Mention]] = defaultdict(list)
        for m in sorted(self._graphs[owner].mentions, key=lambda m: (m.quote.document_id, m.start, m.end, m.kind)):
            if _is_in(m.quote, document_ids):
                found[entity_id(owner, m.key)].append(m)
        return dict(found)


def _is_in(quote: Source, document_ids: Sequence[str]) -> bool:
    return not document_ids or quote.document_id in document_ids


def _counted(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _in_order(quotes: Iterable[Source]) -> list[Source]:
    return sorted(quotes, key=lambda quote: (quote.document_id, quote.start))
