"""What every store promises of jobs that are asked for."""

from __future__ import annotations

from dataclasses import replace

from services.docs.values.document import DocumentState, Failure, IndexingStage, Job, JobKind, StageProgress
from services.kit import ids
from tests.contract.docs_stores.conftest import ALICE, Stores, events, kept, processing


async def test_a_confirmed_row_may_bring_its_job(stores: Stores) -> None:
    stored = await kept(stores, parse=True)
    assert stored.state is DocumentState.QUEUED
    assert await stores.queued(1) == [Job(JobKind.INDEX, stored.document_id, ALICE, 1)]
    assert await events(stores, stored.document_id) == [StageProgress(IndexingStage.QUEUED)]


async def test_a_job_is_asked_for_once(stores: Stores) -> None:
    stored = await kept(stores)
    for _ in range(3):
        queued = await stores.documents.request_indexing(stored.document_id, ALICE)
        assert queued is not None
        assert queued.state is DocumentState.QUEUED
    assert await events(stores, stored.document_id) == [StageProgress(IndexingStage.QUEUED)]
    assert len(await stores.queued(1)) == 1
    assert await stores.documents.request_indexing(ids.new_id(), ALICE) is None


async def test_a_job_that_fails_may_be_asked_for_again_and_goes_on_counting(stores: Stores) -> None:
    stored, job = await processing(stores)
    failure = Failure("ENCRYPTED_FILE", "the file is protected by a password")
    assert await stores.jobs.fail(job, failure)
    row = await stores.documents.get(stored.document_id, ALICE)
    assert row is not None
    assert (row.state, row.failure) == (DocumentState.FAILED, failure)
    again = await stores.documents.request_indexing(stored.document_id, ALICE)
    assert again is not None
    assert (again.state, again.failure) == (DocumentState.QUEUED, None)
    assert await events(stores, stored.document_id) == [
        StageProgress(IndexingStage.QUEUED),
        failure,
        StageProgress(IndexingStage.QUEUED),
    ]
    assert await stores.jobs.begin(job) is None, "the first job is late"
    assert await stores.jobs.begin(replace(job, generation=2))
    assert {one.generation for one in await stores.queued(2)} == {1, 2}


async def test_lost_jobs_are_queued_again(stores: Stores) -> None:
    working, job = await processing(stores)
    going = await kept(stores)
    await stores.deletions.mark(going.document_id, ALICE)
    await kept(stores)
    assert len(await stores.queued(2)) == 2
    assert await stores.documents.requeue_lost() == 2
    assert sorted(await stores.queued(2), key=lambda one: one.kind) == [
        Job(JobKind.DELETE, going.document_id, ALICE),
        job,
    ]
    assert working.document_id == job.document_id
