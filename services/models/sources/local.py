"""A folder or file that the user names, such as weights copied by hand, or another machine's cache."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Final

from services.models.errors import DigestMismatch, SourceFailed
from services.models.manifest import File
from services.models.store import Meter

COPY_BYTES: Final = 4 << 20


class LocalSource:
    """Weights at `place` itself, `place/FILE` or `place/MODEL/FILE`."""

    def __init__(self, place: Path, model_name: str) -> None:
        self._place = place
        self._model_name = model_name

    @property
    def label(self) -> str:
        """The path."""
        return f"local path {self._place}"

    async def fetch(self, weights: File, workplace: Path, meter: Meter) -> Path:
        """Copy the first file of the right name and size; the original stays, whatever its hash."""
        found = await asyncio.to_thread(self._find, weights)
        if found is None:
            raise SourceFailed(f"no {weights.path} of {weights.size} bytes is there")
        target = workplace / weights.path
        digest = await _copy(found, target, meter)
        if digest != weights.sha256:
            await asyncio.to_thread(target.unlink)
            raise DigestMismatch(f"the copy of {found}", weights.sha256, digest)
        return target

    def _find(self, weights: File) -> Path | None:
        candidates = (self._place, self._place / weights.path, self._place / self._model_name / weights.path)
        for candidate in candidates:
            if candidate.is_file() and candidate.stat().st_size == weights.size:
                return candidate
        return None


async def _copy(source: Path, target: Path, meter: Meter) -> str:
    """Copy in pieces, so that a cancelled pull stops at the next one; return the SHA-256 of what was read."""
    digest = hashlib.sha256()
    reader = await asyncio.to_thread(source.open, "rb")
    with reader:
        writer = await asyncio.to_thread(target.open, "wb")
        with writer:
            while piece := await asyncio.to_thread(reader.read, COPY_BYTES):
                await asyncio.to_thread(writer.write, piece)
                await asyncio.to_thread(digest.update, piece)
                meter(len(piece))
            await asyncio.to_thread(writer.flush)
    return digest.hexdigest()
