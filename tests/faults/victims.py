"""The processes of a stack that a fault can hit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.processes import descendants


def pids_of(state: Mapping[str, Any]) -> dict[str, int]:
    """Return the process id of each service and engine that runs."""
    return {name: one["pid"] for name, one in (state["services"] | state["engines"]).items() if one["pid"]}


async def family_of(pid: int) -> set[int]:
    """Return a process and all below it: an engine's processes share its work."""
    return {pid, *await descendants(pid)}


async def workers_of(pid: int) -> set[int]:
    """Return the processes below `pid` that work for it."""
    below = await descendants(pid)
    return {one for one in below if not await descendants(one) and not await asyncio.to_thread(_is_tracker, one)}


def _is_tracker(pid: int) -> bool:
    try:
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True
