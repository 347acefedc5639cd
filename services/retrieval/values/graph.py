"""What the knowledge graph is made of: mentions, what sentences say of them, and the entities that follow from both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import uuid_utils

from services.common.values import Source
from services.kit.ids import name_id

MOST_COLLECTED = 1000
"""Values that a caller's statement may collect in one list."""
_NAMESPACE = uuid_utils.UUID("0b9a5c0e-7a0d-5a44-9d3e-5f2f6c1b8a11")


def entity_id(owner: str, key: str) -> str:
    """Return the id of the entity that an owner's mentions of a key belong to."""
    return name_id(_NAMESPACE, "entity", owner, key)


def decision_id(owner: str, first_entity_id: str, second_entity_id: str) -> str:
    """Return the id of a decision about two entities, in any order."""
    return name_id(_NAMESPACE, "decision", owner, *sorted((first_entity_id, second_entity_id)))


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a document that names a thing.

    `surface` is the slice `[start, end)` of the document's normalized text, in code points. `key` is what the mentions
    of one entity have in common: the folded name. `kind` is a hint, and empty where it is not known. `quote` is the
    sentence that holds the mention, with its document and chunk; where one sentence holds several, all have an equal
    quote.
    """

    start: int
    end: int
    surface: str
    key: str
    kind: str
    quote: Source

    @property
    def mention_id(self) -> str:
        """The id: a function of the chunk, the offsets and the kind."""
        return name_id(_NAMESPACE, self.quote.chunk_id, str(self.start), str(self.end), self.kind)


@dataclass(frozen=True, slots=True)
class RelationMention:
    """A sentence, `quote`, that states a relation from `subject` to `object`."""

    subject: Mention
    object: Mention
    predicate: str
    quote: Source


@dataclass(frozen=True, slots=True)
class AliasStatement:
    """Words, `quote`, that say of two mentions that they name one thing: 光合作用（photosynthesis）."""

    first: Mention
    second: Mention
    quote: Source


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """A chunk that is part of the graph; `ordinal` is its position among the document's chunks, from 0."""

    chunk_id: str
    document_id: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Contribution:
    """What some chunks add to the graph; the mentions of relations and aliases are among `mentions`.

    `chunks` are those that are added as a whole, with or without a mention.
    """

    mentions: tuple[Mention, ...] = ()
    relations: tuple[RelationMention, ...] = ()
    aliases: tuple[AliasStatement, ...] = ()
    chunks: tuple[ChunkPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphState:
    """The engine, and how much of an owner it holds."""

    engine: str
    version: str
    entity_count: int = 0
    mention_count: int = 0
    relation_count: int = 0
    alias_count: int = 0
    chunk_count: int = 0


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """What the store holds of one key: its first mentions in reading order, and how often it has each surface and kind.

    `surfaces` and `kinds` count all its mentions, the most frequent first.
    """

    entity_id: str
    key: str
    surfaces: tuple[tuple[str, int], ...]
    kinds: tuple[tuple[str, int], ...]
    mentions: tuple[Mention, ...]

    @property
    def mention_count(self) -> int:
        """How often it is mentioned."""
        return sum(count for _, count in self.surfaces)


@dataclass(frozen=True, slots=True)
class Link:
    """What ties the entities of two keys, or keeps them apart.

    It is what the material says (`sources`), or a decision that somebody made (`decided`).
    """

    first_entity_id: str
    second_entity_id: str
    first_key: str
    second_key: str
    same: bool = True
    sources: tuple[Source, ...] = ()
    decided: datetime | None = None


@dataclass(frozen=True, slots=True)
class Neighbor:
    """Two entities that stand in the same sentences."""

    entity_id: str
    neighbor_id: str
    sentence_count: int


@dataclass(frozen=True, slots=True)
class StatedRelation:
    """A relation between two entities, and some sentences that state it; no predicate where they only meet."""

    from_entity_id: str
    to_entity_id: str
    predicate: str
    sentence_count: int
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """How many sentences of a chunk mention an entity."""

    entity_id: str
    chunk_id: str
    sentence_count: int


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing that the material speaks of, under all its names; all but the id is a function of its mentions.

    `members` are the ids of the entities of its single keys, of which `entity_id` is one.
    """

    entity_id: str
    name: str
    kind: str
    description: str
    aliases: tuple[str, ...]
    mention_count: int
    mentions: tuple[Mention, ...]
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Neighborhood:
    """Entities, the nearest first, and the relations among them; `truncated` when a cap left some out."""

    entities: tuple[Entity, ...]
    relations: tuple[StatedRelation, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """Cypher that is safe to run for one owner, whom it calls `$owner`, with its other parameters.

    `names` are those of its columns as the caller wrote them, by the names that they have in `text`; `columns` are
    the caller's in order.
    """

    text: str
    parameters: Mapping[str, Any]
    names: Mapping[str, str]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that a statement found, each with one value a column; `truncated` when a limit cut them."""

    columns: tuple[str, ...]
    rows: tuple[Sequence[Any], ...]
    truncated: bool
