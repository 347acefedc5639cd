"""A lower priority for processes that compute than for those that serve, because cores may be scarce.

A loop works for a millisecond and sleeps; a parser or a model works for seconds. At equal priority the kernel makes the
loop wait for its turn behind them, and everything that the loop serves waits as well.
"""

from __future__ import annotations

import contextlib
import os

NICE = 5
"""Gives a third of the share of a process that serves (sched(7)), where the kernel compares all processes by nice. Less
would be unfair to those who wait for the work (docs/adr/0023)."""


def step_back() -> None:
    """Put this process, and every thread that it starts from now on, behind processes that serve.

    A kernel that schedules by session (`sched_autogroup_enabled`, usual on desktops) gives a session one share of the
    cores, whatever the number of its processes, and compares nice only within a session. A worker would take from the
    share of the service that started it, so the process gets a session of its own.
    """
    with contextlib.suppress(PermissionError):  # The process leads a session already.
        os.setsid()
    os.nice(NICE)
