"""A Hugging Face hub, or a mirror of one, over plain HTTP with ranges."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from services.models.errors import SourceFailedError
from services.models.store import verify
from services.models.values import File, HubSource, Meter

ENDPOINT_VARIABLE: Final = "HF_ENDPOINT"
TOKEN_VARIABLE: Final = "HF_TOKEN"  # noqa: S105 - the variable's name, not a token
DEFAULT_ENDPOINT: Final = "https://huggingface.co"
PIECE_BYTES: Final = 1 << 20
ATTEMPTS: Final = 4
TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)
RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Which hub, and as whom. The token is sent to that hub only."""

    endpoint: str = DEFAULT_ENDPOINT
    token: str | None = None
    pause_seconds: float = 1.0
    """The pause before the second attempt; it doubles."""

    @classmethod
    def from_environment(cls) -> HubSettings:
        """Return the hub and the token that `HF_ENDPOINT` and `HF_TOKEN` name."""
        endpoint = os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT
        return cls(endpoint.rstrip("/"), os.environ.get(TOKEN_VARIABLE) or None)


class _BrokenTransferError(Exception):
    """The transfer broke off, and another attempt may succeed."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a hub repository; a transfer goes on where an earlier one stopped."""

    source: HubSource
    settings: HubSettings

    @property
    def label(self) -> str:
        """The repository and its hub."""
        return f"hub repository {self.source.repository} at {self.settings.endpoint}"

    async def fetch(self, weights: File, workplace: Path, meter: Meter) -> Path:
        """Download the file by HTTP, in up to four attempts, each from the byte where the last one stopped."""
        partial = workplace / f"{weights.path}.partial"
        headers = {"Authorization": f"Bearer {self.settings.token}"} if self.settings.token else {}
        counted = 0

        def count_up_to(position: int) -> None:
            nonlocal counted
            meter(position - counted)
            counted = position

        async with aiohttp.ClientSession(timeout=TIMEOUT, headers=headers, trust_env=True) as session:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    await self._transfer(session, weights, partial, count_up_to)
                    break
                except (_BrokenTransferError, aiohttp.ClientError, TimeoutError) as error:
                    if attempt == ATTEMPTS:
                        raise SourceFailedError(f"{weights.path}: {error or 'timed out'}") from error
                    await asyncio.sleep(self.settings.pause_seconds * 2 ** (attempt - 1))
        await asyncio.to_thread(verify, partial, weights.path, weights.sha256)
        target = workplace / weights.path
        await asyncio.to_thread(partial.replace, target)
        return target

    async def _transfer(self, session: aiohttp.ClientSession, weights: File, partial: Path, count_up_to: Meter) -> None:
        done = await asyncio.to_thread(_size, partial)
        if done > weights.size:
            await asyncio.to_thread(partial.unlink)
            done = 0
        count_up_to(done)
        if done == weights.size:
            return
        source = self.source
        url = f"{self.settings.endpoint}/{source.repository}/resolve/{source.revision}/{source.file}"
        async with session.get(url, headers={"Range": f"bytes={done}-"} if done else {}) as response:
            if response.status in RETRIED:
                raise _BrokenTransferError(f"the hub answered {response.status} {response.reason}")
            if response.status not in (200, 206):
                raise SourceFailedError(f"the hub answered {response.status} {response.reason} for {source.file}")
            if response.status == 200:
                done = 0  # The server ignores ranges and sends the file from its first byte.
            with await asyncio.to_thread(partial.open, "ab" if done else "wb") as stream:
                async for piece in response.content.iter_chunked(PIECE_BYTES):
                    done += len(piece)
                    if done > weights.size:
                        raise SourceFailedError(f"{source.file} is larger than the manifest's {weights.size} bytes")
                    await asyncio.to_thread(stream.write, piece)
                    count_up_to(done)
        if done < weights.size:
            raise _BrokenTransferError(f"the hub closed the connection at byte {done} of {weights.size}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
