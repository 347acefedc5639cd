"""How much memory is left."""

from __future__ import annotations

import contextlib
from pathlib import Path


def available_memory() -> int:
    """Return how many bytes of memory are free for programs: on the machine, and in its container."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    available = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)
    with contextlib.suppress(OSError, ValueError):  # No control groups of version 2, or no limit.
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        available = min(available, limit - used)
    return available
