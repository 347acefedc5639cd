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
async def small_volume(folder: Path) -> AsyncIterator[None]:
    """Mount a volume of its own on `folder` for the block.

    Raises:
        NoVolumeError: only root in a container with CAP_SYS_ADMIN can.
    """
    await asyncio.to_thread(folder.mkdir)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m", "tmpfs", str(folder)]
    done = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True)
    if done.returncode:
        raise NoVolumeError(done.stderr.decode().strip())
    try:
        yield
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "-l", str(folder)], check=True)


@asynccontextmanager
async def filled(folder: Path) -> AsyncIterator[None]:
    """Fill the volume of `folder` for the block."""
    filler = folder / "filler"

    def fill() -> None:
        volume = os.statvfs(folder)
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, volume.f_bavail * volume.f_frsize - _LEFT_MB * _MB)

    await asyncio.to_thread(fill)
    try:
        yield
    finally:
        await asyncio.to_thread(filler.unlink)
