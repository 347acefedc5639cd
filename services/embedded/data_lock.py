"""A lock that keeps a data folder to one stack, ends with its process, and names its holder."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

LOCK_FILE = "lock"


class DataFolderInUseError(RuntimeError):
    """Another process holds the data folder."""


@asynccontextmanager
async def data_lock(data: Path) -> AsyncIterator[None]:
    """Hold the folder `data` for the block, and make it if it is not there.

    Raises:
        DataFolderInUseError: another process holds it; the message names its pid, command and start.
    """
    file = await asyncio.to_thread(_acquire, data)
    try:
        yield
    finally:
        await asyncio.to_thread(file.close)


def _acquire(data: Path) -> TextIO:
    data.mkdir(parents=True, exist_ok=True)
    # The file stays when the lock is released: if it were removed, two processes could lock two files of this name.
    file = (data / LOCK_FILE).open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        program = Path(sys.argv[0]).name.replace("__main__.py", "tiku")
        command = " ".join([program, *sys.argv[1:]])
        since = datetime.now(UTC).isoformat(timespec="seconds")
        json.dump({"pid": os.getpid(), "command": command, "since": since}, file)
        file.flush()
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


def _describe(content: str) -> str:
    try:
        holder = json.loads(content)
        return f"process {holder['pid']} ({holder['command']}, since {holder['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
