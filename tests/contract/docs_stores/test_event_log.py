"""What every event log promises."""

from __future__ import annotations

import asyncio

from services.docs.values.document import IndexingStage, StageProgress
from tests.contract.docs_stores.conftest import Stores, events, processing


async def test_events_from_many_at_once_have_no_gap(stores: Stores) -> None:
    stored, job = await processing(stores)
    await asyncio.gather(*(stores.jobs.report(job, StageProgress(IndexingStage.PARSING, n, 50)) for n in range(50)))
    told = await events(stores, stored.document_id)
    assert len(told) == 51
    assert await stores.documents.last_event(stored.document_id) == 51
    later = await stores.documents.events(stored.document_id, 40, 5)
    assert [event.number for event in later] == [41, 42, 43, 44, 45]
