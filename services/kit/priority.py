"""A lower priority for processes that compute than for those that serve, because cores may be scarce.

A loop works for a millisecond and sleeps; a parser or a model works for seconds. At equal priority the kernel makes the
loop wait for its turn behind them, and everything that the loop serves waits as well.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

NICE = 5
"""Gives a third of the share of a process that serves (sched(7)). Less would be unfair to those who wait for the work
(docs/adr/0023)."""
NICE_ASIDE = 10
"""Gives a tenth of the share of a process that has stepped back."""
_SESSION_TRIES = 10
_SESSION_PAUSE_SECONDS = 0.1


def step_back() -> None:
    """Put this process, and every thread that it starts from now on, behind processes that serve.

    A kernel that schedules by session (`sched_autogroup_enabled`, usual on desktops) gives a session one share of the
    cores, whatever the number of its processes, and compares nice only within a session. A worker would take from the
    share of the service that started it, so the process gets a session of its own, and the session the same nice.
    """
    with contextlib.suppress(PermissionError):  # The process leads a session already.
        os.setsid()
    os.nice(NICE)
    _put_session_back(NICE)


def stand_aside() -> None:
    """Put this process, which has stepped back, behind others that have: nobody may have to wait for its work.

    It gets about a tenth of what another one gets of the same core, whether the kernel compares sessions or
    processes, and leaves one core alone: where it may run on every core, the kernel spreads processes by their number
    rather than by their share.
    """
    os.nice(NICE_ASIDE)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)
    _put_session_back(NICE + NICE_ASIDE)


def _put_session_back(nice: int) -> None:
    """Give this process' session a nice value of its own, where the kernel schedules by session; no right is needed."""
    for _ in range(_SESSION_TRIES):
        try:
            Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")
        except BlockingIOError:  # The kernel takes ten such changes a second.
            time.sleep(_SESSION_PAUSE_SECONDS)  # noqa: TID251
        except OSError:  # It does not schedule by session.
            return
        else:
            return
