"""Durable jobs, each in its owner's name."""

from __future__ import annotations

from typing import Protocol

from services.docs.values.document import Job, JobKind
from services.kit import context


class JobRunner(Protocol):
    """Does the jobs of one kind."""

    async def run(self, job: Job) -> None:
        """Does a job, or raises RetryLater."""


class Jobs:
    """Hands each job to the one who does its kind."""

    def __init__(self, *, index: JobRunner, delete: JobRunner) -> None:
        self._runners = {JobKind.INDEX: index, JobKind.DELETE: delete}

    async def run(self, job: Job) -> None:
        """Does a job in a request of its own, without a deadline, as which other services see and log it."""
        token = context.enter(
            context.RequestContext(
                request_id=f"{job.kind}-{job.document_id}-{job.generation}",
                trace_id=context.new_trace_id(),
                user_id=job.owner,
            )
        )
        try:
            await self._runners[job.kind].run(job)
        finally:
            context.leave(token)
