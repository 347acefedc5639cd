"""Whose turn it is in a worker: reads go first, for somebody waits for each of them, but no write waits for long."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator

Job = Generator[None, None, None]
"""Work that is done in slices, which ends with its last one."""

_READS_A_WRITE = 4.0
"""How many times as long as a slice of a write reads may take, all together, before the next slice of it: so writes get
a fifth of the time however many reads there are."""
_READS_A_LATE_WRITE = 1.0
_LATE_SECONDS = 0.05
"""After which a write gets half of the time, for its caller waits, too; unless reads pile up."""
_MANY_READS = 12
"""So many that more comes than can be done, or has come at once: then writes are what can wait."""
_MOST_OVERDRAWN_SECONDS = 0.02
"""A read is not interrupted: what it took too long is made up for, but one that took very long costs others no more."""


class ReadsFirst:
    """Any number of reads, which take turns, and writes, one after another in the order in which they came."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._reads: deque[Job] = deque()
        self._writes: deque[tuple[Job, float]] = deque()
        """With the time at which each came."""
        self._owed = 0.0
        """Seconds that reads may still take before the next slice of a write; below zero what they took too long."""

    def __bool__(self) -> bool:
        return bool(self._reads or self._writes)

    def read(self, job: Job) -> None:
        """Take a job that goes before those that write."""
        self._reads.append(job)

    def write(self, job: Job) -> None:
        """Take a job that writes, behind the writes before it."""
        self._writes.append((job, self._clock()))

    def take(self) -> None:
        """Do one slice of one job."""
        started = self._clock()
        if not self._writes or (self._reads and self._owed > 0):
            job = self._reads.popleft()
            if next(job, job) is None:
                self._reads.append(job)
            if self._writes:
                self._owed = max(self._owed - (self._clock() - started), -_MOST_OVERDRAWN_SECONDS)
        else:
            job, since = self._writes[0]
            if next(job, job) is not None:
                self._writes.popleft()
            is_late = started - since >= _LATE_SECONDS and len(self._reads) < _MANY_READS
            share = _READS_A_LATE_WRITE if is_late else _READS_A_WRITE
            self._owed = min(self._owed, 0.0) + share * (self._clock() - started)
