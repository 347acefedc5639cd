"""No engine outlives its parent, however the parent ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from services.embedded.python import module_environment
from tests.processes import descendants, gone

# A parent that runs three kinds of children: PostgreSQL with its own children, Edge, and one that ignores SIGTERM.
_PARENT = """
import asyncio, sys
from pathlib import Path
from services.embedded.network import free_port
from services.embedded.postgres import postgres
from services.embedded.process import ProcessSpec, SupervisedProcess
from services.embedded.qdrant import qdrant

async def main(folder):
    async def probe(): pass
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    specs = [
        postgres(folder / "pg", folder / "run", folder / "pg.log").spec,
        qdrant(folder / "qdrant", free_port(), folder / "qdrant.log").spec,
        ProcessSpec("deaf", [sys.executable, "-c", deaf], folder / "deaf.log", probe, stop_timeout=0.5),
    ]
    processes = [SupervisedProcess(spec) for spec in specs]
    await asyncio.gather(*(process.start() for process in processes))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(15, stop.set)
    print("ready", flush=True)
    await stop.wait()
    await asyncio.gather(*(process.stop() for process in processes))

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
async def test_nothing_outlives_the_parent(folder: Path, number: signal.Signals) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PARENT, str(folder)),
        env={**os.environ, **module_environment()},
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    async with asyncio.timeout(60):
        assert await parent.stdout.readline() == b"ready\n"
    family = await descendants(parent.pid)
    assert len(family) > 5  # PostgreSQL's own children are among them.
    parent.send_signal(number)
    async with asyncio.timeout(20):
        await parent.wait()
    await gone(family)
