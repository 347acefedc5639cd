"""Whose turn it is in a worker: reads go first, for somebody waits for each of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator

Job = Generator[None, None, None]
"""Work that is done in slices, which ends with its last one."""

_READS_A_WRITE = 4.0
"""How many times as long as the last slice of a write reads may take, all together, before the next slice of it: so
writes get a fifth of the time however many reads there are."""


class Turns:
    """Any number of reads, which take turns, and one job that writes."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._reads: deque[Job] = deque()
        self._write: Job | None = None
        self._owed = 0.0
        """Seconds that reads may still take before the next slice of the write."""

    def __bool__(self) -> bool:
        return bool(self._reads) or self._write is not None

    def read(self, job: Job) -> None:
        """Take a job that goes before the one that writes."""
        self._reads.append(job)

    def write(self, job: Job) -> None:
        """Take the job that writes, once the one before it has ended."""
        assert self._write is None
        self._write = job

    def take(self) -> None:
        """Do one slice of one job."""
        started = self._clock()
        if self._write is None or (self._reads and self._owed > 0):
            job = self._reads.popleft()
            if next(job, job) is None:
                self._reads.append(job)
            self._owed -= self._clock() - started
        else:
            job = self._write
            if next(job, job) is not None:
                self._write = None
            self._owed = _READS_A_WRITE * (self._clock() - started)
