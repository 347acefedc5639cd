"""Durable jobs, each run in its owner's name."""

from __future__ import annotations

from services.docs.ports import JobHandler
from services.docs.values.document import Job, JobKind
from services.kit import context


class JobDispatcher:
    """Hands each job to the handler of its kind."""

    def __init__(self, *, index: JobHandler, delete: JobHandler) -> None:
        self._handlers = {JobKind.INDEX: index, JobKind.DELETE: delete}

    async def run(self, job: Job) -> None:
        """Run a job in a request context of its own, without a deadline; other services see and log that context."""
        token = context.enter(
            context.RequestContext(
                request_id=f"{job.kind}-{job.document_id}-{job.generation}",
                trace_id=context.new_trace_id(),
                user_id=job.owner,
            )
        )
        try:
            await self._handlers[job.kind](job)
        finally:
            context.leave(token)
