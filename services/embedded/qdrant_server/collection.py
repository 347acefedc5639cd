"""A collection as the process has it that works on it: a copy of its image, and the writes since, applied in order."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.images import IMAGE_DESCRIPTION, CollectionFolder, take_over_log, write_atomically
from services.embedded.qdrant_server.oplog import LogReader, LogWriter, Record
from services.embedded.qdrant_server.rpcs import WRITES, parse
from services.embedded.qdrant_server.schema import (
    VectorSchema,
    configuration,
    with_vector,
    with_vectors_of,
    without_vector,
)
from services.embedded.qdrant_server.writes import Change, changes
from services.kit.disk_room import NO_ROOM

_DESCRIBED: Mapping[str, Callable[[pb.CreateCollection, Any], pb.CreateCollection]] = {
    "CreateVectorName": with_vector,
    "DeleteVectorName": without_vector,
}
"""Writes that change what a collection is, and how."""

logger = logging.getLogger(__name__)


class Collection:
    """An open collection. It follows the log, and takes writes itself once it has `take_over`."""

    def __init__(self, folder: CollectionFolder, aside: Path | None = None) -> None:
        """Make a working copy of the newest image and load it; the log is not read yet.

        `aside` is a folder on another volume, in which the copy is made because the disk has no room for it.
        """
        self.folder = folder
        self.description = pb.CreateCollection.FromString(folder.description.read_bytes())
        self.image, image = folder.newest_image()
        self._of_image = image / IMAGE_DESCRIPTION
        if self._of_image.exists():
            then = pb.CreateCollection.FromString(self._of_image.read_bytes())
            self.description = with_vectors_of(self.description, then)
        self._loaded = self.description
        self.schema = VectorSchema.of(self.description)
        self.aside = aside
        self.copy = folder.working_copy(image, aside)
        self.shard = edge.EdgeShard.load(str(self.copy))
        # What earlier versions left may never have been indexed.
        self.changed_points = self.shard.info().points_count if self.image == 0 else 0
        self.log: LogWriter | None = None
        self._reader = LogReader(folder.path, self.image)
        self.log_bytes = 0
        self._points, self._counted_at = 0, float("-inf")

    @property
    def next_number(self) -> int:
        """Number of the record that the next write gets."""
        return self._reader.next_number if self.log is None else self.log.next_number

    def points(self) -> int:
        """Return about how many points there are; it is counted at most once a second."""
        if time.monotonic() - self._counted_at >= 1.0:
            self._points, self._counted_at = self.shard.info().points_count, time.monotonic()
        return self._points

    def catch_up(self) -> Generator[None, None, int]:
        """Apply what has been added to the log since the last time; yield now and then, and return how many records."""
        count = 0
        for record in self._reader.read():
            yield from self._replay(record)
            count += 1
        return count

    def _replay(self, record: Record) -> Generator[None, None, None]:
        self.log_bytes += len(record.request)
        try:
            message = parse(WRITES[record.rpc], record.request)
            prepared = yield from changes(record.rpc, replace(self.schema, limited=False), message)
            yield from self._apply(prepared)
            self._describe(record.rpc, message)
        except Exception:
            # It failed when it was written too, and its caller was told so: replaying it does the same again.
            logger.debug("record %d failed again", record.number, exc_info=True)

    def take_over(self) -> None:
        """Become the process that appends to the log. What it holds must have been applied."""
        self.log = LogWriter(self.folder.path, self.next_number)
        written = self.folder.description.read_bytes()
        # The log knows of a vector before the description does, and others may have changed the rest meanwhile.
        self.description = with_vectors_of(pb.CreateCollection.FromString(written), self.description)
        if self.description != pb.CreateCollection.FromString(written):
            try:
                self._keep_description()
            except OSError as error:
                # The log, which has it too, stays until there is room for an image.
                if self.aside is None or error.errno not in NO_ROOM:
                    raise

    def _describe(self, rpc: str, message: Any) -> None:
        """Take into the description what a write that was applied has changed in it."""
        if rpc in _DESCRIBED:
            self.description = _DESCRIBED[rpc](self.description, message)
            self.schema = VectorSchema.of(self.description)

    def _describe_image(self) -> None:
        """Keep the vectors of an image of an earlier version, whose log has come without a deleted vector so far."""
        with contextlib.suppress(FileNotFoundError):  # There is a newer image, which has them.
            if not self._of_image.exists():
                write_atomically(self._of_image, self._loaded.SerializeToString())

    def _keep_description(self) -> None:
        write_atomically(self.folder.description, self.description.SerializeToString())

    def write(self, rpc: str, message: Any, request: bytes) -> Generator[None, None, int]:
        """Apply a write and return its number; once it is in the log it survives the end of this process.

        Raises:
            QdrantError: the request is wrong, or asks for something that is not served.
            OSError: the file system did not take it.
        """
        assert self.log is not None
        prepared = yield from changes(rpc, self.schema, message)
        if rpc == "DeleteVectorName":
            self._describe_image()
        number = self.log.append(rpc, request)
        self.log_bytes += len(request)
        yield from self._apply(prepared)
        if rpc in _DESCRIBED:
            self._describe(rpc, message)
            self._keep_description()
        return number

    def _apply(self, prepared: list[Change]) -> Generator[None, None, None]:
        # Each operation is freed on its own: to free those of 200,000 points at once takes 0.1 s.
        prepared.reverse()
        while prepared:
            change = prepared.pop()
            self.shard.update(change.operation)
            self.changed_points += change.points
            del change
            yield

    def close(self) -> None:
        """Close the shard and the log; what is on the disk is worth nothing but for the log."""
        if self.log is not None:
            self.log.sync()
            self.log.close()
        if self.aside is not None:
            shutil.rmtree(self.aside, ignore_errors=True)


def create(folder: CollectionFolder, message: pb.CreateCollection) -> None:
    """Make a collection's first image, which is empty; its description is written by the caller.

    Raises:
        QdrantError: INVALID_ARGUMENT or UNIMPLEMENTED for a configuration that Qdrant or Edge refuses.
    """
    config = configuration(message)
    made = folder.unfinished()
    made.mkdir(parents=True)
    shard = edge.EdgeShard.create(str(made), config)
    shard.flush()
    shard.close()
    (made / IMAGE_DESCRIPTION).write_bytes(message.SerializeToString())
    folder.publish_image(made, 0)


def take_over_old_shard(folder: CollectionFolder) -> None:
    """Make an image of a shard in the layout of earlier versions; it stays as it is until that is done."""
    old = folder.old_shard
    if old is None:
        return
    shard = edge.EdgeShard.load(str(old))
    shard.flush()
    shard.close()
    take_over_log(old)
    folder.publish_image(old, 0)
