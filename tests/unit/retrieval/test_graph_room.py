"""The graph's store on a disk that is nearly full: what adds is refused, what reads and removes is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from neo4j import AsyncDriver

from services.common.values import Source
from services.kit.disk_room import DiskRoom
from services.kit.errors import ResourceExhausted
from services.retrieval.adapters.graphs.neo4j import Neo4jGraphStore
from services.retrieval.adapters.graphs.pulse import Pulse
from services.retrieval.values.graph import Contribution, Link, Mention


class ReachedError(Exception):
    """The engine was asked."""


class Driver:
    """Says that it was asked."""

    def __getattr__(self, name: str) -> Any:
        raise ReachedError(name)


def store(path: Path, reserve_bytes: int) -> Neo4jGraphStore:
    room = DiskRoom(path, reserve_bytes)
    return Neo4jGraphStore(cast(AsyncDriver, Driver()), "neo4j", 5.0, Pulse(asyncio.Event().wait), room)


def added() -> Contribution:
    quote = Source(start=0, end=6, quote="Water.", document_id="d", document_name="a.txt", chunk_id="c", page=1)
    return Contribution((Mention(0, 5, "Water", "water", "", quote),), (), ())


async def test_what_adds_is_refused_without_room(tmp_path: Path) -> None:
    full = store(tmp_path, 2**62)
    for change in (full.add("alice", added()), full.decide("alice", Link("1", "2", "a", "b", True))):
        with pytest.raises(ResourceExhausted) as caught:
            await change
        assert caught.value.reason == "DISK_FULL"
    for other in (full.delete_document("alice", "d"), full.undo("alice", "1"), full.frequent("alice", [], 1)):
        with pytest.raises(ReachedError):
            await other


async def test_with_room_the_engine_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ReachedError):
        await store(tmp_path, 0).add("alice", added())
