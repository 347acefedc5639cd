"""What pulling needs from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from services.models.manifest import File
from services.models.store import Meter


class WeightsSource(Protocol):
    """Delivers a model's weights file."""

    @property
    def label(self) -> str:
        """How messages call this source."""
        ...

    async def fetch(self, weights: File, workplace: Path, meter: Meter) -> Path:
        """Bring the file into `workplace` and return its path; its hash is the manifest's.

        What was brought in by an earlier, interrupted call is kept and counted, not brought again. `meter`
        is told of all bytes, those kept included. Raises SourceFailed.
        """
        ...
