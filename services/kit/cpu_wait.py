"""How long a thread was ready to run and had no core, as the kernel's scheduler measures it."""

from __future__ import annotations

import contextlib
import os

_NANOSECOND = 1e-9


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

    def seconds(self) -> float:
        """Return the seconds of waiting since the thread began."""
        if self._file is None:
            return 0.0
        return _seconds(self._file)

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
        return _seconds(file)
    except OSError:  # The process has ended meanwhile.
        return 0.0
    finally:
        os.close(file)


def _seconds(file: int) -> float:
    return int(os.pread(file, 96, 0).split()[1]) * _NANOSECOND
