"""What every object store promises, on memory, on a folder, and on a real S3 server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.docs.adapters.objects.fake import FakeObjectStore
from services.docs.adapters.objects.obstore import FolderObjectStore, S3ObjectStore
from services.docs.ports import ObjectStore
from services.embedded.network import free_port
from services.kit.errors import NotFound, Unavailable
from tests.engines import on_engine
from tests.shared import VERSITYGW

NO_SERVER = "no S3 server: name the program versitygw in VERSITYGW to run the contract on it"
MIB = 1024 * 1024


@pytest.fixture(params=["fake", "folder", on_engine("s3")])
async def objects(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with AsyncExitStack() as stack:
        if request.param == "fake":
            yield FakeObjectStore()
        elif request.param == "folder":
            yield await stack.enter_async_context(FolderObjectStore.open(tmp_path / "objects"))
        else:
            if not await asyncio.to_thread(os.access, VERSITYGW, os.X_OK):
                pytest.skip(NO_SERVER)
            endpoint = await stack.enter_async_context(s3_server(tmp_path / "s3"))
            yield await stack.enter_async_context(bucket(endpoint))


def bucket(endpoint: str) -> AbstractAsyncContextManager[S3ObjectStore]:
    return S3ObjectStore.open(
        "tiku",
        endpoint=endpoint,
        region="us-east-1",
        access_key_id=SecretStr("test"),
        secret_access_key=SecretStr("test-secret"),
    )


@asynccontextmanager
async def s3_server(folder: Path) -> AsyncIterator[str]:
    """The endpoint of versitygw over `folder`, with a bucket `tiku`."""
    await asyncio.to_thread((folder / "tiku").mkdir, parents=True)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        VERSITYGW,
        *("--port", f"127.0.0.1:{port}", "--access", "test", "--secret", "test-secret", "posix", folder),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while not await answers(port):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def parts(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def whole(objects: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([part async for part in objects.read(key, start, end)])


async def size(objects: ObjectStore, key: str) -> int | None:
    """The bytes of an object, as its store says and as it gives them; None when there is none."""
    length = await objects.size(key)
    if length is None:
        with pytest.raises(NotFound):
            await whole(objects, key)
    else:
        assert len(await whole(objects, key)) == length
    return length


async def keys(objects: ObjectStore, prefix: str) -> list[str]:
    return sorted([key async for key in objects.list(prefix)])


async def test_an_object_is_the_sum_of_its_parts(objects: ObjectStore) -> None:
    await objects.put("objects/a", parts(b"one ", b"two ", "三".encode()))
    assert await whole(objects, "objects/a") == "one two 三".encode()
    assert await size(objects, "objects/a") == 11


async def test_an_object_of_many_parts(objects: ObjectStore) -> None:
    block = os.urandom(MIB)
    await objects.put("objects/big", parts(*[block] * 23, b"end"))
    assert await size(objects, "objects/big") == 23 * MIB + 3
    data = await whole(objects, "objects/big")
    assert data == block * 23 + b"end"
    assert max([len(part) async for part in objects.read("objects/big")]) <= MIB


async def test_ranges(objects: ObjectStore) -> None:
    data = os.urandom(3 * MIB)
    await objects.put("objects/a", parts(data))
    for start, end in ((0, 1), (5, MIB + 7), (MIB - 1, None), (3 * MIB - 1, None), (100, 100 * MIB), (7, 7)):
        assert await whole(objects, "objects/a", start, end) == data[start:end]
    assert await whole(objects, "objects/a", 3 * MIB) == b""


async def test_putting_again_replaces(objects: ObjectStore) -> None:
    await objects.put("texts/a", parts(b"a longer first version"))
    await objects.put("texts/a", parts(b"second"))
    assert await whole(objects, "texts/a") == b"second"


async def test_nothing_is_there_while_and_after_a_put_that_fails(objects: ObjectStore) -> None:
    async def failing() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield bytes(MIB)
        assert await size(objects, "uploads/a") is None
        raise ValueError("the client went away")

    with pytest.raises(ValueError, match="went away"):
        await objects.put("uploads/a", failing())
    assert await size(objects, "uploads/a") is None
    assert await keys(objects, "uploads") == []


async def test_nothing_is_there_after_a_put_that_was_cancelled(objects: ObjectStore) -> None:
    waiting = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield bytes(MIB)
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(objects.put("uploads/a", endless()))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await size(objects, "uploads/a") is None
    assert await keys(objects, "uploads") == []


async def test_a_move_renames(objects: ObjectStore) -> None:
    await objects.put("uploads/a", parts(b"bytes"))
    await objects.move("uploads/a", "objects/b")
    assert await size(objects, "uploads/a") is None
    assert await whole(objects, "objects/b") == b"bytes"


async def test_a_move_to_what_is_there_keeps_it(objects: ObjectStore) -> None:
    await objects.put("objects/b", parts(b"first"))
    await objects.put("uploads/a", parts(b"later"))
    await objects.move("uploads/a", "objects/b")
    assert await size(objects, "uploads/a") is None
    assert await whole(objects, "objects/b") == b"first"


async def test_what_is_not_there(objects: ObjectStore) -> None:
    assert await size(objects, "objects/none") is None
    await objects.delete("objects/none")
    with pytest.raises(NotFound):
        await whole(objects, "objects/none")
    with pytest.raises(NotFound):
        await objects.move("uploads/none", "objects/none")
    assert await keys(objects, "nowhere") == []


async def test_listing_and_deleting(objects: ObjectStore) -> None:
    for key in ("uploads/a", "uploads/b", "objects/a"):
        await objects.put(key, parts(b"x"))
    assert await keys(objects, "uploads") == ["uploads/a", "uploads/b"]
    await objects.delete("uploads/a")
    assert await keys(objects, "uploads") == ["uploads/b"]
    assert await keys(objects, "objects") == ["objects/a"]


async def test_a_folder_shows_and_removes_what_a_killed_process_was_writing(tmp_path: Path) -> None:
    async with FolderObjectStore.open(tmp_path) as objects:
        await asyncio.to_thread((tmp_path / "uploads").mkdir)
        await asyncio.to_thread((tmp_path / "uploads" / "i.a#1").write_bytes, b"half")
        assert await keys(objects, "uploads") == ["uploads/i.a"]
        await objects.delete("uploads/i.a")
        assert await asyncio.to_thread(lambda: list((tmp_path / "uploads").iterdir())) == []


@pytest.mark.engine
async def test_a_failed_upload_leaves_no_parts_on_the_server(tmp_path: Path) -> None:
    if not await asyncio.to_thread(os.access, VERSITYGW, os.X_OK):
        pytest.skip(NO_SERVER)
    async with s3_server(tmp_path / "s3") as endpoint:
        async with bucket(endpoint) as objects:

            async def failing() -> AsyncIterator[bytes]:
                for _ in range(20):
                    yield bytes(MIB)
                raise ValueError("the client went away")

            with pytest.raises(ValueError, match="went away"):
                await objects.put("uploads/a", failing())

        def left() -> list[str]:
            return [str(path) for path in (tmp_path / "s3" / "tiku").rglob("*") if path.is_file()]

        assert await asyncio.to_thread(left) == []


async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    async with bucket(f"http://127.0.0.1:{free_port()}") as objects:
        with pytest.raises(Unavailable):
            await objects.put("objects/a", parts(b"words"))
        with pytest.raises(Unavailable):
            await whole(objects, "objects/a")
