"""A large file: it passes through a little memory, and what is broken off in its middle begins anew."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.stack import command
from tests.fakes.tutor import Tutor
from tests.integration.upkeep import house
from tests.integration.upkeep.conftest import Filled, copy_of
from tests.processes import descendants, gone

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

_BIG_BYTES = 128 * 1024 * 1024
"""More than twice of what a command may take more for a large file than for small ones."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def big(filled: Filled, upkeep_folder: Path) -> Path:
    """The data folder of a stopped stack that has one large file more."""
    data = await asyncio.to_thread(copy_of, filled.data, upkeep_folder / "big")
    await house.big_document(data, _BIG_BYTES)
    return data


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def big_backup(big: Path, upkeep_folder: Path) -> Path:
    """Its backup."""
    file = upkeep_folder / "b.tar"
    await house.backup(big, file)
    return file


async def test_a_large_file_passes_through_a_little_memory(big: Path, filled: Filled, fresh: Path) -> None:
    small = await _peak(filled.data, "backup", str(fresh.with_name("small.tar")))
    file = fresh.with_name("big.tar")
    assert await _peak(big, "backup", str(file)) - small < 48 * 1024**2
    restored = await _peak(fresh, "restore", str(file))
    assert restored - small < 48 * 1024**2
    assert await house.objects(fresh) == await house.objects(big)


async def _peak(data: Path, *arguments: str) -> int:
    """Return the most bytes that the process of a command had in memory."""
    process = await command(data, arguments[0], "--data", str(data), *arguments[1:])
    peak = 0
    ended = asyncio.create_task(process.communicate())
    while not ended.done():
        with contextlib.suppress(OSError, IndexError):
            status = await asyncio.to_thread(Path(f"/proc/{process.pid}/status").read_text)
            peak = max(peak, int(status.split("VmHWM:")[1].split()[0]) * 1024)
        await asyncio.wait([ended], timeout=0.02)
    assert process.returncode == 0, (await ended)[0]
    return peak


async def test_a_backup_that_is_broken_off_is_no_backup(big: Path, fresh: Path) -> None:
    file = fresh.with_name("b.tar")
    process, said = await _broken_off_backup(big, file, signal.SIGINT)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert await asyncio.to_thread(os.listdir, file.parent) == []
    await _broken_off_backup(big, file, signal.SIGKILL)
    await house.backup(big, file)
    assert await asyncio.to_thread(os.listdir, file.parent) == ["b.tar"]


async def _broken_off_backup(data: Path, file: Path, number: signal.Signals) -> tuple[asyncio.subprocess.Process, str]:
    process = await command(data, "backup", "--data", str(data), str(file))
    await house.appears(file.with_name(f"{file.name}.partial"), _BIG_BYTES // 4)
    said = await _broken_off(process, number)
    assert not await asyncio.to_thread(file.exists)
    return process, said


async def _broken_off(process: asyncio.subprocess.Process, number: signal.Signals) -> str:
    """End a command by a signal, wait until nothing of it runs, and return what it said."""
    family = await descendants(process.pid)
    process.send_signal(number)
    said, _ = await process.communicate()
    await gone(family)
    return said.decode()


async def test_a_restore_that_is_broken_off_begins_anew(
    big: Path, big_backup: Path, fresh: Path, provider: Tutor
) -> None:
    others = (("up", "--port", "0", "--ports", "free"), ("backup", str(fresh.with_name("c.tar"))), ("fsck",))
    for number, commands in ((signal.SIGKILL, others[-1:]), (signal.SIGINT, others)):
        process = await command(fresh, "restore", "--data", str(fresh), str(big_backup))
        await house.appears(fresh / "objects", _BIG_BYTES // 4)
        assert "Traceback" not in await _broken_off(process, number)
        for refused in commands:
            code, output = await house.tiku(fresh, *refused, **house.environment(provider))
            assert code == 1, output
            assert "a restore of b.tar was cut off" in output
            assert output.count("error:") == 1
            assert "Traceback" not in output
        await asyncio.to_thread(shutil.rmtree, fresh / "objects")
    await house.restore(fresh, big_backup)
    assert await house.objects(fresh) == await house.objects(big)
    async with house.up(fresh, provider) as up:
        documents = await up.rest.documents()
        digests = await house.all_files(up.rest, [document["document_id"] for document in documents])
        assert digests == [document["sha256"] for document in documents]
        assert "big.bin" in [document["name"] for document in documents]
        assert await house.fsck(fresh, deep=True) == {}
