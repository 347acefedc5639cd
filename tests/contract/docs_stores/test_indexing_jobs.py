"""What every store promises of index jobs at work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.docs.values.document import (
    DocumentState,
    Failure,
    IndexingCompleted,
    IndexingStage,
    StageProgress,
    StoredChunk,
)
from services.docs.values.parsed_document import ReadingWarning, WarningReason
from services.kit import ids
from services.kit.errors import Unavailable
from tests.contract.docs_stores.conftest import ALICE, Stores, events, in_parts, parsed_file, passages, processing


async def test_each_worker_that_takes_a_job_up_counts_until_something_is_achieved(stores: Stores) -> None:
    _, job = await processing(stores)
    again = await stores.jobs.begin(job)
    assert again is not None
    assert (again.attempts, again.chunk_total, again.indexed) == (2, None, 0)
    assert again.document.state is DocumentState.PROCESSING
    await stores.jobs.save_parsed(job, parsed_file(3), in_parts(passages(3)), [])
    third = await stores.jobs.begin(job)
    assert third is not None
    assert (third.attempts, third.chunk_total, third.indexed) == (1, 3, 0)
    await stores.jobs.advance(job, 2, "model", None)
    fourth = await stores.jobs.begin(job)
    assert fourth is not None
    assert (fourth.attempts, fourth.indexed, fourth.embedding_model) == (1, 2, "model")


async def test_a_parsed_file_that_breaks_off_is_not_kept(stores: Stores) -> None:
    stored, job = await processing(stores)

    async def broken() -> AsyncIterator[list[StoredChunk]]:
        yield passages(2)
        raise OSError("the scratch folder is gone")

    with pytest.raises((OSError, Unavailable)):
        await stores.jobs.save_parsed(job, parsed_file(4), broken(), [])
    assert list(await stores.documents.chunks(stored.document_id, 0, 10)) == []
    row = await stores.documents.get(stored.document_id, ALICE)
    assert row is not None
    assert row.text_length == 0


async def test_a_job_that_ends_well(stores: Stores) -> None:
    stored, job = await processing(stores)
    await stores.jobs.save_parsed(job, parsed_file(2), in_parts(passages(2)), [])
    await stores.jobs.advance(job, 2, "model", StageProgress(IndexingStage.INDEXING, 2, 2))
    assert await stores.jobs.finish(job)
    row = await stores.documents.get(stored.document_id, ALICE)
    assert row is not None
    assert (row.state, row.chunk_count, row.failure) == (DocumentState.INDEXED, 2, None)
    assert (await events(stores, stored.document_id))[-2:] == [
        StageProgress(IndexingStage.INDEXING, 2, 2),
        IndexingCompleted(),
    ]
    assert await stores.documents.request_indexing(stored.document_id, ALICE) == row
    assert await stores.jobs.begin(job) is None


async def test_a_job_that_is_no_longer_wanted_changes_nothing(stores: Stores) -> None:
    stored, job = await processing(stores)
    await stores.jobs.save_parsed(job, parsed_file(2), in_parts(passages(2)), [])
    before = await events(stores, stored.document_id)
    await stores.deletions.mark(stored.document_id, ALICE)
    for late in (job, replace(job, generation=0), replace(job, document_id=ids.new_id())):
        assert await stores.jobs.begin(late) is None
        assert not await stores.jobs.report(late, StageProgress(IndexingStage.PARSING))
        assert not await stores.jobs.save_parsed(
            late, parsed_file(9), in_parts(passages(9)), [StageProgress(IndexingStage.PARSING)]
        )
        assert not await stores.jobs.advance(late, 1, "model", StageProgress(IndexingStage.INDEXING, 1, 2))
        assert not await stores.jobs.finish(late)
        assert not await stores.jobs.fail(late, Failure("X", "x"))
    assert await events(stores, stored.document_id) == before
    assert len(await stores.documents.chunks(stored.document_id, 0, 10)) == 2


async def test_warnings_and_details_of_failures_are_kept(stores: Stores) -> None:
    stored, job = await processing(stores)
    warnings = (
        ReadingWarning(WarningReason.PAGES_WITHOUT_TEXT, (3, 4, 9)),
        ReadingWarning(WarningReason.WRONG_LETTERS),
    )
    assert await stores.jobs.save_parsed(job, replace(parsed_file(0), warnings=warnings), in_parts([]), [])
    failure = Failure("TOO_MANY_PAGES", "Too many pages.", {"limit": "2000", "what": "slides"})
    assert await stores.jobs.fail(job, failure)
    found = await stores.documents.get(stored.document_id, stored.owner)
    assert found is not None
    assert (found.warnings, found.failure) == (warnings, failure)
    assert (await stores.documents.events(stored.document_id, 0, 9))[-1].payload == failure
