"""What computes steps back behind what serves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from services.kit.priority import NICE, stand_aside, step_back
from services.kit.workers import WorkerPool


def _standing() -> tuple[int, int]:
    """Niceness and session of this process."""
    return os.nice(0), os.getsid(0)


async def test_a_worker_process_steps_back_in_a_session_of_its_own() -> None:
    async with WorkerPool(1) as pool:
        nice, session = await pool.run(_standing, timeout=30)
    assert nice == min(19, os.nice(0) + NICE)
    assert session != os.getsid(0)


def test_what_leads_a_session_steps_back_too() -> None:
    # As an engine does that the stack has started in a session of its own.
    program = f"import os; from {step_back.__module__} import step_back; step_back(); print(os.nice(0))"
    done = subprocess.run(
        (sys.executable, "-c", program), start_new_session=True, capture_output=True, check=True, text=True
    )
    assert int(done.stdout) == min(19, os.nice(0) + NICE)


def _standing_aside() -> tuple[int, int]:
    """Niceness of this process and of its session; the latter `NICE` where the kernel does not schedule by session."""
    stand_aside()
    session = Path("/proc/self/autogroup")
    return os.nice(0), int(session.read_text().split()[-1]) if session.exists() else NICE


async def test_what_stands_aside_is_behind_other_workers_in_its_session_and_with_it() -> None:
    async with WorkerPool(1) as pool:
        nice, session = await pool.run(_standing_aside, timeout=30)
    assert nice == min(19, os.nice(0) + 2 * NICE)
    assert session == NICE
