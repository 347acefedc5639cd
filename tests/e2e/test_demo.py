"""`tiku demo --exit` as a newcomer runs it, without the chat model: engines, services, gateway, two real documents."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from services import models

REPOSITORY = Path(__file__).parents[2]
SECONDS = 240.0


@pytest.mark.model
@pytest.mark.timeout(SECONDS + 30)
async def test_every_step_of_the_demo_holds(tmp_path: Path) -> None:
    if await models.path("multilingual-e5-small") is None:
        pytest.skip("the embedding model is not here: tiku models pull multilingual-e5-small")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "demo", "--exit", "--no-model"),
        *("--data", str(tmp_path / "data"), "--port", "0", "--ports", "free"),
        cwd=REPOSITORY,
        env={**os.environ, "COLUMNS": "120"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    screen = output.decode()
    assert process.returncode == 0, screen
    held = [line for line in screen.splitlines() if line.startswith("✓ ")]
    graphs = 2 if find_spec("arcadedb_embedded") else 0
    assert len(held) == 10 + graphs, screen
    assert "found" in screen, "what each leg found"
