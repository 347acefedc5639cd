"""`tiku up` as a process: comes up, refuses a second one, survives kills, leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from services.embedded.network import http_get
from tests.integration.embedded.stack_command import Up, readyz, running_up, tiku
from tests.processes import gone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

_UP_SECONDS = 90.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[Up]:
    """A stack that tests share; the last of them ends it."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tiku-"))
    async with running_up(folder) as up:
        yield up
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def test_it_serves_and_refuses_a_second_one(stack: Up) -> None:
    state = await stack.state()
    assert await readyz(state["gateway"]) == (
        200,
        {
            "status": "ready",
            "services": dict.fromkeys(("llm", "retrieval", "docs", "exercises"), "SERVING"),
            "down": {},
            "disk": "ok",
        },
    )
    assert set(state["services"]) == {"llm", "retrieval", "docs", "exercises", "gateway"}
    assert set(state["engines"]) == {"postgres", "qdrant"}
    assert state["environment"]["TIKU_NEO4J_URL"] == "", "nobody asked for a graph"
    folder = stack.state_file.parents[2]
    second = await tiku(folder, "up", "--data", "data", "--port", "0", "--ports", "free", "--no-model")
    output, _ = await second.communicate()
    assert second.returncode == 1
    assert f"in use by process {stack.process.pid} (tiku up --data data" in " ".join(output.decode().split())


async def test_data_survives_a_kill_of_everything_at_once_and_nothing_outlives_a_killed_stack(folder: Path) -> None:
    async with running_up(folder) as up:
        dsn = (await up.state())["environment"]["TIKU_POSTGRES_DSN"]
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 100) AS n")
        family = await up.family()
        for pid in {*family, up.process.pid}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await up.ended()
        await gone(family)
        connection.terminate()
    async with running_up(folder) as again:
        state = await again.state()
        connection = await asyncpg.connect(state["environment"]["TIKU_POSTGRES_DSN"])
        assert await connection.fetchval("SELECT count(*) FROM kept") == 100
        await connection.close()
        assert (await readyz(state["gateway"]))[1]["status"] == "ready"
        family = await again.family()
        assert len(family) > 7
        again.process.kill()
        await again.ended()
        await gone(family)


async def _killed(up: Up, name: str) -> int:
    state = await up.state()
    pid: int = {**state["services"], **state["engines"]}[name]["pid"]
    os.kill(pid, signal.SIGKILL)
    return pid


async def _back(up: Up, name: str, dead: int) -> None:
    async with asyncio.timeout(_UP_SECONDS):
        while True:
            state = await up.state()
            if {**state["services"], **state["engines"]}[name]["pid"] not in (dead, None) and name not in state["down"]:
                return
            await asyncio.sleep(0.05)  # Another process writes the file: there is no event.


async def _all_ready(gateway: str) -> None:
    async with asyncio.timeout(_UP_SECONDS):
        while (await readyz(gateway))[0] != 200:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.1)


async def test_an_engine_that_falls_comes_back_under_the_services(stack: Up) -> None:
    gateway = (await stack.state())["gateway"]
    for name in ("postgres", "qdrant", "postgres"):
        await _back(stack, name, await _killed(stack, name))
        await _all_ready(gateway)
    state = await stack.state()
    connection = await asyncpg.connect(state["environment"]["TIKU_POSTGRES_DSN"])
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_a_service_that_falls_comes_back_and_at_the_fifth_time_the_rest_serves_on_and_ends(stack: Up) -> None:
    gateway = (await stack.state())["gateway"]
    for crash in range(1, 5):
        await _back(stack, "retrieval", await _killed(stack, "retrieval"))
        await _all_ready(gateway)
        restarting = [line for line in stack.lines if "restarting: retrieval ended with signal SIGKILL" in line]
        assert len(restarting) == crash
    await _killed(stack, "retrieval")
    line = await stack.said("down: retrieval ended with signal SIGKILL")
    assert str(stack.state_file.parents[1] / "logs" / "retrieval.log") in line
    assert "5 crashes within 10 minutes" in line
    assert "tried again in 10 minutes" in line
    async with asyncio.timeout(10):
        while "retrieval" not in (ready := await readyz(gateway))[1]["down"]:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    status, found = ready
    assert (status, found["services"]["retrieval"]) == (503, "UNREACHABLE")
    assert {found["services"][name] for name in ("llm", "docs", "exercises")} == {"SERVING"}
    assert found["down"] == {"retrieval": "retrieval ended with signal SIGKILL"}
    host, port = gateway.removeprefix("http://").split(":")
    for path in ("/", "/api/v1/documents", "/api/v1/exercises"):
        assert (await http_get(host, int(port), path))[0] == 200, path
    assert stack.process.returncode is None

    family = await stack.family()
    stack.process.send_signal(signal.SIGTERM)
    assert (await stack.ended())[0] == 0
    await gone(family)
    assert not await asyncio.to_thread(stack.state_file.exists)
