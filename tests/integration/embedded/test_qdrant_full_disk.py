"""A full disk under the embedded Qdrant: writes are refused with the reason, reads go on, and nothing is restarted."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from qdrant_client import grpc as pb
from qdrant_client.grpc import collections_service_pb2_grpc, points_service_pb2_grpc

from services.embedded.network import free_port
from services.embedded.process import SupervisedProcess
from services.embedded.qdrant import qdrant
from services.embedded.qdrant_server import spare_room
from tests.engines import engine
from tests.waiting import eventually

_NAME, _DIMENSION = "notes", 256


@pytest_asyncio.fixture
async def volume(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[Path]:
    """A small volume of its own; skips where none can be mounted. Its parameter is its size."""
    made = folder / "volume"
    await asyncio.to_thread(made.mkdir)
    if not await _mount("-t", "tmpfs", "-o", f"size={getattr(request, 'param', '220m')}", "tmpfs", str(made)):
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


async def _create(channel: grpc.aio.Channel, name: str = _NAME) -> None:
    create = pb.CreateCollection(collection_name=name)
    create.vectors_config.params.size = _DIMENSION
    create.vectors_config.params.distance = pb.Distance.Dot
    await collections_service_pb2_grpc.CollectionsStub(channel).Create(create)  # type: ignore[no-untyped-call]


async def _store_until_full(points: points_service_pb2_grpc.PointsStub, dice: random.Random) -> int:
    """Store points until that is refused, and return how many."""
    stored = 0
    with _refused():
        while stored < 100_000:
            await points.Upsert(_batch(dice, stored))
            stored += 200
    assert stored > 0
    return stored


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        yield
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (raised.value.details() or "").startswith("DISK_FULL")


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
        await _create(channel)
        stored = await _store_until_full(points, dice)

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


async def _kill(process: SupervisedProcess) -> None:
    assert process.pid is not None
    killed, restarts = process.pid, process.restarts
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: process.restarts > restarts and process.pid != killed)


async def _stores(points: points_service_pb2_grpc.PointsStub, batch: pb.UpsertPoints) -> bool:
    try:
        await points.Upsert(batch)
    except grpc.aio.AioRpcError as error:
        return not (error.details() or "").startswith("DISK_FULL")
    return True


def _left_elsewhere(collections: Path) -> list[Path]:
    """What working copies on other volumes have left."""
    owners = list(collections.iterdir())
    return [
        found
        for owner in owners
        for volume in spare_room._volumes(owner)
        for found in volume.glob(f"{spare_room._prefix(owner)}*")
    ]


@pytest.mark.parametrize("volume", ["140m"], indirect=True)
async def test_reads_go_on_after_crashes_on_a_full_disk(volume: Path, folder: Path) -> None:
    dice = random.Random(1)  # noqa: S311 - repeatable on purpose
    server = qdrant(volume / "qdrant", free_port(), folder / "qdrant.log")
    # Without upkeep the log stays, and has to be applied again after a crash.
    command = [*server.spec.command, "--upkeep-points", "1000000"]
    spec = dataclasses.replace(server.spec, command=command)
    options = (("grpc.max_reconnect_backoff_ms", 200),)
    async with (
        engine(spec) as process,
        grpc.aio.insecure_channel(server.url.removeprefix("http://"), options=options) as channel,
    ):
        points = points_service_pb2_grpc.PointsStub(channel)  # type: ignore[no-untyped-call]
        await _create(channel)
        await _create(channel, "new")
        stored = await _store_until_full(points, dice)
        query = pb.QueryPoints(collection_name=_NAME, limit=5)
        query.query.nearest.dense.data.extend([1.0] * _DIMENSION)

        async def reads_go_on() -> None:
            counted = await points.Count(pb.CountPoints(collection_name=_NAME), wait_for_ready=True)
            assert counted.result.count == stored
            counted = await points.Count(pb.CountPoints(collection_name="new"), wait_for_ready=True)
            assert counted.result.count == 0
            assert len((await points.Query(query)).result) == 5

        # The guard alone calls the disk full; then it is, and what the killed worker had is taken by others.
        await _kill(process)
        await reads_go_on()
        await asyncio.to_thread(_fill_up, volume / "others")
        for _ in range(2):
            await _kill(process)
            await asyncio.to_thread(_fill_up, volume / f"more {process.pid}")
            await reads_go_on()
            with _refused():
                await points.Upsert(_batch(dice, stored))
            with _refused():
                await _create(channel, "another")

        assert await _mount("-o", "remount,size=600m", str(volume))
        restarts = process.restarts
        while not await _stores(points, _batch(dice, stored)):  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.1)
        assert (await points.Count(pb.CountPoints(collection_name=_NAME))).result.count == stored + 200
        assert process.restarts == restarts
    assert "Traceback" not in await asyncio.to_thread((folder / "qdrant.log").read_text)
    assert await asyncio.to_thread(_left_elsewhere, volume / "qdrant" / "collections") == []
