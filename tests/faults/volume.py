"""A small volume that a test fills."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_MB = 1024 * 1024
_SIZE_MB = 700
_LEFT_MB = 40
"""Room that is left on a full volume: less than the reserve that writes leave alone."""


class NoVolumeError(Exception):
    """Nothing can be mounted here."""


@asynccontextmanager
async def small_volume(folder: Path, megabytes: int = _SIZE_MB) -> AsyncIterator[None]:
    """Mount a volume of its own on `folder` for the block.

    Raises:
        NoVolumeError: only root in a container with CAP_SYS_ADMIN can.
    """
    await asyncio.to_thread(folder.mkdir)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True)
    if done.returncode:
        raise NoVolumeError(done.stderr.decode().strip())
    try:
        yield
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "-l", str(folder)], check=True)


@asynccontextmanager
async def filled(folder: Path, left_bytes: int = _LEFT_MB * _MB) -> AsyncIterator[None]:
    """Fill the volume of `folder` for the block, but for `left_bytes`."""
    filler = folder / "filler"

    def fill() -> None:
        volume = os.statvfs(folder)
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, volume.f_bavail * volume.f_frsize - left_bytes)

    await asyncio.to_thread(fill)
    try:
        yield
    finally:
        await asyncio.to_thread(filler.unlink)
