"""The disk below a stack: writes stop before it is full and go on when there is room, and logs stay bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

import asyncpg

from services.embedded.postgres import Postgres
from services.embedded.process import bound_log
from services.kit.disk_room import DiskRoom

RESERVE_BYTES = 64 * 1024 * 1024
"""Room that writes leave alone: PostgreSQL's own writes, deletions and the ends of what is under way need some."""
FIRST_START_BYTES = 96 * 1024 * 1024
"""Room that a first start takes above the reserve: a database cluster of 40 MB, its log of changes, and the rest."""
START_BYTES = 24 * 1024 * 1024
"""Room without which PostgreSQL may fail to recover: a segment of its log of changes has 16 MB."""
_FULL_BYTES = RESERVE_BYTES + 4 * 1024 * 1024
"""Room below which the disk is full: before a store refuses, so that nobody is refused on a disk that is ok."""
_REGAINED_BYTES = 8 * 1024 * 1024
"""Further room with which it is no longer full, so that the state does not flicker."""
BALLAST_BYTES = 40 * 1024 * 1024
"""Room that a file holds while there is enough, and gives up when others have taken the rest: without a byte PostgreSQL
cannot end a checkpoint, and no process can start."""
_BALLAST_NEEDED_BYTES = START_BYTES
"""Room below which the file is given up."""
_SETTLE_SECONDS = 1.0
"""How old the stores' own looks at the disk may be (`services.kit.disk_room`)."""
_LONGEST_SETTLE_SECONDS = 15.0
"""For a store that does not take writes for so long although there is room, the disk is not the reason."""
_INTERVAL_SECONDS = 0.1
"""Time in which what others write can surprise the database: until the next look, its writes fail half-way."""
_LONGEST_INTERVAL_SECONDS = 1.0
"""The same where so much room is left that no disk could be filled sooner."""
_FASTEST_BYTES_PER_SECOND = 16 * 1024**3
"""More than a disk of today takes."""
_CANCEL_INTERVAL_SECONDS = 0.5
_LOG_INTERVAL_SECONDS = 5.0
_CONNECT_SECONDS = 5.0

_CANCEL_WRITERS = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
    "AND backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND application_name NOT LIKE '%-reserve'"
)

logger = logging.getLogger(__name__)


def free_bytes(data: Path) -> int:
    """Return the room of the fullest volume that holds a part of the data folder; it blocks."""
    return min(DiskRoom(folder, 0).available() for folder in _folders(data))


def _folders(data: Path) -> Iterable[Path]:
    yield data
    yield from (folder for name in ("postgres", "objects", "qdrant", "arcadedb") if (folder := data / name).is_dir())


def drop_ballast(data: Path) -> bool:
    """Give up the room that was held; return whether there was any. It blocks."""
    try:
        _ballast(data).unlink()
    except OSError:
        return False
    return True


def _hold_ballast(data: Path, free: int) -> None:
    """Hold room where enough is left beside it; give it up where too little is. It blocks."""
    if free < _BALLAST_NEEDED_BYTES:
        if drop_ballast(data):
            logger.warning("%d MB that were held for this are given up: the disk has no room", BALLAST_BYTES >> 20)
    elif free >= _FULL_BYTES + 2 * _REGAINED_BYTES + BALLAST_BYTES and not (ballast := _ballast(data)).exists():
        try:
            ballast.parent.mkdir(parents=True, exist_ok=True)
            with ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
        except OSError as error:
            logger.warning("no room can be held: %s", error)
            ballast.unlink(missing_ok=True)


def _ballast(data: Path) -> Path:
    return data / "run" / "ballast"


class DiskWatch:
    """Watches the volume of a data folder, and lets the embedded PostgreSQL refuse writes while it is nearly full.

    Args:
        data: the data folder.
        database: the embedded PostgreSQL; None for none.
        report: takes whether writes are refused, and the disk's free bytes, at every change. It is told that they are
            before they are, and that they are not once every store takes them.
        regained: called when there is room again, before the stores take writes.
        stores: raise while another store has not noticed yet that there is room.
    """

    def __init__(
        self,
        data: Path,
        database: Postgres | None,
        report: Callable[[bool, int], None],
        regained: Callable[[], None] = lambda: None,
        stores: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._data = data
        self._database = database
        self._report = report
        self._regained = regained
        self._stores = stores
        self._switched: bool | None = None
        self._room_since: float | None = None
        self._cancel_due = float("-inf")
        self._pause = _INTERVAL_SECONDS
        self.full = False
        """Whether writes are refused somewhere."""

    async def run(self) -> None:
        """Watch until canceled."""
        clock = asyncio.get_running_loop().time
        logs_due = clock()
        while True:
            await self.check()
            if clock() >= logs_due:
                await asyncio.to_thread(_bound_logs, self._data / "logs")
                logs_due = clock() + _LOG_INTERVAL_SECONDS
            await asyncio.sleep(self._pause)

    async def check(self) -> None:
        """Look at the disk once and switch what has to be switched."""
        try:
            free = await asyncio.to_thread(self._look)
        except OSError as error:
            logger.warning("the disk cannot be looked at: %s", error)
            self._pause = _INTERVAL_SECONDS
            return
        self._pause = _pause_with(free)
        full = free < _FULL_BYTES + (_REGAINED_BYTES if self.full else 0)
        if full:
            self._room_since = None
            self._say(True, free)
        elif self.full and self._room_since is None:
            self._room_since = asyncio.get_running_loop().time()
            self._regained()
        if self._database is not None:
            await self._hold(self._database, full, free)
        if self._room_since is not None and await self._is_settled(self._room_since):
            self._room_since = None
            self._say(False, free)

    def _say(self, full: bool, free: int) -> None:
        if full != self.full:
            self.full = full
            self._report(full, free)

    async def _is_settled(self, since: float) -> bool:
        """Return whether all stores take writes again, as far as the disk goes."""
        waited = asyncio.get_running_loop().time() - since
        if waited >= _LONGEST_SETTLE_SECONDS:
            return True
        if waited < _SETTLE_SECONDS or (self._database is not None and self._switched is not False):
            return False
        answers = await asyncio.gather(*(store() for store in self._stores), return_exceptions=True)
        return not any(isinstance(answer, Exception) for answer in answers)

    def _look(self) -> int:
        free = free_bytes(self._data)
        _hold_ballast(self._data, free)
        return free

    async def _hold(self, database: Postgres, full: bool, free: int) -> None:
        """Let the database take writes or not; where it cannot be told now, the next look tries again."""
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if full != self._switched:
                await database.take_writes(not full)
                self._switched = full
            now = asyncio.get_running_loop().time()
            if free < RESERVE_BYTES // 2 and now >= self._cancel_due:
                # A transaction that began before the switch may be large.
                self._cancel_due = now + _CANCEL_INTERVAL_SECONDS
                await _cancel_writers(database.dsn)


def _pause_with(free: int) -> float:
    """Return how long a disk with so much room need not be looked at."""
    filled = (free - _FULL_BYTES) / _FASTEST_BYTES_PER_SECOND
    return min(max(filled, _INTERVAL_SECONDS), _LONGEST_INTERVAL_SECONDS)


async def _cancel_writers(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
    try:
        await connection.execute(_CANCEL_WRITERS, timeout=_CONNECT_SECONDS)
    finally:
        await connection.close(timeout=_CONNECT_SECONDS)


def _bound_logs(folder: Path) -> None:
    for log in folder.glob("*.log"):
        try:
            bound_log(log)
        except OSError as error:
            logger.warning("the log %s cannot be bounded: %s", log, error)
