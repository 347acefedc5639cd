"""Who steps back when there are fewer cores than work: whoever computes, behind whoever serves.

A loop works for a millisecond and sleeps; a parser or a model works for seconds. Side by side at one priority, the
kernel makes the loop wait its turn behind them, and everything that the loop serves waits with it.
"""

from __future__ import annotations

import contextlib
import os

NICE = 5
"""A third of the share of a process that serves (sched(7)), where nice counts among all. Further back would be unfair
to those who wait for the work: see docs/adr/0023."""


def step_back() -> None:
    """Puts this process, and every thread that it starts from now on, behind processes that serve.

    A kernel that schedules by session (`sched_autogroup_enabled`, usual on desktops) gives a session one share of the
    cores however many processes it has, and nice counts within it only: a worker would take from the share of the very
    service that started it. So the process gets a session of its own.
    """
    with contextlib.suppress(PermissionError):  # It leads a session already.
        os.setsid()
    os.nice(NICE)
