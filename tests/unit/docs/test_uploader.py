"""Uploads: what is learned on the way, what is refused, and what a failure leaves."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from services.common.values import DocumentKind
from services.docs.adapters.objects.fake import FakeObjectStore
from services.docs.adapters.queue.fake import FakeJobQueue
from services.docs.adapters.stores.fake import FakeDeletionStore, FakeDocumentStore, FakeStores
from services.docs.domain.upload.naming import checked_name
from services.docs.domain.upload.uploader import Uploader
from services.docs.values.document import Document, DocumentState
from services.kit.errors import AlreadyExists, InvalidArgument, Unavailable
from tests.waiting import eventually

LIMIT = 100_000


class House:
    """An uploader with everything in memory."""

    def __init__(self) -> None:
        self.objects = FakeObjectStore()
        self.stores = FakeStores(FakeJobQueue(), deletion_delay_seconds=0.0)
        self.uploader = Uploader(
            self.stores.documents, self.stores.deletions, self.stores.locks, self.objects, max_bytes=LIMIT
        )

    async def upload(
        self, data: bytes, name: str = "notes.md", kind: DocumentKind = DocumentKind.MATERIAL, part: int = 1000
    ) -> Document:
        return (await self.uploader.upload("alice", name, kind, parts(data, part), parse=False)).document

    async def keys(self) -> list[str]:
        return [key for prefix in ("uploads", "objects") async for key in _keys(self.objects, prefix)]

    async def is_empty(self) -> bool:
        rows = await self.stores.documents.list("alice", None, None, 10)
        return not rows and not await self.stores.documents.unconfirmed() and not await self.keys()


@pytest.fixture
def house() -> House:
    return House()


async def parts(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def _keys(objects: FakeObjectStore, prefix: str) -> AsyncIterator[str]:
    async for key in objects.list(prefix):
        yield key


@pytest.mark.parametrize("part", [1, 999, 70_000, 100_000])
async def test_size_hash_and_type_do_not_depend_on_the_parts(house: House, part: int) -> None:
    data = ("# 题库\n\n" + "植物把光能转化为化学能。" * 1000).encode()
    stored = await house.upload(data, part=part)
    assert stored.size_bytes == len(data)
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert stored.media_type == "text/markdown"
    assert await house.keys() == [f"objects/{stored.sha256}"]


async def test_empty_parts_are_nothing(house: House) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"", b"some ", b"", b"text", b""):
            yield chunk

    stored = (await house.uploader.upload("alice", "a.txt", DocumentKind.MATERIAL, chunks(), parse=False)).document
    assert stored.size_bytes == 9


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"", "a.txt", "EMPTY_FILE"),
        (b"a" * (LIMIT + 1), "a.txt", "FILE_TOO_LARGE"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "a.png", "UNSUPPORTED_MEDIA_TYPE"),
        (b"plain words", "a.pdf", "MEDIA_TYPE_MISMATCH"),
    ],
)
async def test_refused_content_leaves_nothing(house: House, data: bytes, name: str, reason: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await house.upload(data, name)
    assert caught.value.reason == reason
    assert caught.value.violations[0].field == "chunk"
    assert await house.is_empty()


async def test_an_oversized_upload_is_refused_before_its_end(house: House) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield b"a" * 1000

    with pytest.raises(InvalidArgument):
        await house.uploader.upload("alice", "a.txt", DocumentKind.MATERIAL, endless(), parse=False)
    assert read <= LIMIT + 1000


async def test_unreadable_content_is_refused_before_its_end(house: House) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield b"\x89PNG\r\n\x1a\n"
        while True:
            read += 1000
            yield bytes(1000)

    with pytest.raises(InvalidArgument):
        await house.uploader.upload("alice", "a.png", DocumentKind.MATERIAL, endless(), parse=False)
    assert read <= 70_000


async def test_a_document_of_any_type_is_kept_unless_it_is_to_be_parsed(house: House) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(99)
    assert (await house.upload(picture, "a.png", DocumentKind.DOCUMENT)).media_type == "image/png"
    with pytest.raises(InvalidArgument):
        await house.uploader.upload("alice", "b.png", DocumentKind.DOCUMENT, parts(picture, 10), parse=True)


async def test_with_parse_the_job_is_queued(house: House) -> None:
    upload = await house.uploader.upload("alice", "a.txt", DocumentKind.MATERIAL, parts(b"words", 9), parse=True)
    assert upload.document.state is DocumentState.QUEUED


async def test_a_broken_upload_leaves_nothing(house: House) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await house.uploader.upload("alice", "a.txt", DocumentKind.MATERIAL, broken(), parse=False)
    assert await house.is_empty()


async def test_a_cancelled_upload_leaves_nothing(house: House) -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b"half"
        await asyncio.Event().wait()

    task = asyncio.ensure_future(house.uploader.upload("alice", "a.txt", DocumentKind.MATERIAL, stuck(), parse=False))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await house.is_empty()


async def test_a_fault_after_the_bytes_arrived_marks_the_row(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(source: str, target: str) -> None:
        raise Unavailable("The object store does not answer.")

    monkeypatch.setattr(house.objects, "move", fail)
    with pytest.raises(Unavailable):
        await house.upload(b"words", "a.txt")
    assert await house.keys() == []
    assert list(await house.stores.documents.unconfirmed()) == []
    assert list(await house.stores.documents.list("alice", None, None, 10)) == []


@pytest.mark.parametrize("step", ["add", "confirm"])
async def test_a_row_is_marked_once_the_database_is_back(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    done, mark = getattr(FakeDocumentStore, step), FakeDeletionStore.mark_failed_upload
    tries = 0

    async def do_and_fail(*arguments: object, **options: object) -> None:
        await done(*arguments, **options)
        raise Unavailable("The connection is lost.")

    async def fail_once(store: FakeDeletionStore, document_id: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Unavailable("The connection is lost.")
        await mark(store, document_id)

    monkeypatch.setattr("services.docs.domain.upload.uploader._RETRY_SECONDS", 0.01)
    monkeypatch.setattr(FakeDocumentStore, step, do_and_fail)
    monkeypatch.setattr(FakeDeletionStore, "mark_failed_upload", fail_once)
    with pytest.raises(Unavailable):
        await house.upload(b"text")
    await eventually(lambda: [row.state for row in house.stores.documents.rows.values()] == ["DELETING"])


async def test_equal_content_is_stored_once(house: House) -> None:
    first = await house.upload(b"same words", "a.txt")
    second = await house.upload(b"same words", "b.txt")
    assert first.document_id != second.document_id
    assert await house.keys() == [f"objects/{first.sha256}"]


@pytest.mark.parametrize("name", ["notes.md", "光合作用.pdf", "a b.txt", "...", "x" * 255, ".hidden", "ﬁ.txt", "🙂"])
def test_names_that_are_allowed(name: str) -> None:
    assert checked_name(name) == name


def test_a_name_is_brought_into_one_form() -> None:
    assert checked_name("  cafe\u0301.txt ") == "café.txt"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        ".",
        "..",
        "a/b",
        "/etc/passwd",
        "a\\b",
        "C:\\x",
        "a\0",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "a\u202etxt.exe",
        "x" * 256,
    ],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        checked_name(name)
    assert caught.value.violations[0].field == "description.name"


async def test_the_same_file_again_is_stored_and_named(house: House) -> None:
    first = await house.upload(b"Iron rusts in damp air.", "rust.txt")
    again = await house.uploader.upload(
        "alice", "copy.txt", DocumentKind.DOCUMENT, parts(b"Iron rusts in damp air.", 5), parse=False
    )
    assert again.duplicate_of == first
    assert again.document.name == "copy.txt"
    third = await house.uploader.upload(
        "alice", "third.txt", DocumentKind.MATERIAL, parts(b"Iron rusts in damp air.", 5), parse=False
    )
    assert third.duplicate_of == first
    for owner, data in (("bob", b"Iron rusts in damp air."), ("alice", b"Iron rusts in damp air. ")):
        other = await house.uploader.upload(owner, "rust.txt", DocumentKind.MATERIAL, parts(data, 5), parse=False)
        assert other.duplicate_of is None


async def test_the_same_file_again_is_refused_where_that_is_asked(house: House) -> None:
    first = await house.upload(b"Iron rusts in damp air.", "rust.txt")
    with pytest.raises(AlreadyExists, match="rust") as caught:
        await house.uploader.upload(
            "alice",
            "copy.txt",
            DocumentKind.MATERIAL,
            parts(b"Iron rusts in damp air.", 5),
            parse=False,
            refuse_duplicate=True,
        )
    assert caught.value.reason == "DUPLICATE_FILE"
    assert caught.value.metadata == {"document_id": first.document_id, "name": "rust.txt"}
    assert [document.name for document in await house.stores.documents.list("alice", None, None, 9)] == ["rust.txt"]
    assert [key async for key in house.objects.list("uploads")] == []


async def test_of_two_uploads_of_one_file_at_once_one_is_named(house: House) -> None:
    uploads = await asyncio.gather(
        *(
            house.uploader.upload("alice", f"{n}.txt", DocumentKind.MATERIAL, parts(b"Iron rusts.", 3), parse=False)
            for n in range(5)
        )
    )
    named = [upload.duplicate_of for upload in uploads]
    assert named.count(None) == 1
    assert all(document is None or document.sha256 == uploads[0].document.sha256 for document in named)
