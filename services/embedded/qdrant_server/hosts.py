"""A collection as the server has it: the worker that serves it, and the change from one worker to the next.

Upkeep never makes anyone wait. A worker that the kernel puts behind everybody else makes a new image; another one loads
it and applies what has been written meanwhile. Then new writes are held until those under way are done and applied by
both, and from that moment on the new worker serves. Reads never stop: the old worker answers those it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import grpc
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.errors import QdrantError, damaged_collection, is_exhausted
from services.embedded.qdrant_server.forks import Forks
from services.embedded.qdrant_server.frames import FrameKind
from services.embedded.qdrant_server.images import CollectionFolder
from services.embedded.qdrant_server.links import Parts, WorkerLink, WorkerLostError

logger = logging.getLogger(__name__)

_MAX_WAITING = 1024
"""Calls that wait for one collection; further ones are refused."""
_READS_SENT, _WRITES_SENT = 8, 2
"""Calls that a worker has at a time. The others wait here, where one that is canceled is dropped."""
_RESTART_SECONDS, _LONGEST_RESTART_SECONDS = 1.0, 16.0
"""The wait before a collection is loaded again, which doubles with every failure."""
UPKEEP_POINTS = 5_000
_UPKEEP_SHARE = 0.2
"""Upkeep is due when so many points, and this share of all that there are, have changed."""
_NICE = ((4, 0), (2, 5), (0, 10))
"""From how many times the changes that make upkeep due it has which nice value. It stands behind models and parsers,
which have 5 (`services.kit.priority`), but they may be busy for hours, and what is not indexed makes every search
slower: the later it is, the more it gets."""
_UPKEEP_LOG_BYTES = 256 * 1024 * 1024
_PAUSE_SECONDS, _PAUSE_DIVISOR = 10.0, 5
"""After a pause in the writes, a part of those points is enough."""
_ROUNDS, _SLOWER_SECONDS = 200, 0.05
"""How often a new worker reads what has been written meanwhile, and by how much each write is slowed down after some
rounds: otherwise it might never reach the end of a log that grows as fast as it reads."""
_FREE_ROUNDS = 8
_LOST = 3
"""After so many workers in a row that ended while they loaded it, a collection is taken to be damaged."""
_BEHIND = 2
"""Records that it may lack when writes are held."""


class Host:
    """One collection: takes calls for it, and keeps a worker running that answers them."""

    def __init__(
        self, path: Path, description: pb.CreateCollection, forks: Forks, upkeep_points: int = UPKEEP_POINTS
    ) -> None:
        self.folder = CollectionFolder(path)
        self.description = description
        self._forks = forks
        self._upkeep_points = upkeep_points
        self._link: WorkerLink | None = None
        self._serving = asyncio.Event()
        self._taking_writes = asyncio.Event()
        self._taking_writes.set()
        self._slots = {FrameKind.READ: asyncio.Semaphore(_READS_SENT), FrameKind.WRITE: asyncio.Semaphore(_WRITES_SENT)}
        self._writing: set[asyncio.Future[Parts]] = set()
        self._waiting = 0
        self._life: asyncio.Task[None] | None = None
        self._upkeep: asyncio.Task[float] | None = None
        self.points = self.changed = self.log_bytes = 0
        self.aside = False
        """Whether the working copy lies on another volume, for lack of room: writes are refused until there is some."""
        self._written_at = time.monotonic()
        self._slower = 0.0
        self._refusal: QdrantError | None = None
        self._lost = 0
        """Workers in a row that ended while they loaded it."""

    @property
    def waits_for_room(self) -> bool:
        """Whether it takes no writes, or cannot be loaded, because the disk was full."""
        return self.aside or (self._refusal is not None and is_exhausted(self._refusal))

    @property
    def is_damaged(self) -> bool:
        """Whether it cannot be loaded for what its files hold."""
        return self._refusal is not None and not is_exhausted(self._refusal)

    async def call(self, kind: FrameKind, parts: Sequence[bytes]) -> bytes:
        """Return a worker's answer to a call.

        Raises:
            QdrantError: it was refused, too many calls wait already, or the worker ended.
            PointsNeededError: the call is to be made again with points of other collections.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._waiting >= _MAX_WAITING:
            raise QdrantError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{_MAX_WAITING} calls are waiting already")
        self._waiting += 1
        try:
            future = await self._send(kind, parts)
            answer = await asyncio.shield(future)
        finally:
            self._waiting -= 1
        return answer[0]

    async def _send(self, kind: FrameKind, parts: Sequence[bytes]) -> asyncio.Future[Parts]:
        if kind is FrameKind.WRITE and self._slower:
            await asyncio.sleep(self._slower)
        slot = self._slots[FrameKind.WRITE if kind is FrameKind.WRITE else FrameKind.READ]
        await slot.acquire()
        try:
            while not self._serving.is_set() or (kind is FrameKind.WRITE and not self._taking_writes.is_set()):
                await self._serving.wait()
                if kind is FrameKind.WRITE:
                    await self._taking_writes.wait()
            assert self._link is not None
        except BaseException:
            slot.release()
            raise
        future = self._link.call(kind, parts)
        # The worker does it even if the caller has left.
        future.add_done_callback(lambda _: slot.release())
        if kind is FrameKind.WRITE:
            self._writing.add(future)
            future.add_done_callback(self._written)
        return future

    def _written(self, future: asyncio.Future[Parts]) -> None:
        self._writing.discard(future)
        self._written_at = time.monotonic()
        if not future.cancelled() and future.exception() is None:
            self._note(future.result()[1])

    def _note(self, progress: bytes) -> None:
        found = json.loads(progress)
        self.points, self.changed, self.log_bytes = found["points"], found["changed"], found["log_bytes"]
        self.aside = found["aside"]

    async def update(self, change: pb.UpdateCollection) -> None:
        """Change the collection's settings; the next upkeep applies them to what is stored.

        Raises:
            QdrantError: UNIMPLEMENTED for a setting that is not served.
        """
        await self.call(FrameKind.CONTROL, [b"update", change.SerializeToString()])

    async def start(self, link: WorkerLink | None = None) -> None:
        """Load the collection and serve it until `stop`; `link` is a worker that is there already.

        Raises:
            QdrantError: it cannot be loaded.
        """
        if link is None:
            link = await self._forks.spawn(self.folder.path)
        await self._load(link)
        self.start_later()

    def start_later(self) -> None:
        """Go on trying to serve the collection, in the background."""
        self._life = asyncio.create_task(self._live())

    async def _load(self, link: WorkerLink, where: bytes = b"") -> None:
        try:
            # First of all: what an ended worker left takes room.
            await link.control("tidy")
            await link.control("load", where)
            answer = await link.call(FrameKind.CONTROL, [b"take over"])
        except BaseException as error:
            self._refusal = self._refusal_for(error)
            await link.kill()
            raise
        self._refusal, self._lost = None, 0
        self._note(answer[1])
        self._link = link
        self._serving.set()
        if self.aside:
            name = self.description.collection_name
            logger.warning("DISK_FULL: collection %r is read from another volume; writes wait for room", name)

    def _refusal_for(self, error: BaseException) -> QdrantError | None:
        """Return what calls are told after a failed load; None where they wait for the next one."""
        if not isinstance(error, QdrantError):
            return None
        if is_exhausted(error):
            return error
        self._lost = self._lost + 1 if isinstance(error, WorkerLostError) else _LOST
        if self._lost < _LOST:
            return None
        return damaged_collection(self.description.collection_name, self.folder.path)

    async def _live(self) -> None:
        """Start a worker again whenever the one that serves has ended."""
        while True:
            if self._link is None:
                await self._start_again()
            link = self._link
            assert link is not None
            await link.ended.wait()
            if link is not self._link:  # Another one took its place.
                continue
            self._serving.clear()
            logger.error("the worker of collection %r ended; it is started again", self.description.collection_name)
            await self._stop_upkeep()
            if self._link is not link:
                self._serving.set()
                continue
            await self._start_again()

    async def _start_again(self) -> None:
        wait, where = _RESTART_SECONDS, b""
        while True:
            try:
                await self._load(await self._forks.spawn(self.folder.path), where)
                return
            except (QdrantError, OSError) as error:
                # On a disk that others fill up meanwhile, Edge ends with SIGBUS.
                full = not isinstance(error, QdrantError) or is_exhausted(error)
                where = b"" if where or not (full or isinstance(error, WorkerLostError)) else b"aside"
                name = self.description.collection_name
                why = self._refusal.message if self._refusal is not None else error
                logger.error("collection %r cannot be loaded; it is tried again in %d s: %s", name, wait, why)
                await asyncio.sleep(wait)
                wait = _RESTART_SECONDS if full else min(2 * wait, _LONGEST_RESTART_SECONDS)

    async def upkeep_due(self) -> bool:
        """Return whether enough has changed since the newest image to make another, or there is room again.

        Raises:
            WorkerLostError: the worker ended before it could tell.
        """
        if not self._serving.is_set() or (self._upkeep is not None and not self._upkeep.done()):
            return False
        if self.aside:
            assert self._link is not None
            return bool(await self._link.control("fits"))
        if self._lateness() >= 1 or self.log_bytes >= _UPKEEP_LOG_BYTES:
            return True
        return (
            self.changed * _PAUSE_DIVISOR >= self._upkeep_points
            and time.monotonic() - self._written_at >= _PAUSE_SECONDS
        )

    def _lateness(self) -> float:
        return self.changed / max(self._upkeep_points, _UPKEEP_SHARE * self.points)

    def _nice(self) -> int:
        return next(nice for times, nice in _NICE if self._lateness() >= times)

    async def upkeep(self) -> float:
        """Make a new image, go over to it, and return the seconds of CPU that it took.

        A collection that was read from another volume comes back with the image that it has.

        Raises:
            QdrantError: it failed; the collection is served as before.
        """
        self._upkeep = asyncio.create_task(self._renew())
        await asyncio.wait([self._upkeep])
        return 0.0 if self._upkeep.cancelled() else self._upkeep.result()

    async def _renew(self) -> float:
        try:
            return await self._build_and_switch()
        except (QdrantError, OSError):
            if self._link is not None:  # What was left unfinished takes room.
                with contextlib.suppress(QdrantError):
                    await self._link.control("tidy")
            raise

    async def _build_and_switch(self) -> float:
        cpu = 0.0 if self.aside else await self._build()
        fresh = await self._forks.spawn(self.folder.path)
        try:
            await fresh.control("load", b"here")
            await self._hand_over(fresh)
            return cpu + float(await fresh.control("cpu"))
        except BaseException:
            if self._link is not fresh:
                await fresh.kill()
            raise

    async def _build(self) -> float:
        builder = await self._forks.spawn(self.folder.path)
        try:
            if not await builder.control("room"):
                raise QdrantError(grpc.StatusCode.RESOURCE_EXHAUSTED, "DISK_FULL: no room for a new image")
            return float(await builder.control("build", str(self._nice()).encode()))
        finally:
            await builder.kill()

    async def _hand_over(self, fresh: WorkerLink) -> None:
        try:
            for turn in range(_ROUNDS):
                if int(await fresh.control("catch up", b"gently" if turn < _FREE_ROUNDS else b"")) <= _BEHIND:
                    break
                self._slower = _SLOWER_SECONDS if turn >= _FREE_ROUNDS else 0.0
            await self._switch(fresh)
        finally:
            self._slower = 0.0

    async def _switch(self, fresh: WorkerLink) -> None:
        old = self._link
        assert old is not None
        self._taking_writes.clear()
        try:
            while self._writing:
                # It applies what the old one is at work on while that is at work on it.
                await asyncio.wait(self._writing, timeout=0.005)
                await fresh.control("catch up")
            answer = await fresh.call(FrameKind.CONTROL, [b"take over"])
            if old.ended.is_set():
                raise WorkerLostError
            self._link = fresh
            self._note(answer[1])
        except BaseException:
            # Never may two processes append to the log.
            await fresh.kill()
            raise
        finally:
            self._taking_writes.set()
        await old.end()
        await fresh.control("tidy")

    async def _stop_upkeep(self) -> None:
        if self._upkeep is not None and not self._upkeep.done():
            self._upkeep.cancel()
            await asyncio.wait([self._upkeep])

    async def stop(self) -> None:
        """End the worker once it has done what it was asked for; what comes later is refused."""
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._life
        await self._stop_upkeep()
        self._serving.clear()
        if self._link is not None:
            await self._link.end()

    async def remove(self) -> None:
        """Delete the collection."""
        await asyncio.to_thread(self.folder.description.unlink)
        await self.stop()
        await asyncio.to_thread(self.folder.remove)
