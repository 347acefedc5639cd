"""How long a thread was ready to run and had no core, as the kernel's scheduler measures it."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

_NANOSECOND = 1e-9


class CpuTime(NamedTuple):
    """What a thread had of the cores since it began."""

    ran: float
    """Seconds on a core."""
    waited: float
    """Seconds in which it was ready to run and had none."""
    turns: int
    """How often it was given one."""


class CpuWait:
    """The calling thread's time on a run queue.

    Linux keeps it in `schedstat` (https://docs.kernel.org/scheduler/sched-stats.html): nanoseconds on a core,
    nanoseconds of waiting for one, number of turns. Where there is no such file the wait is 0. An event loop may read
    it, which takes 3 µs and touches no disk.
    """

    def __init__(self) -> None:
        self._file: int | None = None
        with contextlib.suppress(OSError):
            # Opening resolves the name, so a later read is of this thread, whichever thread reads.
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)

    @property
    def is_counted(self) -> bool:
        """Whether there is such a file, and it is not closed."""
        return self._file is not None

    def read(self) -> CpuTime:
        """Return what the thread had since it began."""
        return CpuTime(0.0, 0.0, 0) if self._file is None else _read(self._file)

    def seconds(self) -> float:
        """Return the seconds of waiting since the thread began."""
        return self.read().waited

    def close(self) -> None:
        """Close the kernel's file; the wait is 0 from then on."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def seconds_of(pid: int) -> float:
    """Return what the first thread of a process has waited since it began; 0 where there is no such file or process."""
    try:
        file = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0.0
    try:
        return _read(file).waited
    except OSError:  # The process has ended meanwhile.
        return 0.0
    finally:
        os.close(file)


def _read(file: int) -> CpuTime:
    ran, waited, turns = os.pread(file, 96, 0).split()
    return CpuTime(int(ran) * _NANOSECOND, int(waited) * _NANOSECOND, int(turns))
