"""What every store promises of documents that are deleted."""

from __future__ import annotations

from services.docs.values.document import Job, JobKind
from services.kit import ids
from tests.contract.docs_stores.conftest import ALICE, Stores, document, kept, processing


async def test_a_marked_document_is_hidden_until_it_is_removed(stores: Stores) -> None:
    stored, _ = await processing(stores)
    twin = await kept(stores)
    marked = await stores.deletions.mark(stored.document_id, ALICE)
    assert marked is not None
    assert await stores.documents.get(stored.document_id, ALICE) is None
    assert await stores.documents.last_event(stored.document_id) is None
    assert [row.document_id for row in await stores.documents.list(ALICE, None, None, 10)] == [twin.document_id]
    assert await stores.deletions.mark(stored.document_id, ALICE) is None
    found = await stores.deletions.marked(stored.document_id)
    assert found is not None
    assert found.sha256 == stored.sha256
    assert await stores.deletions.marked(twin.document_id) is None
    assert await stores.deletions.is_shared(stored.document_id, stored.sha256)
    assert Job(JobKind.DELETE, stored.document_id, ALICE) in await stores.queued(2)

    await stores.deletions.remove(twin.document_id)
    assert await stores.documents.get(twin.document_id, ALICE) is not None, "only marked rows are removed"
    await stores.deletions.remove(stored.document_id)
    assert await stores.deletions.marked(stored.document_id) is None
    assert list(await stores.documents.events(stored.document_id, 0, 10)) == []
    assert not await stores.deletions.is_shared(twin.document_id, stored.sha256)


async def test_an_unconfirmed_row_can_be_marked(stores: Stores) -> None:
    added = document()
    await stores.documents.add(added)
    assert await stores.deletions.is_shared(ids.new_id(), added.sha256)
    await stores.deletions.mark_failed_upload(added.document_id)
    assert list(await stores.documents.unconfirmed()) == []
    assert await stores.deletions.marked(added.document_id) is not None
    await stores.deletions.mark_failed_upload(ids.new_id())
    assert await stores.queued(1) == [Job(JobKind.DELETE, added.document_id, ALICE)]
