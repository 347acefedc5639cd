"""Deletion and recovery: whatever was cut off where, nothing stays behind and nothing of others goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.common.values import DocumentKind
from services.docs.adapters.clients.fake import FakeChunkIndex, FakeEmbedder
from services.docs.adapters.objects.fake import FakeObjectStore
from services.docs.adapters.queue.fake import FakeJobQueue
from services.docs.adapters.stores.fake import FakeStores
from services.docs.domain.catalog.deletion import REMOVALS, Deleter
from services.docs.domain.catalog.recovery import keep_jobs_queued, recover
from services.docs.domain.objects import text_key
from services.docs.domain.upload.uploader import Uploader
from services.docs.ports import RetryLaterError
from services.docs.values.document import Document, Job, JobKind, StoredChunk
from services.kit import ids
from services.kit.errors import NotFound, Unavailable, disk_full


class Index(FakeChunkIndex):
    """Does not answer while `down`, and has no room while `full`."""

    down = False
    full = False
    asked = 0

    async def delete(self, document_id: str) -> None:
        self.asked += 1
        if self.full:
            raise disk_full()
        if self.down:
            raise Unavailable("A service that is needed does not answer.")
        await super().delete(document_id)


class House:
    """Documents with chunks in the index, and what deletes them."""

    def __init__(self) -> None:
        self.queue = FakeJobQueue()
        self.stores = FakeStores(self.queue)
        self.objects, self.index = FakeObjectStore(), Index()
        self.deleter = Deleter(self.stores.deletions, self.stores.locks, self.objects, self.index)

    async def document(self, content: bytes = b"words") -> Document:
        uploader = Uploader(
            self.stores.documents, self.stores.deletions, self.stores.locks, self.objects, max_bytes=1000
        )
        stored = (await uploader.upload("alice", "a.txt", DocumentKind.MATERIAL, once(content), parse=False)).document
        await self.objects.put(text_key(stored.document_id), once(content))
        chunk = StoredChunk(0, 0, 5, "words", 0, (), chunk_id=ids.new_id())
        await self.index.index(stored, [chunk], await FakeEmbedder().embed(["words"]))
        return stored

    async def keys(self) -> list[str]:
        return sorted([key for prefix in ("uploads", "objects", "texts") async for key in self.objects.list(prefix)])


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
def house() -> House:
    return House()


async def test_everything_of_a_document_goes_and_nothing_of_another(house: House) -> None:
    goes, stays = await house.document(b"goes"), await house.document(b"stays")
    await house.deleter.delete(goes.document_id, "alice")
    assert await house.keys() == [f"objects/{stays.sha256}", text_key(stays.document_id)]
    assert {entry[0] for entry in house.index.chunks.values()} == {stays.document_id}
    assert await house.stores.deletions.marked(goes.document_id) is None
    with pytest.raises(NotFound):
        await house.deleter.delete(goes.document_id, "alice")


async def test_a_file_goes_with_the_last_document_that_has_it(house: House) -> None:
    first, second = await house.document(), await house.document()
    await house.deleter.delete(first.document_id, "alice")
    assert f"objects/{second.sha256}" in await house.keys()
    await house.deleter.delete(second.document_id, "alice")
    assert await house.keys() == []


async def test_another_users_document_stays(house: House) -> None:
    stored = await house.document()
    with pytest.raises(NotFound):
        await house.deleter.delete(stored.document_id, "bob")
    assert await house.stores.documents.get(stored.document_id, "alice") == stored


async def test_with_the_index_away_the_document_is_hidden_and_the_job_finishes(house: House) -> None:
    stored = await house.document()
    house.index.down = True
    await house.deleter.delete(stored.document_id, "alice")
    assert await house.stores.documents.get(stored.document_id, "alice") is None
    job = Job(JobKind.DELETE, stored.document_id, "alice")
    with pytest.raises(RetryLaterError):
        await house.deleter.run(job)
    house.index.down = False
    await house.deleter.run(job)
    assert await house.keys() == []
    assert house.index.chunks == {}
    await house.deleter.run(job)


async def test_with_the_index_back_all_that_waited_is_finished_at_once(house: House) -> None:
    stored = [await house.document(f"words {n}".encode()) for n in range(20)]
    house.index.down = True
    for one in stored:
        await house.deleter.delete(one.document_id, "alice")
    house.index.asked = 0
    for _ in range(3):
        await house.deleter.remove_unfinished()
    assert house.index.asked == 3
    house.index.down = False
    await house.deleter.remove_unfinished()
    await house.deleter.remove_unfinished()
    assert house.index.asked == 3 + len(stored)
    assert house.index.chunks == {}
    assert await house.keys() == []


async def test_the_later_job_removes_vectors_that_arrived_after_the_deletion(house: House) -> None:
    stored = await house.document()
    await house.deleter.delete(stored.document_id, "alice")
    late = StoredChunk(0, 0, 5, "words", 0, (), chunk_id=ids.new_id())
    await house.index.index(stored, [late], await FakeEmbedder().embed(["words"]))
    await house.deleter.run(Job(JobKind.DELETE, stored.document_id, "alice"))
    assert house.index.chunks == {}


async def test_a_deletion_waits_for_the_worker_to_let_go(house: House) -> None:
    stored = await house.document()
    async with house.stores.locks.lock(f"document:{stored.document_id}"):
        deletion = asyncio.ensure_future(house.deleter.delete(stored.document_id, "alice"))
        await asyncio.sleep(0.01)
        assert not deletion.done()
        assert house.index.chunks
    await deletion
    assert house.index.chunks == {}


async def test_a_file_that_arrives_again_while_it_is_being_removed_is_there_afterwards(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await house.document()
    removing, go_on = asyncio.Event(), asyncio.Event()
    delete = house.objects.delete

    async def slowly(key: str) -> None:
        if key.startswith("objects/"):
            removing.set()
            await go_on.wait()
        await delete(key)

    monkeypatch.setattr(house.objects, "delete", slowly)
    deletion = asyncio.ensure_future(house.deleter.delete(first.document_id, "alice"))
    await removing.wait()
    upload = asyncio.ensure_future(house.document())
    await asyncio.sleep(0.01)
    go_on.set()
    await deletion
    second = await upload
    assert f"objects/{second.sha256}" in await house.keys()


async def test_a_start_sweeps_what_dead_processes_left_and_only_that(house: House) -> None:
    stored = await house.document()
    dead = ids.new_id()
    living = ids.new_id()
    for instance in (dead, living, house.stores.locks.instance):
        await house.objects.put(f"uploads/{instance}.{ids.new_id()}", once(b"half"))
    async with house.stores.locks.lock(f"instance:{living}"):
        await recover(house.stores.documents, house.stores.deletions, house.stores.locks, house.objects)
    left = [key for key in await house.keys() if key.startswith("uploads/")]
    assert sorted(key.removeprefix("uploads/").partition(".")[0] for key in left) == sorted(
        [living, house.stores.locks.instance]
    )
    assert await house.stores.documents.get(stored.document_id, "alice") == stored


async def test_a_lost_job_is_queued_again_while_the_service_runs(house: House) -> None:
    stored = await house.document()
    await house.stores.documents.request_indexing(stored.document_id, "alice")
    seen: list[Job] = []

    async def drop(job: Job) -> None:
        seen.append(job)

    async with asyncio.TaskGroup() as group:
        working = group.create_task(house.queue.work(drop))
        keeping = group.create_task(keep_jobs_queued(house.stores.documents, interval=0.01))
        while len(seen) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        working.cancel()
        keeping.cancel()
    assert set(seen) == {Job(JobKind.INDEX, stored.document_id, "alice", 1)}


async def test_files_go_at_once_even_if_the_index_has_no_room_for_a_deletion(house: House) -> None:
    document = await house.document()
    house.index.full = True
    await house.deleter.delete(document.document_id, "alice")
    assert await house.keys() == []
    job = Job(JobKind.DELETE, document.document_id, "alice")
    with pytest.raises(RetryLaterError):
        await house.deleter.run(job)
    assert await house.stores.deletions.marked(document.document_id) is not None
    house.index.full = False
    await house.deleter.run(job)
    assert house.index.chunks == {}
    assert await house.stores.deletions.marked(document.document_id) is None


async def test_while_a_backup_runs_a_document_is_hidden_and_nothing_of_it_goes(house: House) -> None:
    stored = await house.document()
    kept = await house.keys()
    async with house.stores.locks.lock(REMOVALS):
        await house.deleter.delete(stored.document_id, "alice")
        assert await house.stores.documents.get(stored.document_id, "alice") is None
        assert await house.keys() == kept
        assert house.index.chunks
        with pytest.raises(RetryLaterError):
            await house.deleter.run(Job(JobKind.DELETE, stored.document_id, "alice"))
    await house.deleter.run(Job(JobKind.DELETE, stored.document_id, "alice"))
    assert await house.keys() == []
    assert not house.index.chunks
