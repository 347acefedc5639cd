"""What every store of chunks promises."""

from __future__ import annotations

from services.docs.values.document import IndexingStage, StageProgress
from tests.contract.docs_stores.conftest import ALICE, Stores, events, in_parts, parsed_file, passages, processing


async def test_what_parsing_found_is_kept(stores: Stores) -> None:
    stored, job = await processing(stores)
    found = passages(5)
    told = [StageProgress(IndexingStage.PARSING, 3, 3), StageProgress(IndexingStage.CHUNKING, 5, 5)]
    assert await stores.jobs.save_parsed(job, parsed_file(5), in_parts(found), told)
    row = await stores.documents.get(stored.document_id, ALICE)
    assert row is not None
    assert (row.page_count, row.text_length, row.language, row.title) == (3, 10, "zh", "标题")
    assert row.chunk_count == 0
    assert list(await stores.documents.chunks(stored.document_id, 0, 100)) == found
    assert list(await stores.documents.chunks(stored.document_id, 2, 2)) == found[2:4]
    assert list(await stores.documents.chunks(stored.document_id, 5, 2)) == []
    assert (await events(stores, stored.document_id))[1:] == told
    assert await stores.jobs.save_parsed(job, parsed_file(1), in_parts(found[:1]), [])
    assert list(await stores.documents.chunks(stored.document_id, 0, 100)) == found[:1]
