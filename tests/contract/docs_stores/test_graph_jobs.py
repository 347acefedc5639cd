"""What every store promises of graph jobs, which follow index jobs and never undo what those achieved."""

from __future__ import annotations

from dataclasses import replace

from services.docs.values.document import (
    Document,
    DocumentState,
    Failure,
    GraphBuilt,
    GraphFailed,
    GraphState,
    IndexingCompleted,
    IndexingStage,
    Job,
    JobKind,
    StageProgress,
)
from services.kit import ids
from tests.contract.docs_stores.conftest import (
    ALICE,
    BOB,
    Stores,
    events,
    in_parts,
    kept,
    parsed_file,
    passages,
    processing,
)

DOWN = Failure("UNAVAILABLE", "The engine is down.")


async def indexed(stores: Stores, *, graph: bool) -> tuple[Document, Job]:
    """An indexed document of three chunks, and its graph job."""
    stored, job = await processing(stores, graph=graph)
    await stores.jobs.save_parsed(job, parsed_file(3), in_parts(passages(3)), [])
    await stores.jobs.advance(job, 3, "model", None)
    assert await stores.jobs.finish(job)
    return await row(stores, stored), replace(job, kind=JobKind.GRAPH)


async def row(stores: Stores, stored: Document) -> Document:
    found = await stores.documents.get(stored.document_id, ALICE)
    assert found is not None
    return found


def graph_of(document: Document) -> tuple[GraphState, int, Failure | None]:
    return document.graph_state, document.graph_chunk_count, document.graph_failure


async def test_where_a_graph_is_wanted_its_job_follows_the_index_job(stores: Stores) -> None:
    stored, job = await indexed(stores, graph=True)
    assert (stored.state, graph_of(stored)) == (DocumentState.INDEXED, (GraphState.QUEUED, 0, None))
    assert job in await stores.queued(2)
    begun = await stores.graph_jobs.begin(job)
    assert begun is not None
    assert (begun.document.document_id, begun.attempts, begun.added) == (stored.document_id, 1, 0)


async def test_where_none_is_wanted_there_is_no_job(stores: Stores) -> None:
    stored, job = await indexed(stores, graph=False)
    assert graph_of(stored) == (GraphState.UNSPECIFIED, 0, None)
    assert await stores.documents.requeue_lost() == 0
    assert await stores.graph_jobs.begin(job) is None


async def test_progress_is_kept_with_its_events_and_counts_the_tries_anew(stores: Stores) -> None:
    stored, job = await indexed(stores, graph=True)
    for _ in range(2):
        await stores.graph_jobs.begin(job)
    assert await stores.graph_jobs.advance(job, 1, None)
    assert await stores.graph_jobs.advance(job, 2, StageProgress(IndexingStage.GRAPH, 2, 3))
    begun = await stores.graph_jobs.begin(job)
    assert begun is not None
    assert (begun.attempts, begun.added) == (1, 2)
    assert await stores.graph_jobs.finish(job, 3)
    assert graph_of(await row(stores, stored)) == (GraphState.BUILT, 3, None)
    assert (await events(stores, stored.document_id))[-3:] == [
        IndexingCompleted(),
        StageProgress(IndexingStage.GRAPH, 2, 3),
        GraphBuilt(),
    ]
    assert await stores.graph_jobs.begin(job) is None


async def test_a_failure_leaves_the_document_indexed_and_the_graph_may_be_asked_for_again(stores: Stores) -> None:
    stored, job = await indexed(stores, graph=True)
    await stores.graph_jobs.advance(job, 2, None)
    assert await stores.graph_jobs.fail(job, DOWN)
    failed = await row(stores, stored)
    assert (failed.state, failed.failure) == (DocumentState.INDEXED, None)
    assert graph_of(failed) == (GraphState.FAILED, 2, DOWN)
    assert (await events(stores, stored.document_id))[-1] == GraphFailed(DOWN)
    await stores.queued(2)
    asked = await stores.documents.request_indexing(stored.document_id, ALICE, graph=True)
    assert asked is not None
    assert (asked.state, graph_of(asked)) == (DocumentState.INDEXED, (GraphState.QUEUED, 2, None))
    assert await stores.queued(1) == [job]
    begun = await stores.graph_jobs.begin(job)
    assert begun is not None
    assert (begun.attempts, begun.added) == (1, 2)


async def test_a_graph_is_asked_for_before_during_and_after_indexing(stores: Stores) -> None:
    waiting = await kept(stores, parse=True)
    asked = await stores.documents.request_indexing(waiting.document_id, ALICE, graph=True)
    assert asked is not None
    assert (asked.state, asked.graph_state) == (DocumentState.QUEUED, GraphState.QUEUED)
    assert await stores.documents.request_indexing(waiting.document_id, BOB, graph=True) is None
    done, job = await indexed(stores, graph=False)
    for _ in range(2):
        asked = await stores.documents.request_indexing(done.document_id, ALICE, graph=True)
        assert asked is not None
        assert (asked.state, asked.graph_state) == (DocumentState.INDEXED, GraphState.QUEUED)
    assert job in await stores.queued(3)
    await stores.graph_jobs.finish(job, 3)
    asked = await stores.documents.request_indexing(done.document_id, ALICE, graph=True)
    assert asked is not None
    assert asked.graph_state is GraphState.BUILT


async def test_a_document_that_cannot_be_indexed_gets_no_graph(stores: Stores) -> None:
    stored, job = await processing(stores, graph=True)
    broken = Failure("CORRUPT_FILE", "The file is damaged.")
    assert await stores.jobs.fail(job, broken)
    failed = await row(stores, stored)
    assert (failed.state, failed.failure, graph_of(failed)) == (
        DocumentState.FAILED,
        broken,
        (GraphState.FAILED, 0, broken),
    )
    asked = await stores.documents.request_indexing(stored.document_id, ALICE)
    assert asked is not None
    assert (asked.state, graph_of(asked)) == (DocumentState.QUEUED, (GraphState.QUEUED, 0, None))
    other, job = await processing(stores)
    await stores.jobs.fail(job, broken)
    assert graph_of(await row(stores, other)) == (GraphState.UNSPECIFIED, 0, None)


async def test_lost_graph_jobs_are_queued_again(stores: Stores) -> None:
    _, job = await indexed(stores, graph=True)
    await stores.queued(2)
    assert await stores.documents.requeue_lost() == 1
    assert await stores.queued(1) == [job]


async def test_a_graph_job_that_is_no_longer_wanted_changes_nothing(stores: Stores) -> None:
    stored, job = await indexed(stores, graph=True)
    before = await events(stores, stored.document_id)
    await stores.deletions.mark(stored.document_id, ALICE)
    for late in (job, replace(job, generation=0), replace(job, document_id=ids.new_id())):
        assert await stores.graph_jobs.begin(late) is None
        assert not await stores.graph_jobs.advance(late, 1, StageProgress(IndexingStage.GRAPH, 1, 3))
        assert not await stores.graph_jobs.advance(late, 1, None)
        assert not await stores.graph_jobs.finish(late, 3)
        assert not await stores.graph_jobs.fail(late, DOWN)
    assert await events(stores, stored.document_id) == before
