"""Room for a working copy where the volume of the data has none: the folder of temporary files, or memory.

What lies there is worth nothing once its worker has ended. Its name begins with what it is a copy of, so that the next
worker of the same collection removes what a killed one left.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from services.kit.memory import available_memory

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made in it, for this account alone
_MARGIN_BYTES = 32 * 1024 * 1024
"""What a copy leaves of the other volume. Edge maps files with holes, and touching one without room is SIGBUS."""
_MEMORY_SHARE = 0.5
"""How much of the available memory a copy may take."""


def take_spare_room(owner: Path, needed: int) -> Path | None:
    """Make an empty folder on another volume than `owner`'s with room for `needed` bytes; None if there is none."""
    for volume in _volumes(owner):
        if _room(volume) >= needed + _MARGIN_BYTES:
            with contextlib.suppress(OSError):
                return Path(tempfile.mkdtemp(prefix=_prefix(owner), dir=volume))
    return None


def give_spare_room_back(owner: Path, keep: Path | None = None) -> None:
    """Remove what was made for `owner` on other volumes, but for the folder that holds `keep`."""
    for volume in _volumes(owner):
        for path in volume.glob(f"{_prefix(owner)}*"):
            if path.lstat().st_uid == os.geteuid() and (keep is None or path not in keep.parents):
                shutil.rmtree(path, ignore_errors=True)


def _volumes(owner: Path) -> Iterator[Path]:
    candidates = [_MEMORY]
    with contextlib.suppress(OSError):  # No folder for temporary files can be written.
        candidates.insert(0, Path(tempfile.gettempdir()))
    for candidate in candidates:
        if candidate.is_dir() and candidate.stat().st_dev != owner.stat().st_dev:
            yield candidate


def _prefix(owner: Path) -> str:
    return f"tiku-qdrant-{hashlib.sha256(os.fsencode(owner.absolute())).hexdigest()[:16]}-"


def _room(volume: Path) -> int:
    found = os.statvfs(volume)
    room = found.f_bavail * found.f_frsize
    return min(room, int(_MEMORY_SHARE * available_memory())) if volume == _MEMORY else room
