"""The collections of a data folder, each an Edge shard in a folder of its own.

Everything here runs on one thread (`EdgeThread`): Edge holds the GIL while it works, and two threads must not enter a
shard at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.errors import QdrantError, not_found, wrong_input
from services.embedded.qdrant_server.schema import VectorSchema, configuration

logger = logging.getLogger(__name__)

_DESCRIPTION = "collection.pb"
_SHARD = "shard"
_NAME_LIMIT = 255
_FORBIDDEN_IN_NAMES = '<>:"/\\|?*\0'

_OPTIMIZE_AFTER_CHANGES = 5_000
"""Changed points that make an optimization worthwhile: it holds the GIL."""
_FLUSH_AFTER_CHECKS = 12
"""How many checks a flush may be put off while writes go on. Every write is in the log when it is answered, and a flush
only saves replaying it. A flush waits for the disk, 0.1 s and more, and holds the GIL: while a document is being
indexed, once a minute is enough."""

Result = TypeVar("Result")


class EdgeThread:
    """The one thread that enters Edge. At most `limit` calls wait for it; further ones are refused."""

    def __init__(self, limit: int = 1024) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="edge")
        self._limit = limit
        self._waiting = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns on the thread. It is dropped if its caller is cancelled before it begins.

        Raises:
            QdrantError: too many calls wait already.
        """
        if self._waiting >= self._limit:
            raise QdrantError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{self._limit} calls are waiting already")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._waiting -= 1

    @property
    def idle(self) -> bool:
        """Whether no call waits or runs."""
        return self._waiting == 0

    def close(self) -> None:
        """End the thread once its work is done."""
        self._executor.shutdown(wait=True)


@dataclass(slots=True)
class Collection:
    """An open collection: its shard, the message that created it, and what has changed since it was written out."""

    folder: Path
    description: pb.CreateCollection
    shard: edge.EdgeShard
    schema: VectorSchema
    operations: int = 0
    unflushed: int = 0
    unflushed_before: int = 0
    checks_put_off: int = 0
    unoptimized: int = 0

    def update(self, operation: edge.UpdateOperation, changes: int = 1) -> int:
        """Apply a write and return its number; by then it is in the shard's write-ahead log."""
        self.shard.update(operation)
        self.operations += 1
        self.unflushed += 1
        self.unoptimized += changes
        return self.operations

    def optimize_if_worthwhile(self) -> None:
        """Build indexes and drop deleted points if enough has changed."""
        if self.unoptimized >= _OPTIMIZE_AFTER_CHANGES:
            self.unoptimized = 0
            self.shard.optimize()

    def flush_if_worthwhile(self) -> None:
        """Write out if writes have paused since the last check, or have gone on for many checks."""
        paused, self.unflushed_before = self.unflushed == self.unflushed_before, self.unflushed
        if not self.unflushed:
            return
        self.checks_put_off += 1
        if paused or self.checks_put_off >= _FLUSH_AFTER_CHECKS:
            self.flush()

    def flush(self) -> None:
        """Write what is in memory to the segments, so that the log need not be replayed."""
        if self.unflushed:
            self.shard.flush()
            self.unflushed = self.unflushed_before = self.checks_put_off = 0


class Collections:
    """All collections in one folder; use it on the Edge thread only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, Collection] = {}

    def load(self) -> None:
        """Open every collection, and remove what an interrupted creation or deletion left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for folder in sorted(self._folder.iterdir()):
            file = folder / _DESCRIPTION
            if not file.exists():
                shutil.rmtree(folder, ignore_errors=True)
                continue
            description = pb.CreateCollection.FromString(file.read_bytes())
            shard = edge.EdgeShard.load(str(folder / _SHARD))
            self._open[description.collection_name] = Collection(
                folder, description, shard, VectorSchema.of(description)
            )

    def names(self) -> list[str]:
        """Return the names of all collections, sorted."""
        return sorted(self._open)

    def maintain(self, name: str, optimize: bool) -> None:
        """Write a collection out if that is due, after improving its indexes with `optimize`; it may be gone by now."""
        found = self._open.get(name)
        if found is None:
            return
        try:
            if optimize:
                found.optimize_if_worthwhile()
            found.flush_if_worthwhile()
        except Exception:
            logger.exception("upkeep of collection %r failed; it is tried again", name)

    def exists(self, name: str) -> bool:
        """Return whether there is a collection of this name."""
        return name in self._open

    def get(self, name: str) -> Collection:
        """Return the collection of this name.

        Raises:
            QdrantError: NOT_FOUND, there is none.
        """
        found = self._open.get(name)
        if found is None:
            raise not_found(f"Collection `{name}` doesn't exist!")
        return found

    def create(self, message: pb.CreateCollection) -> None:
        """Create a collection. Its description is written last: with it the collection exists.

        Raises:
            QdrantError: ALREADY_EXISTS, or INVALID_ARGUMENT for a name or a configuration that Qdrant refuses.
        """
        name = message.collection_name
        _check_name(name)
        if name in self._open:
            raise QdrantError(grpc.StatusCode.ALREADY_EXISTS, f"Wrong input: Collection `{name}` already exists!")
        config = configuration(message)
        folder = self._folder / uuid.uuid4().hex
        (folder / _SHARD).mkdir(parents=True)
        shard = None
        try:
            shard = edge.EdgeShard.create(str(folder / _SHARD), config)
            shard.flush()
            _write_atomically(folder / _DESCRIPTION, message.SerializeToString())
        except BaseException:
            if shard is not None:
                shard.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._open[name] = Collection(folder, message, shard, VectorSchema.of(message))

    def delete(self, name: str) -> bool:
        """Delete a collection; return false if there was none."""
        found = self._open.pop(name, None)
        if found is None:
            return False
        (found.folder / _DESCRIPTION).unlink()
        found.shard.close()
        shutil.rmtree(found.folder, ignore_errors=True)
        return True

    def close(self) -> None:
        """Write everything out and close every shard."""
        for name, collection in self._open.items():
            try:
                collection.flush()
                collection.shard.close()
            except Exception:
                logger.exception("closing collection %r failed; its write-ahead log holds what was not written", name)
        self._open.clear()


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= _NAME_LIMIT:
        raise wrong_input(f"collection_name: must be 1 to {_NAME_LIMIT} characters")
    bad = next((character for character in name if character in _FORBIDDEN_IN_NAMES or ord(character) < 32), None)
    if bad is not None:
        raise wrong_input(f"collection_name: must not contain {bad!r}")


def _write_atomically(file: Path, content: bytes) -> None:
    fresh = file.with_suffix(".writing")
    with fresh.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)
