"""What every change feed promises."""

from __future__ import annotations

import asyncio

from services.docs.values.document import IndexingStage, StageProgress
from services.kit import ids
from tests.contract.docs_stores.conftest import ALICE, Stores, processing


async def test_changes_reach_those_who_subscribed(stores: Stores) -> None:
    stored, job = await processing(stores)
    with stores.feed.subscribe(stored.document_id) as changes, stores.feed.subscribe(ids.new_id()) as other:
        async with asyncio.timeout(10):
            await asyncio.sleep(0.3)
            changes.changed.clear()
            other.changed.clear()
            await stores.jobs.report(job, StageProgress(IndexingStage.PARSING))
            await changes.changed.wait()
            assert not changes.deleting.is_set()
            assert not other.changed.is_set()
            await stores.deletions.mark(stored.document_id, ALICE)
            await changes.deleting.wait()
