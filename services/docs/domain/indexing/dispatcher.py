"""Durable jobs, each run in its owner's name."""

from __future__ import annotations

from collections.abc import Mapping

from services.docs.ports import JobHandler
from services.docs.values.document import Job, JobKind
from services.kit import context, tracing


async def run_job(handlers: Mapping[JobKind, JobHandler], job: Job) -> None:
    """Run a job by the handler of its kind, in a request context of its own, which other services see and log."""
    request_id = f"{job.kind}-{job.document_id}-{job.generation}"
    trace_id = context.trace_id_of(job.traceparent) or context.new_trace_id()
    token = context.enter(context.RequestContext(request_id, trace_id, job.owner))
    try:
        with tracing.span(f"{job.kind} job", "CONSUMER", {"tiku.document_id": job.document_id}, job.traceparent):
            await handlers[job.kind](job)
    finally:
        context.leave(token)
