"""When a collection is written out: a flush holds up every call, so it waits for a pause in the writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.collections import Collection
from services.embedded.qdrant_server.schema import VectorSchema


class _Shard:
    """Counts what is asked of it."""

    def __init__(self) -> None:
        self.flushes = 0

    def update(self, _operation: object) -> None: ...

    def flush(self) -> None:
        self.flushes += 1


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    shard: Any = _Shard()
    description = pb.CreateCollection(collection_name="notes")
    return Collection(tmp_path, description, shard, VectorSchema.of(description))


def _write(collection: Collection) -> None:
    operation: Any = object()
    collection.update(operation)


def _flushes(collection: Collection) -> int:
    shard: Any = collection.shard
    return int(shard.flushes)


def test_a_pause_is_used_once(collection: Collection) -> None:
    _write(collection)
    collection.flush_if_worthwhile()
    assert _flushes(collection) == 0
    collection.flush_if_worthwhile()
    assert _flushes(collection) == 1
    collection.flush_if_worthwhile()
    assert _flushes(collection) == 1


def test_writes_that_never_pause_are_written_out_now_and_then(collection: Collection) -> None:
    for _ in range(24):
        _write(collection)
        collection.flush_if_worthwhile()
    assert _flushes(collection) == 2


def test_the_end_writes_out_what_is_left(collection: Collection) -> None:
    _write(collection)
    collection.flush()
    assert _flushes(collection) == 1
