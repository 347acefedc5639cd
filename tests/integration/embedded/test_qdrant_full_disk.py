"""A full disk under the embedded Qdrant: writes are refused with the reason, reads go on, and nothing is restarted."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from qdrant_client import grpc as pb
from qdrant_client.grpc import collections_service_pb2_grpc, points_service_pb2_grpc

from services.embedded.network import free_port
from services.embedded.qdrant import qdrant
from tests.engines import engine

_NAME, _DIMENSION = "notes", 256


@pytest_asyncio.fixture
async def volume(folder: Path) -> AsyncIterator[Path]:
    """A small volume of its own; skips where none can be mounted."""
    made = folder / "volume"
    await asyncio.to_thread(made.mkdir)
    if not await _mount("-t", "tmpfs", "-o", "size=220m", "tmpfs", str(made)):
        pytest.skip("SKIPPED LOUDLY: a volume can be mounted by root only")
    yield made
    await asyncio.to_thread(subprocess.run, ["umount", "--lazy", str(made)], check=False)


async def _mount(*options: str) -> bool:
    done = await asyncio.to_thread(subprocess.run, ["mount", *options], check=False, capture_output=True)
    return done.returncode == 0


def _batch(dice: random.Random, start: int) -> pb.UpsertPoints:
    request = pb.UpsertPoints(collection_name=_NAME, wait=True)
    for number in range(start, start + 200):
        point = request.points.add()
        point.id.num = number
        point.vectors.vector.data.extend(dice.random() for _ in range(_DIMENSION))
        point.payload["text"].string_value = "word " * 400
    return request


def _fill_up(file: Path) -> None:
    with file.open("wb") as stream:
        try:
            while True:
                stream.write(b"x" * 1024 * 1024)
        except OSError:
            pass


async def test_writes_are_refused_and_reads_go_on(volume: Path, folder: Path) -> None:
    dice = random.Random(1)  # noqa: S311 - repeatable on purpose
    server = qdrant(volume / "qdrant", free_port(), folder / "qdrant.log")
    async with (
        engine(server.spec) as process,
        grpc.aio.insecure_channel(server.url.removeprefix("http://")) as channel,
    ):
        points = points_service_pb2_grpc.PointsStub(channel)  # type: ignore[no-untyped-call]
        create = pb.CreateCollection(collection_name=_NAME)
        create.vectors_config.params.size = _DIMENSION
        create.vectors_config.params.distance = pb.Distance.Dot
        await collections_service_pb2_grpc.CollectionsStub(channel).Create(create)  # type: ignore[no-untyped-call]
        stored = 0
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            while stored < 100_000:
                await points.Upsert(_batch(dice, stored))
                stored += 200
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (raised.value.details() or "").startswith("DISK_FULL")
        assert stored > 0

        # A deletion makes room, and may write in a part of the reserve.
        deletion = pb.DeletePoints(collection_name=_NAME, wait=True)
        deletion.points.points.ids.add().num = 0
        await points.Delete(deletion)
        stored -= 1

        await asyncio.to_thread(_fill_up, volume / "others")
        query = pb.QueryPoints(collection_name=_NAME, limit=5)
        query.query.nearest.dense.data.extend([1.0] * _DIMENSION)
        for _ in range(20):
            assert len((await points.Query(query)).result) == 5
        assert (await points.Count(pb.CountPoints(collection_name=_NAME))).result.count == stored

        await asyncio.to_thread(os.unlink, volume / "others")
        assert await _mount("-o", "remount,size=600m", str(volume))
        await asyncio.sleep(1.2)
        await points.Upsert(_batch(dice, stored + 1))
        assert (await points.Count(pb.CountPoints(collection_name=_NAME))).result.count == stored + 200
        assert process.restarts == 0
    # An upkeep under way may have ended with the room; what serves has not.
    assert "the worker of collection" not in await asyncio.to_thread((folder / "qdrant.log").read_text)
