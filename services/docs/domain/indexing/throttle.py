"""A limit on how often a job reports its progress."""

from __future__ import annotations

import asyncio

from services.docs.values.document import StageProgress


class ProgressThrottle:
    """Admits the first and the last progress of a stage, and in between one every `interval` seconds."""

    def __init__(self, interval: float = 0.2) -> None:
        self._interval = interval
        self._stage: str | None = None
        self._last = 0.0

    def admit(self, progress: StageProgress) -> bool:
        """Return whether to report `progress` now."""
        now = asyncio.get_running_loop().time()
        edge = progress.stage != self._stage or (progress.total > 0 and progress.done >= progress.total)
        if not edge and now - self._last < self._interval:
            return False
        self._stage, self._last = progress.stage, now
        return True
