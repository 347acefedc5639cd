"""`tiku backup` and `tiku restore` of a real stack: busy, broken, and with files lost."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e import material
from tests.e2e.stack import RefusedError, Rest, Up
from tests.fakes.tutor import Tutor
from tests.integration.upkeep import house
from tests.integration.upkeep.conftest import Filled
from tests.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]


async def test_all_comes_back_on_another_machine(filled: Filled, restored: Up, provider: Tutor) -> None:
    assert await house.objects(restored.data) == filled.objects
    dsn = (await restored.state())["environment"]["TIKU_POSTGRES_DSN"]
    assert await house.rows(dsn) == filled.rows
    asked = len(provider.requests)
    assert await house.answers(restored.rest) == filled.answers
    embedded = [text for r in provider.requests[asked:] if "embeddings" in r.path for text in r.body["input"]]
    assert len(embedded) <= 2 * len(house.SEARCHES), "no passage is embedded anew"
    assert await house.fsck(restored.data, deep=True) == {}
    code, output = await house.tiku(restored.data, "restore", str(filled.backup))
    assert code == 1
    assert f"in use by process {restored.process.pid}" in output


async def test_a_stack_that_is_not_empty_is_not_restored(filled: Filled) -> None:
    code, output = await house.tiku(filled.data, "restore", str(filled.backup))
    assert code == 1
    assert "the stack is not empty" in output
    assert "3 documents" in output
    assert "--replace" in output
    assert await house.objects(filled.data) == filled.objects


async def test_a_backup_without_vectors_is_embedded_anew(filled: Filled, fresh: Path, provider: Tutor) -> None:
    file = fresh.with_name("without.tar")
    code, output = await house.tiku(filled.data, "backup", str(file), "--no-vectors")
    assert code == 0, output
    assert "3 documents have to be embedded anew" in output
    await house.restore(fresh, file)
    async with house.up(fresh, provider) as up:
        for document_id in filled.ids.values():
            assert (await up.rest.watch(document_id))[-1].name == "indexed"
        assert await house.answers(up.rest) == filled.answers
        assert await house.fsck(fresh) == {}


async def test_a_busy_stack_is_backed_up_whole_and_never_looks_wrong(
    filled: Filled, copied: Path, fresh: Path, provider: Tutor
) -> None:
    files = [fresh.with_name(f"busy-{number}.tar") for number in range(2)]
    async with house.up(copied, provider) as up, _load(up.rest, filled) as done:
        for file in files:
            await house.backup(copied, file)
            for _ in range(2):
                assert await house.fsck(copied, deep=True) == {}
        code, output = await house.tiku(copied, "backup", str(files[0]))
        assert code == 1
        assert "exists already" in output
        # The stack was busy; how busy, and how soon, is the machine's affair.
        await eventually(lambda: min(done.values()) > 0)
        dsn = (await up.state())["environment"]["TIKU_POSTGRES_DSN"]
        ours = _of_exercises(await house.rows(dsn))
    await house.restore(copied, files[-1], replace=True)
    async with house.up(copied, provider) as up:
        documents = {each["document_id"]: each for each in await up.rest.documents()}
        assert set(filled.ids.values()) <= set(documents)
        for document_id, document in documents.items():
            digests = await house.all_files(up.rest, [document_id])
            assert digests == [document["sha256"]]
            await up.rest.watch(document_id)
        dsn = (await up.state())["environment"]["TIKU_POSTGRES_DSN"]
        restored = _of_exercises(await house.rows(dsn))
        assert set(_of_exercises(filled.rows)) <= set(restored) <= set(ours)
        await _is_sound(copied)


def _of_exercises(rows: dict[str, list[str]]) -> list[str]:
    """Return the rows that never change once they are there."""
    return rows["exercises.questions"] + rows["exercises.submissions"] + rows["exercises.exercises"]


async def _is_sound(data: Path) -> None:
    """Wait until nothing is wrong: generations that ran at the time of the backup have to run out first."""
    for _ in range(30):
        if set(found := await house.fsck(data, deep=True)) != {"RUN_ABANDONED"}:
            break
        await asyncio.sleep(2)
    assert found == {}


@contextlib.asynccontextmanager
async def _load(rest: Rest, filled: Filled) -> AsyncIterator[dict[str, int]]:
    """Upload, delete and generate for the block."""
    done = {"uploaded": 0, "deleted": 0, "generated": 0}

    async def upload() -> None:
        for number in itertools.count():
            text = f"{material.CHINESE_TEXT}\n\nNumber {number}.\n\n{material.MARKDOWN}"
            document_id = (await rest.upload(f"{number}.md", text.encode()))["document_id"]
            done["uploaded"] += 1
            if number % 3:
                if number % 2:
                    await asyncio.sleep(0.5)
                await rest.call("DELETE", f"/documents/{document_id}")
                done["deleted"] += 1
                with pytest.raises(RefusedError):
                    await rest.call("GET", f"/documents/{document_id}")
            await asyncio.sleep(0.2)

    async def generate() -> None:
        while True:
            await house.generate(rest, filled.ids["silk-road.md"])
            done["generated"] += 1
            await asyncio.sleep(0.3)

    tasks = [asyncio.create_task(upload()), asyncio.create_task(generate())]
    try:
        yield done
        assert not [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception) and not isinstance(ended, aiohttp.ClientError):
                raise ended


async def test_a_broken_file_changes_nothing(filled: Filled, fresh: Path) -> None:
    """`tests/unit/upkeep/test_archive.py` has every way in which a file can be broken."""
    whole = await asyncio.to_thread(filled.backup.read_bytes)
    file = fresh.with_name("broken.tar")
    middle = len(whole) // 2
    await asyncio.to_thread(file.write_bytes, whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    code, output = await house.tiku(fresh, "restore", str(file))
    assert code == 1
    assert output.count("error:") == 1
    assert "is not a whole backup" in output
    assert not await asyncio.to_thread(fresh.exists)


async def test_there_is_nothing_to_back_up(fresh: Path) -> None:
    code, output = await house.tiku(fresh, "backup", str(fresh.with_name("none.tar")))
    assert code == 1
    assert "there is no data in" in output
    assert not await asyncio.to_thread(fresh.exists)


async def test_a_lost_file_is_never_left_out_in_silence(filled: Filled, copied: Path) -> None:
    content = await asyncio.to_thread(material.PDF.read_bytes)
    lost = copied / "objects" / "objects" / hashlib.sha256(content).hexdigest()
    await asyncio.to_thread(lost.unlink)
    file = copied.with_name("lost.tar")
    code, output = await house.tiku(copied, "backup", str(file))
    assert code == 1
    assert filled.ids["photosynthesis.pdf"] in output
    assert "its file is gone" in output
    assert not await asyncio.to_thread(file.exists)
    code, output = await house.tiku(copied, "backup", str(file), "--allow-missing")
    assert code == 1
    assert f"left out: file or text of {filled.ids['photosynthesis.pdf']}" in output
    await asyncio.to_thread(lost.write_bytes, content[:-1] + b"?")
    code, output = await house.tiku(copied, "backup", str(copied.with_name("damaged.tar")))
    assert code == 1
    assert "its file is damaged" in output
