"""A folder or file that the user names, such as weights copied by hand, or another machine's cache."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.models.errors import DigestMismatchError, SourceFailedError
from services.models.values import File, Meter

COPY_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class LocalSource:
    """Weights at `place` itself, `place/FILE` or `place/MODEL/FILE`."""

    place: Path
    model_name: str

    @property
    def label(self) -> str:
        """The path."""
        return f"local path {self.place}"

    async def fetch(self, weights: File, workplace: Path, meter: Meter) -> Path:
        """Copy the first file of the right name and size; the original stays, whatever its hash."""
        found = await asyncio.to_thread(self._find, weights)
        if found is None:
            raise SourceFailedError(f"no {weights.path} of {weights.size} bytes is there")
        target = workplace / weights.path
        digest = await _copy(found, target, meter)
        if digest != weights.sha256:
            await asyncio.to_thread(target.unlink)
            raise DigestMismatchError(f"the copy of {found}", weights.sha256, digest)
        return target

    def _find(self, weights: File) -> Path | None:
        candidates = (self.place, self.place / weights.path, self.place / self.model_name / weights.path)
        return next((path for path in candidates if path.is_file() and path.stat().st_size == weights.size), None)


async def _copy(source: Path, target: Path, meter: Meter) -> str:
    """Copy in pieces, so that a canceled pull stops at the next one; return the SHA-256 of what was read."""
    digest = hashlib.sha256()
    with await asyncio.to_thread(source.open, "rb") as reader, await asyncio.to_thread(target.open, "wb") as writer:
        while piece := await asyncio.to_thread(reader.read, COPY_BYTES):
            await asyncio.to_thread(writer.write, piece)
            await asyncio.to_thread(digest.update, piece)
            meter(len(piece))
        await asyncio.to_thread(writer.flush)
    return digest.hexdigest()
