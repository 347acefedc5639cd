"""What computes steps back behind what serves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from services.kit.priority import NICE, NICE_ASIDE, stand_aside, step_back
from services.kit.workers import WorkerPool


def _of_session(otherwise: int) -> int:
    """Niceness of this process' session; `otherwise` where the kernel does not schedule by session."""
    session = Path("/proc/self/autogroup")
    return int(session.read_text().split()[-1]) if session.exists() else otherwise


def _standing() -> tuple[int, int, int]:
    """Niceness of this process and of its session, and the session."""
    return os.nice(0), _of_session(NICE), os.getsid(0)


async def test_a_worker_process_steps_back_in_a_session_of_its_own_and_with_it() -> None:
    async with WorkerPool(1) as pool:
        nice, of_session, session = await pool.run(_standing, timeout=30)
    assert nice == min(19, os.nice(0) + NICE)
    assert of_session == NICE
    assert session != os.getsid(0)


def test_what_leads_a_session_steps_back_too() -> None:
    # As an engine does that the stack has started in a session of its own.
    program = f"import os; from {step_back.__module__} import step_back; step_back(); print(os.nice(0))"
    done = subprocess.run(
        (sys.executable, "-c", program), start_new_session=True, capture_output=True, check=True, text=True
    )
    assert int(done.stdout) == min(19, os.nice(0) + NICE)


def _standing_aside() -> tuple[int, int, set[int]]:
    """Niceness of this process and of its session, and its cores."""
    stand_aside()
    return os.nice(0), _of_session(NICE + NICE_ASIDE), os.sched_getaffinity(0)


async def test_what_stands_aside_is_behind_other_workers_in_its_session_and_with_it() -> None:
    async with WorkerPool(1) as pool:
        nice, session, cores = await pool.run(_standing_aside, timeout=30)
    assert nice == min(19, os.nice(0) + NICE + NICE_ASIDE)
    assert session == NICE + NICE_ASIDE
    own = os.sched_getaffinity(0)
    assert cores == own - {min(own)} or len(own) == 1
