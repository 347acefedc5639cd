"""A data folder as a stack takes it: usable by this account and held by one stack at a time."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import pwd
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from services.kit.disk_room import NO_ROOM

LOCK_FILE = "lock"
_PARTS = ("run", "logs", "objects", "qdrant", "postgres", "arcadedb")
_OTHERS = {
    "raft_state.json": "a Qdrant server",
    "meta.json": "the local mode of Qdrant's client library",
    "PG_VERSION": "PostgreSQL",
}
"""Files by which the folders of other programs are known."""


class DataFolderError(RuntimeError):
    """The data folder cannot be used; the message says why, and what to do."""


class DataFolderInUseError(DataFolderError):
    """Another process holds the data folder."""


def data_folder(text: str | Path) -> Path:
    """Return the folder that an option or a variable names, with `~` as the home of an account.

    Raises:
        DataFolderError: it names none.
    """
    if not str(text).strip():
        raise DataFolderError(f"--data {str(text)!r} names no folder; the current one is --data ./")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise DataFolderError(f"--data {str(text)!r} names no folder: {error}") from error


@asynccontextmanager
async def data_lock(data: Path) -> AsyncIterator[None]:
    """Hold the folder `data` for the block, and make it if it is not there.

    Raises:
        DataFolderInUseError: another process holds it; the message names its pid, command and start.
        DataFolderError: it is a file, belongs to another program, cannot be made, or cannot be written by this account.
    """
    try:
        file = await asyncio.to_thread(_acquire, data)
    except OSError as error:
        raise await asyncio.to_thread(_refusal, data, error) from error
    try:
        await asyncio.to_thread(_check_parts, data)
        yield
    finally:
        await asyncio.to_thread(file.close)


def _acquire(data: Path) -> TextIO:
    for name, program in _OTHERS.items():
        if (data / name).exists():
            raise DataFolderError(
                f"the data folder {data} belongs to {program}, as {name} in it shows: choose another with --data"
            )
    data.mkdir(parents=True, exist_ok=True)
    # The file stays when the lock is released: if it were removed, two processes could lock two files of this name.
    file = (data / LOCK_FILE).open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        program = Path(sys.argv[0]).name.replace("__main__.py", "tiku")
        command = " ".join([program, *sys.argv[1:]])
        since = datetime.now(UTC).isoformat(timespec="seconds")
        _describe_holder(file, {"pid": os.getpid(), "command": command, "since": since})
    except BlockingIOError:
        file.seek(0)
        holder = _describe(file.read())
        file.close()
        raise DataFolderInUseError(
            f"the data folder {data} is in use by {holder}; stop that, or choose another folder with --data"
        ) from None
    except BaseException:
        file.close()
        raise
    return file


def _describe_holder(file: TextIO, holder: dict[str, object]) -> None:
    try:
        os.write(file.fileno(), json.dumps(holder).encode())
    except OSError as error:
        # The lock is held all the same: what only reads goes on without room.
        if error.errno not in NO_ROOM:
            raise


def _describe(content: str) -> str:
    try:
        holder = json.loads(content)
        return f"process {holder['pid']} ({holder['command']}, since {holder['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _check_parts(data: Path) -> None:
    """Look at what a stack keeps in its data folder.

    Raises:
        DataFolderError: a part is no folder, or not this account's.
    """
    for part in (data / name for name in _PARTS):
        try:
            if part.is_symlink() or part.exists():
                if not part.is_dir():
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(part))
                if os.geteuid() != 0 and not os.access(part, os.R_OK | os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(part))
        except OSError as error:
            raise _refusal(part, error) from error


def _refusal(folder: Path, error: OSError) -> DataFolderError:
    """Return what an error of the file system means for a folder of the stack's."""
    # pathlib raises where it may not look.
    existing = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
    match error.errno:
        case _ if existing.is_symlink() and not os.path.exists(existing):  # noqa: PTH110
            why = f"{existing} is a link to {os.readlink(existing)}, which leads nowhere: mend or remove the link"  # noqa: PTH115
        case errno.EEXIST | errno.ENOTDIR:
            why = f"{existing} is not a folder: move it away"
        case errno.EACCES | errno.EPERM if _owner(existing) != os.geteuid():
            owner, account = _name_of(_owner(existing)), _name_of(os.geteuid())
            why = f"{existing} belongs to {owner} and not to {account}: start Tiku as its owner"
        case errno.EROFS:
            why = "its file system is read-only: mount it for writing"
        case errno.ENOSPC | errno.EDQUOT:
            why = "its disk is full: make room"
        case _:
            said = error.strerror or error
            why = (
                f"it cannot be made in {existing} ({said}): mend that"
                if existing != folder
                else f"{error.filename or folder} cannot be used ({said}): mend that"
            )
    return DataFolderError(f"the data folder {folder} cannot be used: {why}, or choose another folder with --data")


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _name_of(uid: int | None) -> str:
    try:
        return "another account" if uid is None else pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
