"""The durable job: faults, deletions and restarts on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from services.docs.settings import DocsSettings
from services.kit.errors import InvalidArgument
from services.kit.rpc_errors import from_rpc_error
from tests.integration.docs.conftest import Client, Neighbors, eventually, serving, stored_files, study_text
from tiku.docs.v1 import docs_pb2


async def outcome(client: Client, document_id: str, after: int = 0) -> list[docs_pb2.WatchDocumentResponse]:
    events = [event async for event in client.watch(document_id, after)]
    assert [event.number for event in events] == list(range(after + 1, after + 1 + len(events)))
    return events


def stages(events: list[docs_pb2.WatchDocumentResponse]) -> list[int]:
    seen: list[int] = []
    for event in events:
        stage = event.progress.stage
        if event.HasField("progress") and (not seen or seen[-1] != stage):
            seen.append(stage)
    return seen


async def test_stages_come_in_order_and_each_ends_with_all_its_units(client: Client) -> None:
    stored = await client.upload("notes.md", study_text(30), parse=True)
    events = await outcome(client, stored.document_id)
    assert stages(events) == [
        docs_pb2.STAGE_QUEUED,
        docs_pb2.STAGE_PARSING,
        docs_pb2.STAGE_CHUNKING,
        docs_pb2.STAGE_INDEXING,
    ]
    progress = [event.progress for event in events if event.HasField("progress")]
    for stage in (docs_pb2.STAGE_PARSING, docs_pb2.STAGE_CHUNKING, docs_pb2.STAGE_INDEXING):
        of_stage = [each for each in progress if each.stage == stage]
        assert of_stage[-1].done == of_stage[-1].total > 0
    assert len(progress) < 15


async def test_a_passing_fault_is_waited_out(client: Client, neighbors: Neighbors) -> None:
    neighbors.llm.faults = 5
    stored = await client.upload("notes.md", study_text(6), parse=True)
    assert (await outcome(client, stored.document_id))[-1].HasField("indexed")


async def test_a_fault_that_stays_fails_the_job_and_parsing_again_goes_on_from_there(
    settings: DocsSettings, neighbors: Neighbors
) -> None:
    async with serving(settings.model_copy(update={"docs_index_attempts": 2})) as client_of:
        client = client_of("dev")
        neighbors.llm.faults = 10_000
        stored = await client.upload("notes.md", study_text(6), parse=True)
        first = await outcome(client, stored.document_id)
        assert first[-1].failed.reason == "UNAVAILABLE"
        document = await client.get(stored.document_id)
        assert document.state == docs_pb2.DOCUMENT_STATE_FAILED
        assert document.failure.reason == "UNAVAILABLE"

        neighbors.llm.faults = 0
        assert (await client.parse(stored.document_id)).state == docs_pb2.DOCUMENT_STATE_QUEUED
        second = await outcome(client, stored.document_id, after=len(first))
        assert second[-1].HasField("indexed")
        # Parsed the first time: the second job went on with the chunks that it found.
        assert docs_pb2.STAGE_PARSING not in stages(second)
        assert not (await client.get(stored.document_id)).HasField("failure")
        assert len(await outcome(client, stored.document_id)) == len(first) + len(second)


async def test_a_fault_of_the_request_is_not_tried_again(client: Client, neighbors: Neighbors) -> None:
    neighbors.llm.faults, neighbors.llm.fault = 10_000, InvalidArgument("No such model.", reason="NO_MODEL")
    stored = await client.upload("notes.md", study_text(1), parse=True)
    assert (await outcome(client, stored.document_id))[-1].failed.reason == "NO_MODEL"
    assert neighbors.llm.faults >= 10_000 - 2


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("blank.txt", b" \n\t\n ", "NO_TEXT"),
        ("torn.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog", "TRUNCATED_FILE"),
        ("torn.docx", b"PK\x03\x04" + bytes(26) + b"word/document.xml", "CORRUPT_FILE"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_with_its_reason(
    client: Client, neighbors: Neighbors, name: str, data: bytes, reason: str
) -> None:
    stored = await client.upload(name, data, parse=True)
    last = (await outcome(client, stored.document_id))[-1]
    assert last.failed.reason in (reason, "CORRUPT_FILE", "TRUNCATED_FILE")
    assert last.failed.message
    document = await client.get(stored.document_id)
    assert (document.state, document.chunk_count) == (docs_pb2.DOCUMENT_STATE_FAILED, 0)
    assert neighbors.retrieval.chunks == {}


async def test_asking_again_while_it_runs_or_when_it_is_done_changes_nothing(
    client: Client, neighbors: Neighbors
) -> None:
    neighbors.llm.delay = 0.05
    stored = await client.upload("notes.md", study_text(10), parse=True)
    for _ in range(5):
        await client.parse(stored.document_id)
    events = await outcome(client, stored.document_id)
    assert (await client.parse(stored.document_id)).state == docs_pb2.DOCUMENT_STATE_INDEXED
    assert await outcome(client, stored.document_id) == events
    assert set(neighbors.retrieval.sent.values()) == {1}


async def test_deleting_while_the_job_runs_leaves_nothing_and_nothing_comes_back(
    settings: DocsSettings, neighbors: Neighbors
) -> None:
    async with serving(settings) as client_of:
        client = client_of("dev")
        neighbors.llm.delay = neighbors.retrieval.delay = 0.1
        stored = await client.upload("notes.md", study_text(60), parse=True)
        async with asyncio.timeout(20):
            async for event in client.watch(stored.document_id):
                if event.progress.stage == docs_pb2.STAGE_INDEXING and event.progress.done > 4:
                    break
        embedded = neighbors.llm.texts
        await client.delete(stored.document_id)
        assert neighbors.retrieval.chunks == {}
        await asyncio.sleep(0.6)
        assert neighbors.retrieval.chunks == {}
        assert neighbors.llm.texts <= embedded + 12
        assert await stored_files(settings) == []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.get(stored.document_id)
        assert from_rpc_error(caught.value).reason == "DOCUMENT_NOT_FOUND"


async def test_a_deletion_ends_the_watchers(client: Client, neighbors: Neighbors) -> None:
    neighbors.llm.delay = 0.2
    stored = await client.upload("notes.md", study_text(30), parse=True)

    async def follow() -> None:
        _ = [event async for event in client.watch(stored.document_id)]

    watcher = asyncio.ensure_future(follow())
    await asyncio.sleep(0.3)
    await client.delete(stored.document_id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await watcher
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_deletion_that_cannot_reach_the_index_is_finished_later(
    settings: DocsSettings, neighbors: Neighbors
) -> None:
    async with serving(settings) as client_of:
        client = client_of("dev")
        stored = await client.upload("notes.md", study_text(3), parse=True)
        await outcome(client, stored.document_id)
    async with serving(settings.model_copy(update={"retrieval_target": "127.0.0.1:1"})) as client_of:
        client = client_of("dev")
        await client.delete(stored.document_id)
        assert list((await client.list()).documents) == []
        assert neighbors.retrieval.chunks
    async with serving(settings):
        await eventually(lambda: _gone(neighbors))
        await eventually(lambda: _no_files(settings))


async def _gone(neighbors: Neighbors) -> bool:
    return not neighbors.retrieval.chunks


async def _no_files(settings: DocsSettings) -> bool:
    return await stored_files(settings) == []


async def test_a_stopped_service_hands_its_job_to_the_next_one(settings: DocsSettings, neighbors: Neighbors) -> None:
    neighbors.llm.delay = 0.1
    async with serving(settings) as client_of:
        client = client_of("dev")
        stored = await client.upload("notes.md", study_text(60), parse=True)
        async for event in client.watch(stored.document_id):
            if event.progress.stage == docs_pb2.STAGE_INDEXING and event.progress.done > 4:
                break
    neighbors.llm.delay = 0.0
    done = len(neighbors.retrieval.sent)
    assert 4 < done < 60
    async with serving(settings) as client_of:
        events = await outcome(client_of("dev"), stored.document_id)
        assert events[-1].HasField("indexed")
        document = events[-1].indexed.document
    assert document.chunk_count == len(neighbors.retrieval.sent) == len(neighbors.retrieval.chunks)
    assert set(neighbors.retrieval.sent.values()) == {1}


async def test_a_watcher_that_comes_back_sees_only_what_it_missed(client: Client) -> None:
    stored = await client.upload("notes.md", study_text(6), parse=True)
    events = await outcome(client, stored.document_id)
    assert await outcome(client, stored.document_id, after=2) == events[2:]
    assert await outcome(client, stored.document_id, after=len(events)) == []


async def test_watching_before_the_job_is_asked_for(client: Client) -> None:
    stored = await client.upload("notes.md", study_text(2))
    watcher = asyncio.ensure_future(outcome(client, stored.document_id))
    await asyncio.sleep(0.1)
    await client.parse(stored.document_id)
    assert (await watcher)[-1].HasField("indexed")


async def test_slices_of_the_text_are_counted_in_code_points(client: Client) -> None:
    stored = await client.upload("notes.md", "# 题库 🙂\n\n植物🌱 turn light into sugar.\n".encode(), parse=True)
    await outcome(client, stored.document_id)
    whole = await client.text(stored.document_id)
    assert whole.text_length == len(whole.text)
    for start, end in ((0, 3), (3, 9), (5, 0), (whole.text_length, 0)):
        part = await client.text(stored.document_id, start, end)
        assert part.text == whole.text[start : end or None]
        assert (part.start, part.end) == (start, end or whole.text_length)
    for start, end, code in ((1000, 0, "OUT_OF_RANGE"), (5, 3, "INVALID_ARGUMENT")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.text(stored.document_id, start, end)
        assert caught.value.code().name == code


async def test_the_text_of_an_unread_document_is_a_failed_precondition(client: Client) -> None:
    stored = await client.upload("notes.md", study_text(1))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.text(stored.document_id)
    assert from_rpc_error(caught.value).reason == "NOT_PARSED"


async def test_chunks_come_in_pages(client: Client) -> None:
    stored = await client.upload("notes.md", study_text(20), parse=True)
    await outcome(client, stored.document_id)
    whole = list((await client.chunks(stored.document_id)).chunks)
    paged: list[docs_pb2.DocumentChunk] = []
    token = ""
    async for page in _pages(client, stored.document_id):
        paged += page.chunks
        token = page.next_page_token
    assert token == ""
    assert paged == whole
    assert [chunk.ordinal for chunk in whole] == list(range(len(whole)))


async def _pages(client: Client, document_id: str) -> AsyncIterator[docs_pb2.ListChunksResponse]:
    token = ""
    while True:
        page = await client.chunks(document_id, page_size=3, page_token=token)
        yield page
        if not (token := page.next_page_token):
            return
