"""What a pull needs from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from services.models.values import File, Meter


class WeightsSource(Protocol):
    """A place that delivers a model's weights file."""

    @property
    def label(self) -> str:
        """The name of this source in messages."""

    async def fetch(self, weights: File, workplace: Path, meter: Meter) -> Path:
        """Bring the file into `workplace` and return its path; its hash is that of the manifest.

        What an earlier call brought before it was interrupted is kept. `meter` is told of all bytes, also of those.

        Raises:
            SourceFailedError: this source cannot deliver the file.
        """
