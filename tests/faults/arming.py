"""Arming failpoints."""

from __future__ import annotations

import asyncio
from pathlib import Path


async def arm(folder: Path, point: str, action: str) -> None:
    """Arm a point; nobody reads a file that is half written."""

    def write() -> None:
        new = folder / f".{point}"
        new.write_text(action)
        new.rename(folder / point)

    await asyncio.to_thread(write)


async def fired(folder: Path, point: str) -> bool:
    """Whether an armed point was reached; disarms it if not."""

    def disarm() -> bool:
        try:
            (folder / point).unlink()
        except FileNotFoundError:
            return True
        return False

    return await asyncio.to_thread(disarm)
