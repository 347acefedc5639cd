"""`tiku up` as a process: comes up, refuses a second one, survives kills, leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from services.embedded.python import module_environment
from tests.processes import descendants, gone

_UP_SECONDS = 90.0
_DOWN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Up:
    """A running `tiku up` and what it wrote about itself."""

    process: asyncio.subprocess.Process
    state_file: Path

    async def state(self) -> dict[str, Any]:
        """What `stack.json` says now."""
        found: dict[str, Any] = json.loads(await asyncio.to_thread(self.state_file.read_text))
        return found

    async def ended(self) -> tuple[int | None, str]:
        """Waits for its end; gives the exit code and what it still said."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_DOWN_SECONDS):
            output = await self.process.stdout.read()
            await self.process.wait()
        return self.process.returncode, output.decode()

    async def family(self) -> set[int]:
        """Every process below it."""
        return await descendants(self.process.pid)


async def _command(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    # No embedding model is loaded: these tests are about processes.
    environment = {"TIKU_EMBED_BASE_URL": "http://127.0.0.1:9/v1", "TIKU_EMBED_MODEL": "none"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", *arguments),
        cwd=folder,
        env={**os.environ, **module_environment(), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@contextlib.asynccontextmanager
async def _up(folder: Path) -> AsyncIterator[Up]:
    process = await _command(folder, "up", "--data", "data", "--no-model", "--port", "0", "--ports", "free")
    up = Up(process, folder / "data" / "run" / "stack.json")
    assert process.stdout is not None
    seen = b""
    try:
        async with asyncio.timeout(_UP_SECONDS):
            async for line in process.stdout:
                seen += line
                if b"Tiku is ready" in line:
                    break
        assert process.returncode is None, seen.decode()
        yield up
    finally:
        if process.returncode is None:
            process.terminate()
        await up.ended()


async def _ready(gateway: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{gateway}/readyz") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def test_it_serves_refuses_a_second_one_and_ends_cleanly(folder: Path) -> None:
    async with _up(folder) as up:
        state = await up.state()
        assert set((await _ready(state["gateway"]))["services"].values()) == {"SERVING"}
        assert set(state["services"]) == {"llm", "retrieval", "docs", "exercises", "gateway"}
        assert set(state["engines"]) == {"postgres", "qdrant"}
        second = await _command(folder, "up", "--data", "data", "--port", "0", "--ports", "free", "--no-model")
        output, _ = await second.communicate()
        assert second.returncode == 1
        assert f"in use by process {up.process.pid} (tiku up --data data" in " ".join(output.decode().split())
        family = await up.family()
        up.process.send_signal(signal.SIGTERM)
        assert (await up.ended())[0] == 0
        await gone(family)
    assert not await asyncio.to_thread(up.state_file.exists)


async def test_data_survives_a_kill_of_everything_at_once(folder: Path) -> None:
    async with _up(folder) as up:
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
    async with _up(folder) as again:
        state = await again.state()
        connection = await asyncpg.connect(state["environment"]["TIKU_POSTGRES_DSN"])
        assert await connection.fetchval("SELECT count(*) FROM kept") == 100
        await connection.close()
        assert (await _ready(state["gateway"]))["status"] == "ready"


async def test_nothing_outlives_a_killed_stack(folder: Path) -> None:
    async with _up(folder) as up:
        family = await up.family()
        assert len(family) > 7
        up.process.kill()
        await up.ended()
        await gone(family)


async def test_a_service_that_dies_comes_back_once_and_then_ends_the_stack(folder: Path) -> None:
    async with _up(folder) as up:
        first = (await up.state())["services"]["retrieval"]["pid"]
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(_UP_SECONDS):
            while (second := (await up.state())["services"]["retrieval"]["pid"]) in (first, None):  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # another process writes the file: there is no event
        family = await up.family()
        os.kill(second, signal.SIGKILL)
        code, output = await up.ended()
        await gone(family)
    assert code == 1
    assert "retrieval ended with signal SIGKILL" in output
    assert "logs/retrieval.log" in output
