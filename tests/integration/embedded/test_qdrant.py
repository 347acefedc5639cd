"""Qdrant Edge as an embedded engine: what it stored survives restarts and kills."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

from qdrant_client import AsyncQdrantClient, models
from qdrant_client import grpc as grpc_messages
from qdrant_client.conversions.conversion import RestToGrpc

from services.embedded.network import free_port
from services.embedded.process import State, SupervisedProcess
from services.embedded.qdrant import Qdrant, qdrant
from tests.engines import engine

_VECTOR = models.VectorParams(size=2, distance=models.Distance.DOT)


@contextlib.asynccontextmanager
async def _client(server: Qdrant) -> AsyncIterator[AsyncQdrantClient]:
    port = int(server.url.rpartition(":")[2])
    client = await asyncio.to_thread(
        AsyncQdrantClient, host="127.0.0.1", grpc_port=port, prefer_grpc=True, check_compatibility=False
    )
    try:
        yield client
    finally:
        await client.close()


def _server(folder: Path) -> Qdrant:
    return qdrant(folder / "qdrant", free_port(), folder / "qdrant.log")


async def _fill(server: Qdrant) -> None:
    async with _client(server) as client:
        await client.create_collection("材料", vectors_config=_VECTOR)
        await client.create_collection("empty", vectors_config=_VECTOR)
        await client.create_collection("gone", vectors_config=_VECTOR)
        await client.delete_collection("gone")
        points = [models.PointStruct(id=n, vector=[float(n), 1.0], payload={"n": n}) for n in range(500)]
        await client.upsert("材料", points=points)
        await client.delete("材料", points_selector=[0, 1])
        await client.create_payload_index("材料", "n", models.PayloadSchemaType.INTEGER)
        await client.set_payload("材料", payload={"seen": True}, points=[499])


async def _check(server: Qdrant) -> None:
    async with _client(server) as client:
        assert {item.name for item in (await client.get_collections()).collections} == {"材料", "empty"}
        assert (await client.count("材料")).count == 498
        found = await client.query_points("材料", query=[1.0, 0.0], limit=1)
        assert (found.points[0].id, found.points[0].payload) == (499, {"n": 499, "seen": True})
        assert "n" in (await client.get_collection("材料")).payload_schema


async def test_collections_survive_a_clean_restart(folder: Path) -> None:
    server = _server(folder)
    async with engine(server.spec):
        await _fill(server)
    async with engine(server.spec):
        await _check(server)


async def test_answered_writes_survive_a_kill(folder: Path) -> None:
    server = _server(folder)
    async with engine(server.spec) as process:
        await _fill(server)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        await _restarted(process)
        await _check(server)


async def test_a_half_made_collection_is_cleared_away(folder: Path) -> None:
    server = _server(folder)
    half = folder / "qdrant" / "collections" / "half" / "shard"
    await asyncio.to_thread(half.mkdir, parents=True)
    async with engine(server.spec), _client(server) as client:
        assert (await client.get_collections()).collections == []
    assert not await asyncio.to_thread(half.exists)


async def test_the_process_is_light(folder: Path) -> None:
    server = _server(folder)
    async with engine(server.spec) as process:
        await _fill(server)
        maps = await asyncio.to_thread(Path(f"/proc/{process.pid}/maps").read_text)
        status = await asyncio.to_thread(Path(f"/proc/{process.pid}/status").read_text)
    assert "libtorch" not in maps
    resident_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident_kib < 200 * 1024


async def test_a_second_server_on_a_folder_is_refused_in_plain_words(folder: Path) -> None:
    server, second = _server(folder), _server(folder)
    async with engine(server.spec):
        process = await asyncio.create_subprocess_exec(
            *second.spec.command,
            env={**os.environ, **second.spec.environment},
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1
        assert "is in use by process" in errors.decode()
        assert "Traceback" not in errors.decode()


async def test_long_calls_keep_nobody_waiting(folder: Path) -> None:
    server = _server(folder)
    async with engine(server.spec), _client(server) as client:
        await client.create_collection("long", vectors_config=_VECTOR)
        points = [models.PointStruct(id=n, vector=[float(n), 1.0], payload={"n": [n] * 40}) for n in range(20_000)]
        waits: list[float] = []

        async def search() -> None:
            while True:
                started = time.perf_counter()
                await client.query_points("long", query=[1.0, 0.0], limit=1)
                waits.append(time.perf_counter() - started)
                await asyncio.sleep(0.01)

        searching = asyncio.create_task(search())
        # What the client itself takes to convert is not the server's, and it must not stop the searches.
        request = await asyncio.to_thread(_upsert_request, points)
        waits.clear()
        started = time.perf_counter()
        await client.grpc_points.Upsert(request)
        await client.grpc_points.Scroll(grpc_messages.ScrollPoints(collection_name="long", limit=20_000))
        took = time.perf_counter() - started
        searching.cancel()
        assert len(waits) > 5
        assert max(waits) < took / 4


def _upsert_request(points: list[models.PointStruct]) -> grpc_messages.UpsertPoints:
    request = grpc_messages.UpsertPoints(collection_name="long", wait=True)
    request.points.extend(RestToGrpc.convert_point_struct(point) for point in points)
    return request


async def _restarted(process: SupervisedProcess) -> None:
    async with asyncio.timeout(30):
        while process.restarts == 0 or process.state is not State.READY:  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.02)
