"""Groups of the points that a query finds, by the values of a payload field."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterator
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.collection import Collection
from services.embedded.qdrant_server.conversion import (
    put_payload,
    scored_point_message,
    vectors_message,
    with_payload,
    with_vectors,
)
from services.embedded.qdrant_server.errors import serve_only, wrong_input
from services.embedded.qdrant_server.lookups import Lookups
from services.embedded.qdrant_server.queries import run_query

GroupKey = int | str
_LIMIT, _SIZE = 10, 3
"""The defaults of Qdrant's Query API."""
_GROWTH = 4
_GROUP_FIELDS = ("group_by", "group_size", "with_lookup")


def groups(
    collection: Collection, message: pb.QueryPointGroups, lookups: Lookups
) -> Generator[None, None, pb.GroupsResult]:
    """Return the best groups, each with its best points.

    It asks for ever more points until there are groups enough, and then for the rest of each group by its value.
    """
    if not message.group_by:
        raise wrong_input("group_by: must not be empty")
    wanted = message.limit if message.HasField("limit") else _LIMIT
    size = message.group_size if message.HasField("group_size") else _SIZE
    if not wanted or not size:
        raise wrong_input("limit, group_size: must be at least 1")
    found, complete = yield from _best(collection, message, lookups, wanted, size)
    result = pb.GroupsResult()
    for key, hits in list(found.items())[:wanted]:
        members = hits
        if len(members) < size and not complete:
            members = _query(collection, _of_group(message, key, size), lookups, size)
        group = result.groups.add(id=_group_id(key))
        group.hits.extend(_fetched(collection, message, members[:size]))
        if message.HasField("with_lookup"):
            _look_up(group, message.with_lookup, key, lookups)
        yield
    return result


def _best(
    collection: Collection, message: pb.QueryPointGroups, lookups: Lookups, wanted: int, size: int
) -> Generator[None, None, tuple[dict[GroupKey, list[edge.ScoredPoint]], bool]]:
    """Return the hits by group in the order of their best hits, and whether these are all hits."""
    limit = wanted * size
    while True:
        hits = _query(collection, message, lookups, limit)
        found: dict[GroupKey, list[edge.ScoredPoint]] = {}
        for hit in hits:
            for key in _keys(hit.payload, message.group_by):
                found.setdefault(key, []).append(hit)
        if len(hits) < limit:
            return found, True
        if len(found) >= wanted:
            return found, False
        limit *= _GROWTH
        yield


def _query(
    collection: Collection, message: pb.QueryPointGroups, lookups: Lookups, limit: int
) -> list[edge.ScoredPoint]:
    query = pb.QueryPoints(limit=limit)
    serve_only(message, (*(field.name for field in pb.QueryPoints.DESCRIPTOR.fields), *_GROUP_FIELDS))
    for field, value in message.ListFields():
        if field.name in (*_GROUP_FIELDS, "limit", "with_payload", "with_vectors"):
            continue
        if field.is_repeated:
            getattr(query, field.name).extend(value)
        elif field.message_type:
            getattr(query, field.name).CopyFrom(value)
        else:
            setattr(query, field.name, value)
    query.with_payload.include.fields.append(message.group_by)
    for prefetch in _prefetches(query):
        prefetch.limit = max(prefetch.limit, limit)
    return run_query(collection.shard, query, lookups)


def _of_group(message: pb.QueryPointGroups, key: GroupKey, size: int) -> pb.QueryPointGroups:
    asked = pb.QueryPointGroups()
    asked.CopyFrom(message)
    match = pb.Match(integer=key) if isinstance(key, int) else pb.Match(keyword=key)
    mine = pb.Condition(field=pb.FieldCondition(key=message.group_by, match=match))
    asked.filter.Clear()
    asked.filter.must.append(mine)
    if message.HasField("filter"):
        asked.filter.must.add(filter=message.filter)
    for prefetch in _prefetches(asked):
        inner = pb.Filter(must=[mine])
        if prefetch.HasField("filter"):
            inner.must.add(filter=prefetch.filter)
        prefetch.filter.CopyFrom(inner)
        prefetch.limit = max(prefetch.limit, size)
    return asked


def _prefetches(message: pb.QueryPointGroups | pb.QueryPoints | pb.PrefetchQuery) -> Iterator[pb.PrefetchQuery]:
    """Yield what a query searches first, and what that searches before it."""
    for prefetch in message.prefetch:
        yield prefetch
        yield from _prefetches(prefetch)


def _keys(payload: Any, path: str) -> list[GroupKey]:
    """Return the groups that a point belongs to; a value that is neither text nor whole number keeps it out of all."""
    values = _values(payload or {}, path.replace("[]", "").split("."))
    if any(type(value) not in (int, str) for value in values):
        return []
    return list(dict.fromkeys(values))


def _values(value: Any, path: list[str]) -> list[Any]:
    if isinstance(value, list):
        return [found for item in value for found in _values(item, path)]
    if not path:
        return [value]
    if isinstance(value, dict) and path[0] in value:
        return _values(value[path[0]], path[1:])
    return []


def _group_id(key: GroupKey) -> pb.GroupId:
    if isinstance(key, str):
        return pb.GroupId(string_value=key)
    return pb.GroupId(unsigned_value=key) if key >= 0 else pb.GroupId(integer_value=key)


def _fetched(
    collection: Collection, message: pb.QueryPointGroups, hits: list[edge.ScoredPoint]
) -> list[pb.ScoredPoint]:
    """Return the hits with the payload and vectors that were asked for."""
    records = {
        record.id: record
        for record in collection.shard.retrieve(
            [hit.id for hit in hits],
            with_payload(message.with_payload, default=False),
            with_vectors(message.with_vectors),
        )
    }
    messages = []
    for hit in hits:
        found = scored_point_message(hit, vectors=False)
        found.ClearField("payload")
        record = records[hit.id]
        put_payload(found.payload, record.payload)
        if (stored := vectors_message(record.vector)) is not None:
            found.vectors.CopyFrom(stored)
        messages.append(found)
    return messages


def _look_up(group: pb.PointGroup, asked: pb.WithLookup, key: GroupKey, lookups: Lookups) -> None:
    request = pb.GetPoints(collection_name=asked.collection)
    if isinstance(key, int):
        request.ids.add(num=key)
    elif _is_uuid(key):
        request.ids.add(uuid=key)
    else:
        return
    request.with_payload.enable = True
    if asked.HasField("with_payload"):
        request.with_payload.CopyFrom(asked.with_payload)
    if asked.HasField("with_vectors"):
        request.with_vectors.CopyFrom(asked.with_vectors)
    for record in lookups.points(request):
        group.lookup.CopyFrom(record)


def _is_uuid(key: str) -> bool:
    try:
        uuid.UUID(key)
    except ValueError:
        return False
    return True
