"""What every store of documents promises: hidden and visible rows, owners, lists."""

from __future__ import annotations

from dataclasses import replace

from services.common.values import DocumentKind
from services.docs.values.document import ListPosition
from tests.contract.docs_stores.conftest import ALICE, BOB, Stores, document, kept


async def test_a_row_is_seen_once_it_is_confirmed(stores: Stores) -> None:
    added = document()
    await stores.documents.add(added)
    assert await stores.documents.get(added.document_id, ALICE) is None
    assert list(await stores.documents.list(ALICE, None, None, 10)) == []
    assert await stores.documents.last_event(added.document_id) is None
    assert [(instance, row.document_id) for instance, row in await stores.documents.unconfirmed()] == [
        (stores.locks.instance, added.document_id)
    ]
    confirmed = await stores.documents.confirm(added.document_id, parse=False)
    assert confirmed == added
    assert await stores.documents.get(added.document_id, ALICE) == added
    assert list(await stores.documents.unconfirmed()) == []
    assert await stores.documents.last_event(added.document_id) == 0


async def test_owners_are_apart(stores: Stores) -> None:
    stored = await kept(stores)
    assert await stores.documents.get(stored.document_id, BOB) is None
    assert list(await stores.documents.list(BOB, None, None, 10)) == []
    assert await stores.documents.request_indexing(stored.document_id, BOB) is None
    assert await stores.deletions.mark(stored.document_id, BOB) is None
    assert await stores.documents.get(stored.document_id, ALICE) == stored


async def test_lists_run_back_in_time_and_go_on_after_a_position(stores: Stores) -> None:
    rows = [await kept(stores, document(minutes=minutes // 2)) for minutes in range(6)]
    other = await kept(stores, document(kind=DocumentKind.DOCUMENT, minutes=-1))
    expected = sorted(rows, key=lambda row: (row.create_time, row.document_id), reverse=True)
    assert list(await stores.documents.list(ALICE, DocumentKind.MATERIAL, None, 10)) == expected
    assert list(await stores.documents.list(ALICE, DocumentKind.DOCUMENT, None, 10)) == [other]
    assert list(await stores.documents.list(ALICE, None, None, 10)) == [*expected, other]
    for count in range(1, 6):
        last = expected[count - 1]
        after = ListPosition(last.create_time, last.document_id)
        assert list(await stores.documents.list(ALICE, None, after, 2)) == [*expected, other][count : count + 2]


async def test_the_oldest_row_with_a_file_is_found_by_its_owner(stores: Stores) -> None:
    later, first = await kept(stores, document(minutes=1)), await kept(stores, document())
    other = replace(document(minutes=-1), sha256="cd" * 32)
    await kept(stores, other)
    await stores.documents.add(document(minutes=-2))
    assert await stores.documents.with_file(ALICE, first.sha256) == first
    assert await stores.documents.with_file(ALICE, "cd" * 32) == other
    assert await stores.documents.with_file(BOB, first.sha256) is None
    await stores.deletions.mark(first.document_id, ALICE)
    assert await stores.documents.with_file(ALICE, first.sha256) == later
    assert await stores.documents.with_file(ALICE, "ef" * 32) is None
