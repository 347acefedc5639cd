"""`tiku up` and its like as processes, for tests that look at what they say and at how they end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from services.embedded.python import module_environment
from tests.processes import descendants

_UP_SECONDS = 90.0
_DOWN_SECONDS = 60.0
NO_EMBEDDER = {"TIKU_EMBED_BASE_URL": "http://127.0.0.1:9/v1", "TIKU_EMBED_MODEL": "none"}
"""No embedding model is loaded: these tests are about processes."""


@dataclass(slots=True)
class Up:
    """A running `tiku up`, what it wrote about itself, and what it said."""

    process: asyncio.subprocess.Process
    state_file: Path
    lines: list[str] = field(default_factory=list)
    reading: asyncio.Task[None] | None = None

    async def state(self) -> dict[str, Any]:
        """What `stack.json` says now."""
        found: dict[str, Any] = json.loads(await asyncio.to_thread(self.state_file.read_text))
        return found

    async def ended(self) -> tuple[int | None, str]:
        """Waits for its end; gives the exit code and everything that it said."""
        assert self.reading is not None
        async with asyncio.timeout(_DOWN_SECONDS):
            await self.reading
            await self.process.wait()
        return self.process.returncode, "".join(self.lines)

    async def family(self) -> set[int]:
        """Every process below it."""
        return await descendants(self.process.pid)

    async def said(self, words: str, seconds: float = _UP_SECONDS) -> str:
        """The first line with these words, once there is one."""
        async with asyncio.timeout(seconds):
            while True:
                for line in self.lines:
                    if words in line:
                        return line
                assert self.reading is not None
                assert not self.reading.done(), "".join(self.lines)
                await asyncio.sleep(0.02)


async def tiku(
    folder: Path, *arguments: str, environment: Mapping[str, str | None] | None = None, command: tuple[str, ...] = ()
) -> asyncio.subprocess.Process:
    """Starts a command of Tiku's in `folder`; a variable that is None is not set."""
    variables: dict[str, str | None] = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TIKU_")},
        **module_environment(),
        **NO_EMBEDDER,
        **(environment or {}),
    }
    return await asyncio.create_subprocess_exec(
        *(*command, sys.executable, "-m", "services", *arguments),
        cwd=folder,
        env={name: value for name, value in variables.items() if value is not None},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@contextlib.asynccontextmanager
async def running_up(folder: Path, **options: Any) -> AsyncIterator[Up]:
    """`tiku up` in `folder`, ready, for a block."""
    process = await tiku(folder, "up", "--data", "data", "--no-model", "--port", "0", "--ports", "free", **options)
    up = Up(process, folder / "data" / "run" / "stack.json")
    up.reading = asyncio.create_task(_read(up))
    try:
        await up.said("Tiku is ready")
        yield up
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await up.ended()


async def _read(up: Up) -> None:
    assert up.process.stdout is not None
    async for line in up.process.stdout:
        up.lines.append(line.decode())


async def readyz(gateway: str) -> tuple[int, dict[str, Any]]:
    """Status and body of /readyz."""
    async with aiohttp.ClientSession() as session, session.get(f"{gateway}/readyz") as answer:
        found: dict[str, Any] = await answer.json()
        return answer.status, found
