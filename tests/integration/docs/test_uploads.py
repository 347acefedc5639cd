"""Uploads that end badly leave nothing; those that end well are kept once a content."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator

import asyncpg
import grpc
import pytest

from services.docs.settings import DocsSettings
from services.kit.errors import AlreadyExists, NotFound, TikuError
from services.kit.rpc_errors import from_rpc_error
from tests.integration.docs.conftest import Client, eventually, serving, stored_files, study_text
from tiku.docs.v1 import docs_pb2


async def rows(settings: DocsSettings) -> int:
    connection = await asyncpg.connect(settings.postgres_dsn.get_secret_value())
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM docs.documents")
        return count
    finally:
        await connection.close()


async def refusal(client: Client, name: str, data: bytes, **options: object) -> TikuError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.upload(name, data, **options)  # type: ignore[arg-type]
    return from_rpc_error(caught.value)


@pytest.fixture
def small(settings: DocsSettings) -> DocsSettings:
    return settings.model_copy(update={"docs_max_upload_bytes": 300_000})


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"x" * 100)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "reason", "field"),
    [
        ("empty.txt", b"", "EMPTY_FILE", "chunk"),
        ("large.txt", b"a" * 300_001, "FILE_TOO_LARGE", "chunk"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(1000), "UNSUPPORTED_MEDIA_TYPE", "chunk"),
        ("archive.zip", zipped("a.txt"), "UNSUPPORTED_MEDIA_TYPE", "chunk"),
        ("wrong.pdf", b"This is no PDF at all. " * 10, "MEDIA_TYPE_MISMATCH", "chunk"),
        ("../../etc/passwd", b"root", "INVALID_NAME", "description.name"),
        ("..", b"root", "INVALID_NAME", "description.name"),
        ("a\\b.txt", b"root", "INVALID_NAME", "description.name"),
        ("\0..", b"root", "INVALID_NAME", "description.name"),
        ("a\nb.txt", b"root", "INVALID_NAME", "description.name"),
        ("x" * 256, b"root", "INVALID_FIELD", "description.name"),
    ],
)
async def test_a_refused_upload_names_the_field_and_leaves_nothing(
    small: DocsSettings, name: str, data: bytes, reason: str, field: str
) -> None:
    async with serving(small) as client_of:
        error = await refusal(client_of("dev"), name, data)
        assert (error.status, error.reason) == ("INVALID_ARGUMENT", reason)
        assert [violation.field for violation in error.violations] == [field]
        assert await stored_files(small) == []
        assert await rows(small) == 0


async def test_an_upload_at_the_limit_is_kept(small: DocsSettings) -> None:
    async with serving(small) as client_of:
        stored = await client_of("dev").upload("large.txt", b"a" * 300_000)
        assert stored.size_bytes == 300_000


async def test_a_kept_document_may_be_of_any_type(client: Client) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(1000)
    stored = await client.upload("picture.png", picture, kind=docs_pb2.DOCUMENT_KIND_DOCUMENT)
    assert stored.media_type == "image/png"
    found = await client.list(kind=docs_pb2.DOCUMENT_KIND_DOCUMENT)
    assert [document.document_id for document in found.documents] == [stored.document_id]
    assert list((await client.list(kind=docs_pb2.DOCUMENT_KIND_MATERIAL)).documents) == []


async def test_a_cancelled_upload_leaves_nothing(settings: DocsSettings) -> None:
    async with serving(settings) as client_of:
        sent = asyncio.Event()

        async def requests() -> AsyncIterator[docs_pb2.UploadDocumentRequest]:
            description = docs_pb2.UploadDescription(name="half.txt")
            yield docs_pb2.UploadDocumentRequest(description=description)
            for _ in range(30):
                yield docs_pb2.UploadDocumentRequest(chunk=b"half a file " * 20_000)
            sent.set()
            await asyncio.Event().wait()

        call = client_of("dev").stub.UploadDocument(requests())
        await sent.wait()
        await eventually(lambda: _count(settings, 1))
        call.cancel()
        await eventually(lambda: _count(settings, 0))
        assert await rows(settings) == 0


async def test_an_upload_whose_process_was_killed_is_swept_at_the_next_start(settings: DocsSettings) -> None:
    uploads = settings.docs_objects_path / "uploads"
    await asyncio.to_thread(uploads.mkdir, parents=True)
    dead = "01890000-0000-7000-8000-000000000000"
    await asyncio.to_thread((uploads / f"{dead}.a").write_bytes, b"whole")
    await asyncio.to_thread((uploads / f"{dead}.b#1").write_bytes, b"half")
    async with serving(settings):
        assert await stored_files(settings) == []


async def test_a_start_leaves_the_uploads_of_living_processes_alone(settings: DocsSettings) -> None:
    async with serving(settings) as client_of:
        going_on = asyncio.Event()

        async def requests() -> AsyncIterator[docs_pb2.UploadDocumentRequest]:
            yield docs_pb2.UploadDocumentRequest(description=docs_pb2.UploadDescription(name="slow.txt"))
            yield docs_pb2.UploadDocumentRequest(chunk=b"a" * 1_000_000)
            yield docs_pb2.UploadDocumentRequest(chunk=b"a" * 1_000_000)
            await going_on.wait()

        upload = asyncio.ensure_future(client_of("dev").stub.UploadDocument(requests()))
        await eventually(lambda: _count(settings, 1))
        async with serving(settings):
            assert len(await stored_files(settings)) == 1
        going_on.set()
        assert (await upload).document.size_bytes == 2_000_000


async def test_bytes_before_the_description_are_refused(client: Client) -> None:
    async def requests() -> AsyncIterator[docs_pb2.UploadDocumentRequest]:
        yield docs_pb2.UploadDocumentRequest(chunk=b"bytes")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.stub.UploadDocument(requests())
    assert from_rpc_error(caught.value).reason == "MISPLACED_DESCRIPTION"


async def test_equal_files_are_stored_once_and_go_with_the_last_of_them(settings: DocsSettings) -> None:
    async with serving(settings) as client_of:
        data = study_text(1)
        mine = await client_of("alice").upload("mine.md", data)
        theirs = await client_of("bob").upload("theirs.md", data)
        assert await stored_files(settings) == [f"objects/{mine.sha256}"]
        await client_of("alice").delete(mine.document_id)
        assert (await client_of("bob").download(theirs.document_id))[1] == data
        await client_of("bob").delete(theirs.document_id)
        assert await stored_files(settings) == []
        assert await rows(settings) == 0


async def test_uploads_and_deletions_of_one_content_at_once_never_lose_it(settings: DocsSettings) -> None:
    async with serving(settings) as client_of:
        client, data = client_of("dev"), study_text(1)

        async def come_and_go() -> None:
            stored = await client.upload("a.md", data)
            await client.delete(stored.document_id)

        async with asyncio.TaskGroup() as group:
            stays = [group.create_task(client.upload("b.md", data)) for _ in range(5)]
            for _ in range(10):
                group.create_task(come_and_go())
        for stay in stays:
            assert (await client.download(stay.result().document_id))[1] == data
        assert await rows(settings) == 5


async def test_the_same_file_again_is_named_or_refused(client: Client) -> None:
    async def send(name: str, *, refuse_duplicate: bool = False) -> docs_pb2.UploadDocumentResponse:
        async def requests() -> AsyncIterator[docs_pb2.UploadDocumentRequest]:
            description = docs_pb2.UploadDescription(name=name, refuse_duplicate=refuse_duplicate)
            yield docs_pb2.UploadDocumentRequest(description=description)
            yield docs_pb2.UploadDocumentRequest(chunk=study_text(1))

        return await client.stub.UploadDocument(requests(), metadata=(("accept-language", "zh-CN"),))

    first = await send("first.md")
    assert not first.HasField("duplicate_of")
    second = await send("second.md")
    assert second.duplicate_of == first.document
    assert (first.duplicate_message, second.duplicate_message) == ("", "同样的文件已经在这里，名为“first.md”。")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await send("third.md", refuse_duplicate=True)
    error = from_rpc_error(caught.value)
    assert isinstance(error, AlreadyExists)
    assert error.message == "文件没有保存。您已经有相同的文件“first.md”：请直接使用它，或先把它删除。"
    assert error.metadata == {"document_id": first.document.document_id, "name": "first.md"}


async def test_another_user_sees_nothing(settings: DocsSettings) -> None:
    async with serving(settings) as client_of:
        stored = await client_of("alice").upload("mine.md", study_text(1))
        bob = client_of("bob")
        assert list((await bob.list()).documents) == []
        for call in (bob.get, bob.download, bob.text, bob.parse, bob.delete, bob.chunks):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(stored.document_id)
            assert isinstance(from_rpc_error(caught.value), NotFound)
        with pytest.raises(grpc.aio.AioRpcError):
            _ = [event async for event in bob.watch(stored.document_id)]


async def test_pages_of_a_list_are_disjoint_and_complete(client: Client) -> None:
    ids = [(await client.upload(f"{number}.md", study_text(1))).document_id for number in range(5)]
    seen: list[str] = []
    token = ""
    while True:
        page = await client.list(page_size=2, page_token=token)
        seen += [document.document_id for document in page.documents]
        if not (token := page.next_page_token):
            break
    assert seen == ids[::-1]
    for wrong in ("nonsense", "eyJ0IjoxfQ"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.list(page_token=wrong)
        assert from_rpc_error(caught.value).reason == "INVALID_PAGE_TOKEN"


async def test_a_range_of_a_file(client: Client) -> None:
    data = bytes(range(256)) * 4096
    stored = await client.upload("bytes.bin", data, kind=docs_pb2.DOCUMENT_KIND_DOCUMENT)
    for offset, length in ((0, 1), (255, 700_000), (len(data) - 1, 5), (len(data), 0), (1000, 0)):
        description, part = await client.download(stored.document_id, offset, length)
        assert part == data[offset : offset + length if length else None]
        assert (description.offset_bytes, description.length_bytes) == (offset, len(part))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.download(stored.document_id, len(data) + 1)
    assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE


async def _count(settings: DocsSettings, wanted: int) -> bool:
    return len(await stored_files(settings)) == wanted
