"""Jobs in memory: a queue for tests that behaves like the durable one, and forgets its jobs with the process."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from services.docs.ports import JobHandler, RetryLaterError
from services.docs.values.document import Job


class FakeJobQueue:
    """Jobs in a dictionary from job to the moment when it is due."""

    def __init__(self, *, workers: int = 2, first_retry: float = 0.01, attempts: int = 10) -> None:
        self._due: dict[Job, float] = {}
        self._running: set[Job] = set()
        self._failures: dict[Job, int] = {}
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
                again = await self._run(handler, job)
            except asyncio.CancelledError:
                self._due[job] = loop.time()
                raise
            finally:
                self._running.discard(job)
            if again is not None:
                await self.enqueue(job, again)

    async def _run(self, handler: JobHandler, job: Job) -> float | None:
        try:
            await handler(job)
        except RetryLaterError as later:
            return later.delay
        except Exception:
            failures = self._failures[job] = self._failures.get(job, 0) + 1
            return self._first_retry * 2**failures if failures < self._attempts else None
        return None
