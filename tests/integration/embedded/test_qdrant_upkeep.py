"""Upkeep of the embedded Qdrant goes on beside the service: nobody waits for it, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import grpc
import psutil
import pytest
from qdrant_client import grpc as pb
from qdrant_client.grpc import collections_service_pb2_grpc, points_service_pb2_grpc, qdrant_pb2_grpc

from services.embedded.network import free_port
from services.embedded.qdrant import Qdrant, qdrant
from tests.engines import engine

_DIMENSION = 64
_NAME = "notes"


def _server(folder: Path, upkeep_points: int) -> Qdrant:
    server = qdrant(folder / "qdrant", free_port(), folder / "qdrant.log")
    command = [*server.spec.command, "--upkeep-points", str(upkeep_points)]
    return dataclasses.replace(server, spec=dataclasses.replace(server.spec, command=command))


def _channel(server: Qdrant) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(server.url.removeprefix("http://"))


def _points(channel: grpc.aio.Channel) -> points_service_pb2_grpc.PointsStub:
    return points_service_pb2_grpc.PointsStub(channel)  # type: ignore[no-untyped-call]


async def _create(channel: grpc.aio.Channel, dimension: int = _DIMENSION) -> None:
    request = pb.CreateCollection(collection_name=_NAME)
    request.vectors_config.params.size = dimension
    request.vectors_config.params.distance = pb.Distance.Dot
    await collections_service_pb2_grpc.CollectionsStub(channel).Create(request)  # type: ignore[no-untyped-call]


def _upsert(dice: random.Random, ids: range, mark: int) -> pb.UpsertPoints:
    request = pb.UpsertPoints(collection_name=_NAME, wait=True)
    for number in ids:
        point = request.points.add()
        point.id.num = number
        point.vectors.vector.data.extend(dice.uniform(-1, 1) for _ in range(_DIMENSION))
        point.payload["mark"].integer_value = mark
    return request


def _delete(ids: range) -> pb.DeletePoints:
    request = pb.DeletePoints(collection_name=_NAME, wait=True)
    request.points.points.ids.extend(pb.PointId(num=number) for number in ids)
    return request


async def _stored(points: points_service_pb2_grpc.PointsStub) -> dict[int, int]:
    """Every point's mark."""
    request = pb.ScrollPoints(collection_name=_NAME, limit=100_000)
    request.with_payload.enable = True
    answer = await points.Scroll(request)
    assert len(answer.result) == len({point.id.num for point in answer.result})
    return {point.id.num: point.payload["mark"].integer_value for point in answer.result}


async def _images(folder: Path) -> list[int]:
    """The numbers of the images that there are."""
    paths = await asyncio.to_thread(lambda: list(folder.glob("qdrant/collections/*/image-*")))
    return sorted(int(path.name.removeprefix("image-")) for path in paths)


async def _until(condition: Callable[[list[int]], bool], folder: Path) -> None:
    async with asyncio.timeout(60):
        while not condition(await _images(folder)):  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.05)


async def test_upkeep_goes_on_beside_reads_and_writes(folder: Path) -> None:
    server, dice = _server(folder, 1_000), random.Random(1)  # noqa: S311 - repeatable on purpose
    async with engine(server.spec), _channel(server) as channel:
        await _create(channel)
        points = _points(channel)
        expected: dict[int, int] = {}
        number = 0

        async def search() -> None:
            while True:
                query = pb.QueryPoints(collection_name=_NAME, limit=5)
                query.query.nearest.dense.data.extend(dice.uniform(-1, 1) for _ in range(_DIMENSION))
                await points.Query(query)
                await asyncio.sleep(0.005)

        async with asyncio.TaskGroup() as group:
            searching = group.create_task(search())
            while max(await _images(folder)) == 0 or number < 4_000:
                assert number < 100_000
                ids = range(number, number + 50)
                await points.Upsert(_upsert(dice, ids, number))
                expected.update(dict.fromkeys(ids, number))
                await points.Delete(_delete(range(number, number + 3)))
                for gone in range(number, number + 3):
                    del expected[gone]
                number += 50
            searching.cancel()
        assert await _stored(points) == expected
        await _until(lambda images: len(images) == 1, folder)
        assert await _stored(points) == expected
    async with engine(server.spec), _channel(server) as channel:
        assert await _stored(_points(channel)) == expected


async def test_what_was_not_indexed_before_a_stop_is_indexed_after_it(folder: Path) -> None:
    lazy, eager = _server(folder, 1_000_000), _server(folder, 500)
    dice = random.Random(2)  # noqa: S311 - repeatable on purpose
    async with engine(lazy.spec), _channel(lazy) as channel:
        await _create(channel)
        await _points(channel).Upsert(_upsert(dice, range(600), 1))
    assert await _images(folder) == [0]
    async with engine(eager.spec), _channel(eager) as channel:
        await _until(lambda images: images == [1], folder)
        assert len(await _stored(_points(channel))) == 600


async def test_vectors_that_come_and_go_do_so_after_a_kill_and_in_a_new_image(folder: Path) -> None:
    lazy, eager = _server(folder, 1_000_000), _server(folder, 500)
    dice = random.Random(4)  # noqa: S311 - repeatable on purpose
    words = pb.SparseVector(indices=[7], values=[1.0])
    asked = pb.QueryPoints(collection_name=_NAME, limit=5, using="words")
    asked.query.nearest.sparse.CopyFrom(words)

    async def found(channel: grpc.aio.Channel) -> list[int]:
        return [hit.id.num for hit in (await _points(channel).Query(asked)).result]

    async with engine(lazy.spec) as process, _channel(lazy) as channel:
        await _create(channel)
        await _points(channel).Upsert(_upsert(dice, range(600), 1))
        added = pb.CreateVectorNameRequest(collection_name=_NAME, wait=True, vector_name="words")
        added.sparse_config.modifier = pb.Modifier.Idf
        for _ in range(2):
            await _points(channel).CreateVectorName(added)
        update = pb.UpdatePointVectors(collection_name=_NAME, wait=True)
        point = update.points.add()
        point.id.num = 5
        point.vectors.vectors.vectors["words"].sparse.CopyFrom(words)
        await _points(channel).UpdateVectors(update)
        assert await found(channel) == [5]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
    async with engine(eager.spec), _channel(eager) as channel:
        assert await found(channel) == [5]
        await _until(lambda images: len(images) == 1 and images[0] > 0, folder)
        assert await found(channel) == [5]
    async with engine(eager.spec), _channel(eager) as channel:
        assert await found(channel) == [5]
        collections = collections_service_pb2_grpc.CollectionsStub(channel)  # type: ignore[no-untyped-call]
        info = await collections.Get(pb.GetCollectionInfoRequest(collection_name=_NAME))
        assert info.result.config.params.sparse_vectors_config.map["words"].modifier == pb.Modifier.Idf
        # And one that was deleted is not.
        before = await _images(folder)
        await _points(channel).DeleteVectorName(pb.DeleteVectorNameRequest(collection_name=_NAME, vector_name="words"))
        await _points(channel).Upsert(_upsert(dice, range(600, 1_200), 2))
        await _until(lambda images: len(images) == 1 and images > before, folder)
    async with engine(lazy.spec), _channel(lazy) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="Not existing vector name"):
            await found(channel)
        assert len(await _stored(_points(channel))) == 1_200


_LARGE, _WIDE = 10_000, 384


_FAMILY_SECONDS = 0.5


class _Starved:
    """Seconds for which this process's loop and the processes that serve have waited for a core so far."""

    def __init__(self, server: int) -> None:
        self._server = psutil.Process(server)
        self._serving: list[str] = []
        self._looked = 0.0

    def family(self) -> list[str]:
        """Whose waiting counts: to look for them takes as long as a call, so they are looked for now and then."""
        if time.monotonic() - self._looked > _FAMILY_SECONDS:
            self._serving = ["self", *map(str, self._find())]
            self._looked = time.monotonic()
        return self._serving

    def _find(self) -> Iterator[int]:
        for process in (self._server, *self._server.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                if process.nice() <= psutil.Process().nice():
                    yield process.pid

    @staticmethod
    def seconds(family: list[str]) -> float:
        nanoseconds = 0
        for name in family:
            with contextlib.suppress(OSError):
                nanoseconds += int(Path(f"/proc/{name}/schedstat").read_text().split()[1])
        return nanoseconds * 1e-9


@pytest.mark.alone  # Beside other tests, calls wait for the disk as well, which no process is told.
@pytest.mark.parametrize("upkeep", [pytest.param(1_000_000, id="without"), pytest.param(5_000, id="with")])
async def test_no_call_waits_for_upkeep(folder: Path, upkeep: int) -> None:
    server, dice = _server(folder, upkeep), random.Random(3)  # noqa: S311 - repeatable on purpose
    row = [dice.uniform(-1, 1) for _ in range(_WIDE + _LARGE)]
    async with engine(server.spec) as process, _channel(server) as channel:
        await _create(channel, _WIDE)
        points, health = _points(channel), qdrant_pb2_grpc.QdrantStub(channel)  # type: ignore[no-untyped-call]
        held: list[float] = []
        assert process.pid is not None
        starved = await asyncio.to_thread(_Starved, process.pid)

        async def measure(call: Awaitable[object]) -> None:
            family = await asyncio.to_thread(starved.family)
            before, started = await asyncio.to_thread(starved.seconds, family), time.perf_counter()
            await call
            took = time.perf_counter() - started
            held.append(took - (await asyncio.to_thread(starved.seconds, family) - before))

        for start in range(0, _LARGE, 100):
            request = pb.UpsertPoints(collection_name=_NAME, wait=True)
            for number in range(start, start + 100):
                point = request.points.add()
                point.id.num = number
                point.vectors.vector.data.extend(row[number : number + _WIDE])
            await measure(points.Upsert(request))
            if start % 1_000 == 0:
                await measure(health.HealthCheck(pb.HealthCheckRequest()))
        query = pb.QueryPoints(collection_name=_NAME, limit=5)
        query.query.nearest.dense.data.extend(row[:_WIDE])
        ends = time.monotonic() + (120 if upkeep < _LARGE else 3)
        while time.monotonic() < ends and (upkeep > _LARGE or min(await _images(folder)) == 0):
            await measure(points.Query(query))
            await measure(health.HealthCheck(pb.HealthCheckRequest()))
            await measure(points.Upsert(_upsert_wide(row, 1)))
            await asyncio.sleep(0.01)
        assert max(held) < 0.25
        if upkeep < _LARGE and max(await _images(folder)) == 0:
            pytest.skip("SKIPPED LOUDLY: the machine is too busy to finish an upkeep; nobody waited for what it did")


def _upsert_wide(row: list[float], number: int) -> pb.UpsertPoints:
    request = pb.UpsertPoints(collection_name=_NAME, wait=True)
    point = request.points.add()
    point.id.num = number
    point.vectors.vector.data.extend(row[number : number + _WIDE])
    return request


def _workers(server: int) -> list[int]:
    """The workers of a server: children of the process that it starts them with."""
    return [worker.pid for template in psutil.Process(server).children() for worker in template.children()]


@pytest.mark.parametrize("seed", range(3))
async def test_kills_of_any_process_lose_and_double_nothing(folder: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    server = _server(folder, 300)
    async with engine(server.spec) as process, _channel(server) as channel:
        await _create(channel)
        points = _points(channel)
        expected: dict[int, int | None] = {}
        unsure: set[int] = set()

        async def write() -> None:
            for mark in range(10_000):
                ids = range(start := dice.randrange(2_000), start + 20)
                delete = dice.random() < 0.2
                unsure.update(ids)
                try:
                    call = points.Delete(_delete(ids)) if delete else points.Upsert(_upsert(dice, ids, mark))
                    await asyncio.wait_for(call, 20)
                except (grpc.aio.AioRpcError, TimeoutError):
                    await asyncio.sleep(0.05)
                    continue
                unsure.difference_update(ids)
                expected.update(dict.fromkeys(ids, None if delete else mark))

        writing = asyncio.create_task(write())
        assert process.pid is not None
        for _ in range(6):
            await asyncio.sleep(dice.uniform(0.1, 1.0))
            if workers := await asyncio.to_thread(_workers, process.pid):
                # One that was replaced meanwhile is gone.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(dice.choice(workers), signal.SIGKILL)
        # Once only: `engine` gives up on a program that ends again and again.
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.sleep(0.2)
        writing.cancel()
        await asyncio.wait([writing])
        await _answers(channel)
        found = await _stored(points)
        for number, mark in expected.items():
            if number not in unsure:
                assert found.get(number) == mark


async def _answers(channel: grpc.aio.Channel) -> None:
    health = qdrant_pb2_grpc.QdrantStub(channel)  # type: ignore[no-untyped-call]
    started = time.monotonic()
    while time.monotonic() - started < 30:
        try:
            await health.HealthCheck(pb.HealthCheckRequest(), timeout=1)
            return
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.1)
    pytest.fail("the server does not answer")
