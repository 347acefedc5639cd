"""How much room a volume has left, and whether a write leaves enough of it."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The errors of a file system that is full, or full for this account."""
_CACHE_SECONDS = 1.0


class DiskRoom:
    """The free room of the volume that holds `path`, less a reserve that writes leave alone.

    It asks the file system at most once a second: what was taken through `check` meanwhile counts as used.
    """

    def __init__(self, path: Path, reserve_bytes: int) -> None:
        self._path = path
        self._reserve = reserve_bytes
        self._free = 0
        self._asked = float("-inf")

    def available(self) -> int:
        """Return the bytes that writes may still take; negative if less than the reserve is free."""
        now = time.monotonic()
        if now - self._asked >= _CACHE_SECONDS:
            volume = os.statvfs(self._path)
            self._free, self._asked = volume.f_bavail * volume.f_frsize, now
        return self._free - self._reserve

    def check(self, size: int) -> bool:
        """Return whether `size` more bytes leave the reserve alone, and count them as used if so."""
        if self.available() < size:
            return False
        self._free -= size
        return True
