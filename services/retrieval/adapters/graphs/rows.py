"""Between the graph's values and what goes over Bolt."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, cast

import uuid_utils
from neo4j.graph import Node, Path, Relationship

from services.common.values import Source
from services.kit.ids import name_id
from services.retrieval.values.graph import (
    AliasStatement,
    Contribution,
    Mention,
    NamedEntity,
    RelationMention,
    entity_id,
)

OWNER_PROPERTY = "owner_id"
_NAMESPACE = uuid_utils.UUID("5f9b3c52-0a55-5b3e-9f43-0c8f5a0f6d27")
_BATCH_MENTIONS = 1000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """A contribution as rows of parameters; those of entities and sentences are in the order of their ids."""

    entities: list[Row]
    sentences: list[Row]
    mentions: list[Row]
    relations: list[Row]
    aliases: list[Row]
    chunks: list[Row]


def parts_of(contribution: Contribution) -> Iterator[Contribution]:
    """Yield a contribution in parts of whole chunks, each of a bounded number of mentions where chunks allow it."""
    by_chunk: defaultdict[str, tuple[list[Any], ...]] = defaultdict(lambda: ([], [], [], []))
    for place in contribution.chunks:
        by_chunk[place.chunk_id][3].append(place)
    for index, items in enumerate((contribution.mentions, contribution.relations, contribution.aliases)):
        for item in cast("tuple[Mention | RelationMention | AliasStatement, ...]", items):
            by_chunk[item.quote.chunk_id][index].append(item)
    gathered: tuple[list[Any], ...] = ([], [], [], [])
    for lists in by_chunk.values():
        for all_, some in zip(gathered, lists, strict=True):
            all_.extend(some)
        if sum(map(len, gathered)) >= _BATCH_MENTIONS:
            yield Contribution(*map(tuple, gathered))
            gathered = ([], [], [], [])
    if any(gathered):
        yield Contribution(*map(tuple, gathered))


def chunk_node(owner: str, chunk_id: str) -> str:
    """Return the id of an owner's chunk in the graph: two owners may give one chunk id."""
    return name_id(_NAMESPACE, owner, chunk_id)


def rows_of(owner: str, part: Contribution) -> Rows:
    """Return what to write for a part of a contribution."""
    named = [*part.mentions]
    named += [mention for tie in part.relations for mention in (tie.subject, tie.object)]
    named += [mention for tie in part.aliases for mention in (tie.first, tie.second)]
    entity_of = {key: entity_id(owner, key) for key in {mention.key for mention in named}}
    # A name stands in many sentences, and a sentence holds many names: their ids are made once.
    quotes = {_place(mention.quote): mention.quote for mention in named}
    sentence_of = {place: name_id(_NAMESPACE, owner, "sentence", *place) for place in quotes}
    # The key is part of a mention's identity here, so that no entity is written to which no mention leads.
    mentions = {
        (sentence_of[_place(mention.quote)], name_id(_NAMESPACE, mention.mention_id, mention.key)): mention
        for mention in named
    }
    return Rows(
        entities=[{"id": id_, "key": key} for key, id_ in sorted(entity_of.items(), key=itemgetter(1))],
        sentences=[
            {"id": id_, "props": _quoted(owner, quotes[place])}
            for place, id_ in sorted(sentence_of.items(), key=itemgetter(1))
        ],
        mentions=[
            {
                "id": id_,
                "sentence": sentence,
                "entity": entity_of[mention.key],
                "start": mention.start,
                "end": mention.end,
                "surface": mention.surface,
                "kind": mention.kind,
            }
            for (sentence, id_), mention in mentions.items()
        ],
        relations=_ties(
            owner,
            [(t.subject, t.object, t.quote, t.predicate) for t in part.relations],
            "relation",
        ),
        aliases=_ties(owner, [(t.first, t.second, t.quote, "") for t in part.aliases], "alias"),
        chunks=[
            {
                "id": chunk_node(owner, place.chunk_id),
                "props": {
                    "owner_id": owner,
                    "document_id": place.document_id,
                    "chunk_id": place.chunk_id,
                    "ordinal": place.ordinal,
                },
            }
            for place in part.chunks
        ],
    )


def _ties(owner: str, ties: Sequence[tuple[Mention, Mention, Source, str]], what: str) -> list[Row]:
    rows: dict[str, Row] = {}
    for one, other, quote, predicate in ties:
        ends_of = (one.mention_id, other.mention_id, predicate, str(quote.start), str(quote.end))
        id_ = name_id(_NAMESPACE, owner, what, *ends_of)
        props = {**_quoted(owner, quote), "from_mention": one.mention_id, "to_mention": other.mention_id}
        if what == "relation":
            props["predicate"] = predicate
        ends = {"from": entity_id(owner, one.key), "to": entity_id(owner, other.key)}
        rows[id_] = {"id": id_, **ends, "props": props}
    return list(rows.values())


def _place(quote: Source) -> tuple[str, str, str]:
    return quote.chunk_id, str(quote.start), str(quote.end)


def _quoted(owner: str, quote: Source) -> Row:
    return {
        "owner_id": owner,
        "text": quote.quote,
        "start": quote.start,
        "end": quote.end,
        "page": quote.page,
        "document_id": quote.document_id,
        "document_name": quote.document_name,
        "chunk_id": quote.chunk_id,
        "chunk_node": chunk_node(owner, quote.chunk_id),
    }


def source_of(row: Mapping[str, Any]) -> Source:
    """Return a sentence as a source."""
    return Source(
        start=row["start"],
        end=row["end"],
        quote=row["text"],
        page=row["page"],
        document_id=row["document_id"],
        document_name=row["document_name"],
        chunk_id=row["chunk_id"],
    )


def named_entities(
    ids: Sequence[str], counted: Sequence[Mapping[str, Any]], first: Sequence[Mapping[str, Any]]
) -> list[NamedEntity]:
    """Return entities from counts by surface and kind, and from their first mentions."""
    keys: dict[str, str] = {}
    surfaces: defaultdict[str, Counter[str]] = defaultdict(Counter)
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in counted:
        keys[row["id"]] = row["key"]
        surfaces[row["id"]][row["surface"]] += row["n"]
        kinds[row["id"]][row["kind"]] += row["n"]
    mentions = {row["id"]: row["mentions"] for row in first}
    return [
        NamedEntity(
            entity_id=id_,
            key=keys[id_],
            surfaces=most_common(surfaces[id_]),
            kinds=most_common(kinds[id_]),
            mentions=tuple(_mention(keys[id_], row) for row in mentions.get(id_, ())),
        )
        for id_ in dict.fromkeys(ids)
        if id_ in keys
    ]


def most_common(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return names and their counts, the most frequent first, and in their own order where they are as frequent."""
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _mention(key: str, row: Mapping[str, Any]) -> Mention:
    return Mention(row["start"], row["end"], row["surface"], key, row["kind"], source_of(row["sentence"]))


def plain(value: Any) -> Any:
    """Return a value of a query's row as JSON has it: nodes and edges become their properties, with a type."""
    match value:
        case Node():
            return {
                "labels": sorted(value.labels),
                **{key: plain(item) for key, item in value.items() if key != OWNER_PROPERTY},
            }
        case Relationship():
            return {"type": value.type, **{key: plain(item) for key, item in value.items()}}
        case Path():
            return [
                plain(item)
                for pair in zip(value.nodes, [*value.relationships, None], strict=True)
                for item in pair
                if item is not None
            ]
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case float() if not math.isfinite(value):
            return None  # JSON has no word for it.
        case None | bool() | int() | float() | str():
            return value
    return str(value)


def size_of(value: Any) -> int:
    """Return about how many bytes a value of a row takes."""
    match value:
        case str():
            return 8 + 3 * len(value)
        case list():
            return 8 + sum(map(size_of, value))
        case dict():
            return 8 + sum(len(key) + size_of(item) for key, item in value.items())
    return 8
