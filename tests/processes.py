"""Processes as /proc shows them: who descends from whom, and who is gone."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

_GONE_SECONDS = 60.0


async def descendants(pid: int) -> set[int]:
    """The ids of every process below ``pid``."""
    return await asyncio.to_thread(_descendants, pid)


async def gone(pids: set[int]) -> None:
    """Returns once none of ``pids`` runs; raises TimeoutError when one stays."""
    async with asyncio.timeout(_GONE_SECONDS):
        while await asyncio.to_thread(_living, pids):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)


def _descendants(pid: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        new = children.get(waiting.pop(), [])
        found.update(new)
        waiting += new
    return found


def _living(pids: set[int]) -> set[int]:
    alive = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                alive.add(pid)
    return alive
