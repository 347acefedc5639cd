"""Durable jobs, each run in its owner's name."""

from __future__ import annotations

from collections.abc import Mapping

from services.docs.ports import JobHandler
from services.docs.values.document import Job, JobKind
from services.kit import context


async def run_job(handlers: Mapping[JobKind, JobHandler], job: Job) -> None:
    """Run a job by the handler of its kind, in a request context of its own, which other services see and log."""
    request_id = f"{job.kind}-{job.document_id}-{job.generation}"
    token = context.enter(context.RequestContext(request_id, context.new_trace_id(), job.owner))
    try:
        await handlers[job.kind](job)
    finally:
        context.leave(token)
