"""Qdrant Edge as an embedded engine: what it stored survives restarts and kills."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from qdrant_client import AsyncQdrantClient, models
from qdrant_client import grpc as grpc_messages
from qdrant_client.conversions.conversion import RestToGrpc

from services.embedded.network import RefusedAnswerError, free_port
from services.embedded.process import State, SupervisedProcess
from services.embedded.python import module_command, module_environment
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
    half = folder / "qdrant" / "collections" / uuid.uuid4().hex / "shard"
    strange = folder / "qdrant" / "collections" / "of another program"
    for made in (half, strange):
        await asyncio.to_thread(made.mkdir, parents=True)
    async with engine(server.spec), _client(server) as client:
        assert (await client.get_collections()).collections == []
    assert not await asyncio.to_thread(half.exists)
    assert await asyncio.to_thread(strange.exists)


def _cut(folder: Path, name: str, kind: str) -> None:
    """Leave half of each file of a kind in the image of a collection."""
    described = (folder / "qdrant" / "collections").glob("*/collection.pb")
    (home,) = (file.parent for file in described if name.encode() in file.read_bytes())
    files = list(home.glob(f"image-*/**/{kind}"))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("kind", ["segment.json", "version.info", "edge_config.json"])
async def test_a_damaged_collection_says_so_and_the_others_serve(folder: Path, kind: str) -> None:
    server = _server(folder)
    async with engine(server.spec):
        await _fill(server)
        await server.is_whole()
    await asyncio.to_thread(_cut, folder, "材料", kind)
    server = _server(folder)
    async with engine(server.spec), _client(server) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.count("材料")
        assert caught.value.code() is grpc.StatusCode.DATA_LOSS
        assert (caught.value.details() or "").startswith(
            "DAMAGED: collection '材料' cannot be loaded: restore a backup"
        )
        with pytest.raises(RefusedAnswerError):
            await server.is_whole()
        assert (await client.count("empty")).count == 0
        await client.delete_collection("材料")
        await server.is_whole()
        await client.create_collection("材料", vectors_config=_VECTOR)
        assert (await client.count("材料")).count == 0
    with pytest.raises(RuntimeError) as gone:
        await server.is_whole()
    assert not isinstance(gone.value, RefusedAnswerError)


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


@pytest.fixture
def damaged(folder: Path) -> Path:
    """A damaged file of a data folder's, and a file where a data folder is wanted."""
    (folder / "file").write_text("x")
    made = folder / "damaged" / "collections" / "aliases.json"
    made.parent.mkdir(parents=True)
    made.write_text("x")
    return made


async def test_a_start_that_is_refused_is_a_line(folder: Path, damaged: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        found = await asyncio.gather(
            _refusal(folder / "file"),
            _refusal(folder / "file" / "below"),
            _refusal(folder / "damaged"),
            _refusal(folder / "a", "--port", port),
            _refusal(folder / "b", "--metrics", f"127.0.0.1:{port}"),
        )
    hint = f"cannot be used: {folder}/file is not a folder: move it away, or choose another folder with --data"
    assert found[0] == f"the data folder {folder}/file {hint}"
    assert found[1] == f"the data folder {folder}/file/below {hint}"
    assert found[2].startswith(f"{damaged} is damaged: ")
    assert found[3] == found[4] == f"cannot listen on 127.0.0.1:{port}: the port is in use"


async def _refusal(data: Path, *options: str) -> str:
    """Start a server that refuses to serve, and return what it says."""
    process = await asyncio.create_subprocess_exec(
        *module_command("services.embedded.qdrant_server", "--data", str(data), "--port", "0", *options),
        env={**os.environ, **module_environment()},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    (line,) = errors.decode().splitlines()
    return line


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
