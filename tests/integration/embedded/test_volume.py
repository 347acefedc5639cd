"""The watch over a disk with a real PostgreSQL: writes stop and go on, the reserve is open to what makes room."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from services.embedded.postgres import Postgres, postgres
from services.kit.database import Database, open_pool
from services.kit.errors import ResourceExhausted, Unavailable
from services.kit.migrations import migrate
from services.registry import SERVICES
from services.stack.volume import BALLAST_BYTES, RESERVE_BYTES, DiskWatch, drop_ballast
from tests.engines import engine
from tests.faults.volume import NoVolumeError, filled, small_volume

_MB = 1024 * 1024

pytestmark = pytest.mark.engine


class Disk:
    """A disk whose free room the test says."""

    def __init__(self, data: Path, database: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 1000 * _MB
        self.reports: list[tuple[bool, int]] = []
        monkeypatch.setattr("services.stack.volume.free_bytes", lambda _data: self.free)
        monkeypatch.setattr("services.stack.volume._SETTLE_SECONDS", 0.0)
        self.watch = DiskWatch(data, database, lambda full, free: self.reports.append((full, free)))

    async def has(self, megabytes: int) -> None:
        """Lets the watch see so much room."""
        self.free = megabytes * _MB
        await self.watch.check()


@asynccontextmanager
async def _database(dsn: str) -> AsyncIterator[Database]:
    async with (
        open_pool(dsn, application_name="tiku-tests", max_size=2) as pool,
        open_pool(dsn, application_name="tiku-tests", max_size=1, reserve=True) as reserve,
    ):
        yield Database(pool, reserve)


async def test_room_is_held_and_given_up_when_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 1000 * _MB
    monkeypatch.setattr("services.stack.volume.free_bytes", lambda _data: free)
    watch = DiskWatch(tmp_path, None, lambda _full, _free: None)
    ballast = tmp_path / "run" / "ballast"

    async def held_with(megabytes: int) -> int:
        nonlocal free
        free = megabytes * _MB
        await watch.check()
        return await asyncio.to_thread(lambda: ballast.stat().st_blocks * 512 if ballast.exists() else 0)

    assert await held_with(1000) == BALLAST_BYTES
    assert await held_with(30) == BALLAST_BYTES
    assert await held_with(10) == 0
    assert await held_with(80) == 0
    assert await held_with(1000) == BALLAST_BYTES
    assert await asyncio.to_thread(drop_ballast, tmp_path)
    assert not await asyncio.to_thread(drop_ballast, tmp_path)


async def test_writes_stop_below_the_reserve_and_go_on_above_it(
    furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await asyncio.to_thread(
        postgres, furnished / "postgres", furnished / "run", furnished / "logs" / "postgres.log"
    )
    disk = Disk(furnished, server, monkeypatch)
    async with engine(server.spec) as process, _database(server.dsn) as database:
        await disk.has(1000)
        await database.execute("CREATE TABLE things AS SELECT generate_series(1, 3) AS n")
        await disk.has(63)
        for statement in (
            "INSERT INTO things VALUES (4)",
            "CREATE TABLE a (n int)",
            "SELECT * FROM things FOR SHARE",
        ):
            with pytest.raises(ResourceExhausted, match="Make room") as caught:
                await database.execute(statement)
            assert caught.value.reason == "DISK_FULL"
        assert await database.fetchval("SELECT count(*) FROM things") == 3
        assert await database.reserve.execute("DELETE FROM things WHERE n = 3") == "DELETE 1"
        service = SERVICES["docs"]
        await migrate(server.dsn, service.schema, service.migrations)  # A service that starts now brings its own.

        # The switch survives a crash of the server, and a stack that was killed while it was on.
        assert process.pid is not None
        process_before = process.restarts
        os.kill(process.pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while process.restarts == process_before or process.failure is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        async with _database(server.dsn) as again:
            with pytest.raises(ResourceExhausted):
                await again.execute("INSERT INTO things VALUES (4)")

        await disk.has(70)  # Not far enough above the reserve.
        assert disk.watch.full
        await disk.has(RESERVE_BYTES // _MB + 13)
        async with _database(server.dsn) as again:
            assert await again.execute("INSERT INTO things VALUES (4)") == "INSERT 0 1"
        assert disk.reports == [(True, 63 * _MB), (False, 77 * _MB)]


async def test_a_stack_that_starts_with_room_takes_back_what_a_killed_one_had_switched(
    furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await asyncio.to_thread(
        postgres, furnished / "postgres", furnished / "run", furnished / "logs" / "postgres.log"
    )
    async with engine(server.spec):
        await Disk(furnished, server, monkeypatch).has(10)
    async with engine(server.spec), _database(server.dsn) as database:
        await Disk(furnished, server, monkeypatch).has(1000)
        await database.execute("CREATE TABLE things (n int)")


async def test_a_large_transaction_is_canceled_before_it_takes_the_last_room(
    furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await asyncio.to_thread(
        postgres, furnished / "postgres", furnished / "run", furnished / "logs" / "postgres.log"
    )
    disk = Disk(furnished, server, monkeypatch)
    async with engine(server.spec), _database(server.dsn) as database:
        await database.execute("CREATE TABLE things (n int)")
        writing = asyncio.create_task(
            database.execute(
                "INSERT INTO things SELECT n FROM generate_series(1, 1000) n WHERE pg_sleep(0.05) IS NOT NULL"
            )
        )
        reading = asyncio.create_task(database.fetchval("SELECT count(*) FROM pg_sleep(1.5)"))
        await asyncio.sleep(0.5)
        await disk.has(63)
        assert not writing.done()
        await disk.has(31)
        with pytest.raises(Unavailable):
            await writing
        assert await reading == 1
        assert await database.fetchval("SELECT count(*) FROM things") == 0


async def test_a_database_that_is_away_is_switched_when_it_is_back(
    furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await asyncio.to_thread(
        postgres, furnished / "postgres", furnished / "run", furnished / "logs" / "postgres.log"
    )
    disk = Disk(furnished, server, monkeypatch)
    await disk.has(10)
    assert disk.watch.full
    async with engine(server.spec):
        await disk.has(10)
        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("SHOW default_transaction_read_only") == "on"
        await connection.close()


@pytest.mark.parametrize("megabytes", [0, 70, 1_000, 8_000, 100_000, 4_000_000])
async def test_a_disk_is_looked_at_again_before_the_fastest_could_be_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, megabytes: int
) -> None:
    free = megabytes * _MB
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr("services.stack.volume.free_bytes", lambda _data: free)
    monkeypatch.setattr("services.stack.volume.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await DiskWatch(tmp_path, None, lambda _full, _free: None).run()
    (pause,) = pauses
    assert 0.1 <= pause <= 1.0
    # A fast disk of today takes 14 GB a second.
    assert pause == 0.1 or pause * 14_000 * _MB < free - RESERVE_BYTES


async def test_room_is_said_once_all_stores_take_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free, clock, ready = 1000 * _MB, 0.0, False
    monkeypatch.setattr("services.stack.volume.free_bytes", lambda _data: free)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock, raising=False)
    said: list[object] = []

    async def store() -> None:
        if not ready:
            raise RuntimeError("not yet")

    watch = DiskWatch(tmp_path, None, lambda full, _free: said.append(full), lambda: said.append("room"), [store])

    async def seen(megabytes: int, at: float) -> list[object]:
        nonlocal free, clock
        free, clock = megabytes * _MB, at
        await watch.check()
        return said

    assert await seen(1000, 0) == []
    assert await seen(10, 1) == [True]
    assert await seen(1000, 2) == [True, "room"]
    assert await seen(1000, 4) == [True, "room"]
    ready = True
    assert await seen(1000, 4.1) == [True, "room", False]
    # A look of a store's may be a second old, and one that fails for other reasons is not waited for.
    ready = False
    assert (await seen(10, 5))[3:] == [True]
    assert (await seen(1000, 6))[3:] == [True, "room"]
    assert (await seen(60, 7))[3:] == [True, "room"]
    assert (await seen(1000, 8))[3:] == [True, "room", "room"]
    assert (await seen(1000, 30))[3:] == [True, "room", "room", False]


async def test_writes_stop_where_no_byte_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.stack.volume._SETTLE_SECONDS", 0.0)
    data = folder / "data"
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(small_volume(data, 160))
        except NoVolumeError as error:
            pytest.skip(f"SKIPPED LOUDLY: nothing can be mounted here: {error}")
        server = await asyncio.to_thread(postgres, data / "postgres", folder / "run", folder / "postgres.log")
        await stack.enter_async_context(engine(server.spec))
        database = await stack.enter_async_context(_database(server.dsn))
        watch = DiskWatch(data, server, lambda _full, _free: None)
        # There is room in the pages of the table, so that the disk alone would not stop the writes to come.
        await database.execute("CREATE TABLE things AS SELECT generate_series(1, 3) AS n")
        async with filled(data, left_bytes=0):
            await watch.check()
            assert watch.full
            with pytest.raises(ResourceExhausted):
                await database.execute("INSERT INTO things VALUES (4)")
            assert await database.fetchval("SELECT count(*) FROM things") == 3
            assert await database.reserve.execute("DELETE FROM things WHERE n = 3") == "DELETE 1"
        await watch.check()
        assert not watch.full
        assert await database.execute("INSERT INTO things VALUES (4)") == "INSERT 0 1"
