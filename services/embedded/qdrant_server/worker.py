"""The process that works on one collection: it serves it, or makes a new image of it.

One thread does everything, for Edge holds the GIL anyway. Whatever may take long is a generator, and the thread takes
turns between them, one slice each: a large answer does not keep others waiting. Reads go before writes, which get a
share of the time at least (`turns.py`). Writes are applied one after another, in the order in which they came.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server import collection as collections
from services.embedded.qdrant_server import images, rpcs
from services.embedded.qdrant_server.collection import Collection
from services.embedded.qdrant_server.errors import QdrantError, disk_full, from_edge, is_exhausted
from services.embedded.qdrant_server.frames import Decoder, Frame, FrameKind, encode
from services.embedded.qdrant_server.lookups import Lookups, NeedsPointsError
from services.embedded.qdrant_server.oplog import log_files
from services.embedded.qdrant_server.reads import READS, info
from services.embedded.qdrant_server.schema import upkeep_configuration, with_changes
from services.embedded.qdrant_server.spare_room import take_spare_room
from services.embedded.qdrant_server.turns import Job, ReadsFirst
from services.embedded.qdrant_server.wire import check_payloads
from services.kit.disk_room import DiskRoom

logger = logging.getLogger(__name__)

_RECEIVE_BYTES = 256 * 1024
_SYNC_SECONDS = 5.0
_TURN_SECONDS = 0.01
RESERVE_BYTES = 64 * 1024 * 1024
"""Free room that writes leave alone. Edge maps files with holes, and touching one on a full disk is SIGBUS."""
_ROOM_FACTOR = 3
"""What a write takes at most: the log, and vectors and payload in the shard."""
_REPLAY_FACTOR = 1.5
"""How much of the log's size a working copy grows when the log is applied to it."""
_NEW_BYTES = 4 * 1024 * 1024
"""What a collection without points takes: an image and a working copy."""
_DELETIONS = frozenset({"Delete", "DeletePayload", "ClearPayload", "DeleteVectors", "DeleteVectorName"})


class Worker:
    """Answers the frames that come through a socket, until that is closed."""

    def __init__(self, connection: socket.socket, folder: Path) -> None:
        self._connection = connection
        self._folder = images.CollectionFolder(folder)
        self._collection: Collection | None = None
        self._decoder = Decoder()
        self._turns = ReadsFirst()
        self._room = DiskRoom(folder, RESERVE_BYTES)
        self._open = True
        self._stopped = threading.Event()
        self._controls: Mapping[str, Callable[..., Generator[None, None, bytes]]] = {
            "info": self._info,
            "create": self._create,
            "update": self._update,
            "load": self._load,
            "catch up": self._catch_up,
            "take over": self._take_over,
            "tidy": self._tidy,
            "room": self._has_room,
            "fits": self._fits,
            "build": self._build,
            "cpu": self._cpu,
        }

    def run(self) -> None:
        """Serve until the server closes the connection."""
        threading.Thread(target=self._sync, daemon=True).start()
        while self._open or self._turns:
            if self._open and (not self._turns or select.select([self._connection], [], [], 0)[0]):
                self._receive()
            if self._turns:
                self._turns.take()
        self._stopped.set()
        if self._collection is not None:
            self._collection.close()

    def _receive(self) -> None:
        piece = self._connection.recv(_RECEIVE_BYTES)
        self._open = bool(piece)
        for frame in self._decoder.feed(piece):
            if frame.kind is FrameKind.WRITE:
                self._turns.write(self._answered(frame, self._write))
            else:
                self._turns.read(self._answered(frame, self._read if frame.kind is FrameKind.READ else self._control))

    def _answered(self, frame: Frame, work: Callable[[Frame], Generator[None, None, bytes]]) -> Job:
        try:
            answer = yield from work(frame)
        except NeedsPointsError as error:
            self._send(frame.call, FrameKind.NEED, error.asked)
        except QdrantError as error:
            self._refuse(frame.call, error)
        except Exception as error:
            self._refuse(frame.call, from_edge(error))
        else:
            self._send(
                frame.call, FrameKind.ANSWER, [answer, b"" if frame.kind is FrameKind.READ else self._progress()]
            )

    def _refuse(self, call: int, error: QdrantError) -> None:
        self._send(call, FrameKind.REFUSAL, [error.code.name.encode(), error.message.encode()])

    def _send(self, call: int, kind: FrameKind, parts: list[bytes]) -> None:
        try:
            self._connection.sendall(encode(call, kind, parts))
        except OSError:
            self._open = False

    def _progress(self) -> bytes:
        found = self._collection
        if found is None:
            return b"{}"
        counts = {
            "points": found.points(),
            "changed": found.changed_points,
            "log_bytes": found.log_bytes,
            "aside": found.aside is not None,
        }
        return json.dumps(counts).encode()

    @property
    def _served(self) -> Collection:
        assert self._collection is not None
        return self._collection

    def _read(self, frame: Frame) -> Generator[None, None, bytes]:
        started = time.perf_counter()
        rpc = frame.parts[0].decode()
        request = rpcs.parse(rpcs.READS[rpc], frame.parts[1])
        lookup = Lookups(self._served, frame.parts[2:])
        response = yield from READS[rpc](self._served, request, lookup)
        return _timed(response, started)

    def _write(self, frame: Frame) -> Generator[None, None, bytes]:
        started = time.perf_counter()
        rpc, body = frame.parts[0].decode(), frame.parts[1]
        yield from check_payloads(rpcs.WRITES[rpc], body)
        request = rpcs.parse(rpcs.WRITES[rpc], body)
        self._check_room(rpc, _ROOM_FACTOR * len(body))
        try:
            number = yield from self._served.write(rpc, request, body)
        except OSError as error:
            raise disk_full() from error
        status = pb.UpdateStatus.Completed if request.wait else pb.UpdateStatus.Acknowledged
        result = pb.UpdateResult(operation_id=number, status=status)
        if rpc == "UpdateBatch":
            return _timed(pb.UpdateBatchResponse(result=[result] * len(request.operations)), started)
        return _timed(pb.PointsOperationResponse(result=result), started)

    def _check_room(self, rpc: str, needed: int) -> None:
        deletes = rpc in _DELETIONS
        if self._served.aside is not None and not deletes:
            raise disk_full()
        # A deletion makes room, so it may write in the upper half of the reserve.
        if not self._room.check(needed) and self._room.available() + deletes * RESERVE_BYTES // 2 < needed:
            raise disk_full()

    def _control(self, frame: Frame) -> Generator[None, None, bytes]:
        return (yield from self._controls[frame.parts[0].decode()](*frame.parts[1:]))

    def _info(self) -> Generator[None, None, bytes]:
        yield
        return _timed(info(self._served), time.perf_counter())

    def _create(self, description: bytes) -> Generator[None, None, bytes]:
        yield
        message = pb.CreateCollection.FromString(description)
        if not self._room.check(_NEW_BYTES):
            raise disk_full()
        collections.create(self._folder, message)
        images.write_atomically(self._folder.description, description)
        return b""

    def _update(self, change: bytes) -> Generator[None, None, bytes]:
        yield
        updated = with_changes(self._served.description, pb.UpdateCollection.FromString(change))
        images.write_atomically(self._folder.description, updated.SerializeToString())
        self._served.description = updated
        return b""

    def _load(self, where: bytes = b"") -> Generator[None, None, bytes]:
        """Open the collection: `here`, `aside` on another volume from which it only reads, or wherever there is room.

        The reserve is for this: without a working copy nothing can be read.
        """
        yield
        collections.take_over_old_shard(self._folder)
        fits = self._room.available() + RESERVE_BYTES >= self._needed()
        if fits and where != b"aside":
            try:
                self._collection = Collection(self._folder)
            except Exception as error:
                # Edge writes a little more than it is given.
                if where == b"here" or not is_exhausted(from_edge(error)):
                    raise
                self._folder.remove_leftovers()
            else:
                return b""
        spare = None if where == b"here" else take_spare_room(self._folder.path, self._needed(aside=True))
        if spare is None:
            raise disk_full()
        self._collection = Collection(self._folder, spare)
        return b""

    def _fits(self) -> Generator[None, None, bytes]:
        """Answer `yes` if there is room again for a working copy, without the reserve."""
        yield
        return b"yes" if self._room.available() >= self._needed() else b""

    def _catch_up(self, gently: bytes = b"") -> Generator[None, None, bytes]:
        """Apply what is new in the log, and return how many records; with `gently`, for half of the time only.

        A worker that is to take over comes when there is much to do for the one that serves.
        """
        job = self._served.catch_up()
        while True:
            started = time.perf_counter()
            try:
                while time.perf_counter() - started < _TURN_SECONDS:
                    next(job)
            except StopIteration as ended:
                return str(ended.value).encode()
            if gently:
                self._stopped.wait(_TURN_SECONDS)
            yield

    def _take_over(self) -> Generator[None, None, bytes]:
        yield from self._served.catch_up()
        self._served.take_over()
        return b""

    def _tidy(self) -> Generator[None, None, bytes]:
        yield
        if self._collection is None:
            self._folder.remove_leftovers()
        else:  # Others wait for answers.
            threading.Thread(target=self._folder.remove_leftovers, args=(self._collection.copy,), daemon=True).start()
        return b""

    def _build(self, nice: bytes) -> Generator[None, None, bytes]:
        """Make a new image of all that is in the log by now: indexed, without deleted points, closed."""
        step_far_back(int(nice))
        yield from self._load(b"here")
        yield from self._catch_up()
        built, self._collection = self._served, None
        number = built.next_number
        built.shard.flush()
        built.shard.close()
        shard = edge.EdgeShard.load(str(built.copy), upkeep_configuration(built.description))
        shard.optimize()
        shard.flush()
        shard.close()
        (built.copy / images.IMAGE_DESCRIPTION).write_bytes(built.description.SerializeToString())
        self._folder.publish_image(built.copy, number)
        return str(time.process_time()).encode()

    def _cpu(self) -> Generator[None, None, bytes]:
        yield
        return str(time.process_time()).encode()

    def _has_room(self) -> Generator[None, None, bytes]:
        yield
        _, image = self._folder.newest_image()
        # All segments may be built anew, and then there is one more working copy.
        needed = 2 * images.bytes_on_disk(image) + 2 * self._needed()
        return b"yes" if self._room.available() >= needed else b""

    def _needed(self, aside: bool = False) -> int:
        """Return about how many bytes a working copy takes when the log has been applied to it."""
        _, image = self._folder.newest_image()
        log = sum(path.stat().st_size for _, path in log_files(self._folder.path))
        return images.bytes_to_copy(image, aside) + int(_REPLAY_FACTOR * log)

    def _sync(self) -> None:
        while not self._stopped.wait(_SYNC_SECONDS):
            found = self._collection
            if found is not None and found.log is not None:
                with contextlib.suppress(OSError):
                    found.log.sync()


def _timed(response: Any, started: float) -> bytes:
    response.time = time.perf_counter() - started
    answer: bytes = response.SerializeToString()
    return answer


def step_far_back(nice: int) -> None:
    """Let others on the machine go first."""
    with contextlib.suppress(PermissionError):
        os.setsid()
    os.nice(nice)
    # Where the kernel schedules by session, it compares sessions by a nice value of their own (sched(7)).
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")
