"""Objects through obstore: a local folder or any S3 server, by the same calls."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store
from pydantic import SecretStr

from services.docs.domain.concurrency import run_to_end
from services.docs.domain.objects import missing_object
from services.kit import tracing
from services.kit.disk_room import DiskRoom
from services.kit.errors import NotFound, Unavailable, disk_full
from services.kit.start import StartError

_MIB = 1024 * 1024
_READ_BYTES = _MIB
_S3_PART_BYTES = 5 * _MIB
"""The smallest part that S3 takes."""
_FOLDER_PART_BYTES = _MIB
"""A folder takes parts of any size, and small ones need less memory."""
_UNFINISHED = re.compile(r"#\d+$")
"""What the library adds to the name of a file while it is being written."""
_LAST_USE_SECONDS = 0.1
_NO_ROOM = re.compile(r"os error (?:28|122)\b")
"""ENOSPC and EDQUOT, as the library words them."""
_CONNECT_SECONDS = 3
_RETRIES = 3
_RETRY_SECONDS = 15
"""The library's own limit is three minutes, which is too long for a caller."""

logger = logging.getLogger(__name__)

Store = LocalStore | S3Store


class _ObstoreObjectStore:
    """What a folder and a bucket share."""

    def __init__(self, store: Store, part_bytes: int) -> None:
        self._store = store
        self._part_bytes = part_bytes

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Write part by part, and end and delete what a failed write began."""
        writer = obstore.open_writer_async(self._store, key, buffer_size=self._part_bytes, max_concurrency=1)
        try:
            async for chunk in chunks:
                with _answering(key, "write"):
                    await writer.write(chunk)
            with _answering(key, "close"):
                await writer.close()
        except BaseException:
            # An abandoned multipart upload leaves its parts on the server: complete it, then delete the object.
            await run_to_end(self._discard(writer, key))
            raise

    async def _discard(self, writer: obstore.AsyncWritableFile, key: str) -> None:
        with suppress(Exception):
            await writer.close()
        with suppress(Exception):
            await self.delete(key)

    async def move(self, source: str, target: str) -> None:
        """Rename, unless the target exists."""
        if await self.size(target) is not None:
            await self.delete(source)
            return
        with _answering(source, "rename"):
            await obstore.rename_async(self._store, source, target, overwrite=True)

    async def size(self, key: str) -> int | None:
        """Ask for the metadata of an object."""
        with suppress(NotFound), _answering(key, "head"):
            return (await obstore.head_async(self._store, key))["size"]
        return None

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Get one range after the other, because a stream would read ahead of a slow reader."""
        size = await self.size(key)
        if size is None:
            raise missing_object(key)
        end = size if end is None else min(end, size)
        while start < end:
            length = min(_READ_BYTES, end - start)
            with _answering(key, "get"):
                part = await obstore.get_range_async(self._store, key, start=start, length=length)
            yield part.to_bytes()
            start += length

    async def delete(self, key: str) -> None:
        """Delete an object, if it exists."""
        with suppress(NotFound), _answering(key, "delete"):
            await obstore.delete_async(self._store, key)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys of complete objects."""
        with _answering(prefix, "list"):
            async for batch in obstore.list(self._store, prefix):
                for meta in batch:
                    yield meta["path"]


class FolderObjectStore(_ObstoreObjectStore):
    """Objects as files in a folder; half-written ones are files too, under another name."""

    def __init__(self, path: Path, reserve_bytes: int = 0) -> None:
        super().__init__(LocalStore(path), _FOLDER_PART_BYTES)
        self._root = path
        self._room = DiskRoom(path, reserve_bytes)

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, reserve_bytes: int = 0) -> AsyncIterator[Self]:
        """Create the folder where it does not exist; objects leave `reserve_bytes` of its volume alone.

        Raises:
            StartError: the folder cannot be made.
        """
        try:
            await asyncio.to_thread(path.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(f"the folder of the files, {path}, cannot be made: {error.strerror}") from error
        async with _last_answer():
            yield cls(path, reserve_bytes)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Write a file as long as there is room for it beside the reserve."""
        await super().put(key, self._within_room(chunks))

    async def _within_room(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the chunks for which there is room.

        Raises:
            ResourceExhausted: there is none for the next; reason DISK_FULL.
        """
        async for chunk in chunks:
            if not await asyncio.to_thread(self._room.check, len(chunk)):
                raise disk_full()
            yield chunk

    async def delete(self, key: str) -> None:
        """Delete a file, and what a killed process wrote of it."""
        await asyncio.to_thread(_remove_unfinished, self._root / key)
        await super().delete(key)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys of half-written files, then those of complete ones."""
        for name in await asyncio.to_thread(_unfinished, self._root / prefix):
            yield f"{prefix}/{name}"
        async for key in super().list(prefix):
            yield key


class S3ObjectStore(_ObstoreObjectStore):
    """Objects in an S3 bucket.

    A bucket should have a lifecycle rule that aborts incomplete multipart uploads: this class cannot see those of a
    killed process.
    """

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        bucket: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        access_key_id: SecretStr | None = None,
        secret_access_key: SecretStr | None = None,
    ) -> AsyncIterator[Self]:
        """Use a bucket that exists; what is None comes from the environment, as for AWS's own tools."""
        store = S3Store(
            bucket,
            endpoint=endpoint,
            region=region,
            access_key_id=access_key_id.get_secret_value() if access_key_id else None,
            secret_access_key=secret_access_key.get_secret_value() if secret_access_key else None,
            virtual_hosted_style_request=endpoint is None,
            client_options={
                "allow_http": endpoint is not None and endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
        )
        async with _last_answer():
            yield cls(store, _S3_PART_BYTES)


@contextmanager
def _answering(key: str, operation: str) -> Iterator[None]:
    """Turn the library's errors into `NotFound` for a missing object, and `Unavailable`."""
    try:
        with tracing.span(f"objects {operation}", "CLIENT", {"tiku.object.key": key}):
            yield
    except FileNotFoundError as error:
        raise missing_object(key) from error
    except (BaseError, OSError) as error:
        logger.warning("the object store failed", extra={"error": f"{type(error).__name__}: {error}"})
        if _NO_ROOM.search(str(error)):
            raise disk_full() from error
        raise Unavailable("The object store does not answer.", reason="OBJECT_STORE_UNAVAILABLE") from error


def _unfinished(folder: Path) -> list[str]:
    """Return the names of the files in `folder` that a killed process was writing."""
    return [_UNFINISHED.sub("", path.name) for path in folder.glob("*#*") if _UNFINISHED.search(path.name)]


def _remove_unfinished(file: Path) -> None:
    for path in file.parent.glob("*#*"):
        if _UNFINISHED.sub("", path.name) == file.name:
            path.unlink(missing_ok=True)


@asynccontextmanager
async def _last_answer() -> AsyncIterator[None]:
    """Wait at the end until the library has released its last answer."""
    try:
        yield
    finally:
        # A tokio thread still releases Python objects after the last answer; if the interpreter ends meanwhile, the
        # process aborts (pyo3-async-runtimes, issue 40).
        await asyncio.sleep(_LAST_USE_SECONDS)
