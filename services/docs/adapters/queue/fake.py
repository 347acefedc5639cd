"""Jobs in memory: a queue for tests that behaves like the durable one, and forgets its jobs with the process."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

from services.docs.ports import JobHandler, RetryLaterError
from services.docs.values.document import Job


class FakeJobQueue:
    """Jobs in a dictionary from job to the moment when it is due."""

    def __init__(self, *, workers: int = 2, first_retry: float = 0.01, attempts: int = 10) -> None:
        self._due: dict[Job, float] = {}
        self._running: set[Job] = set()
        self._failures: Counter[Job] = Counter()
        self._workers = workers
        self._first_retry = first_retry
        self._attempts = attempts
        self._changed = asyncio.Event()

    async def enqueue(self, job: Job, delay: float = 0.0) -> None:
        """Add a job, unless it waits or runs."""
        if job not in self._running:
            self._due.setdefault(job, asyncio.get_running_loop().time() + delay)
            self._changed.set()

    async def work(self, handler: JobHandler) -> None:
        """Run jobs in tasks of this process."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker(handler))

    async def _worker(self, handler: JobHandler) -> None:
        loop = asyncio.get_running_loop()
        while True:
            job = min(self._due, key=self._due.__getitem__, default=None)
            wait = None if job is None else self._due[job] - loop.time()
            if job is None or (wait is not None and wait > 0):
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                continue
            del self._due[job]
            self._running.add(job)
            try:
                await handler(job)
            except asyncio.CancelledError:
                self._due[job] = loop.time()
                raise
            except RetryLaterError as later:
                self._due[job] = loop.time() + later.delay
            except Exception:
                self._failures[job] += 1
                if self._failures[job] < self._attempts:
                    self._due[job] = loop.time() + self._first_retry * 2 ** self._failures[job]
            finally:
                self._running.discard(job)
                self._changed.set()
