"""A disk that fills up under load: writes are refused with a reason, reads go on, and with room all is as before."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.integration.embedded.stack_command import Up, readyz, running_up

_MB = 1024 * 1024
_SIZE_MB = 420
_RESERVE_MB = 64
_SECONDS = 60.0
_TEXT = "Water evaporates from the sea. Clouds form when the vapor cools. Rain returns the water to the land. " * 20

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up() -> AsyncIterator[Up]:
    """A stack whose `data` is a volume of its own, with room again after each test.

    Tests that fill the last byte come first: PostgreSQL gives back room of what it has written before.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tiku-"))
    data = folder / "data"
    await asyncio.to_thread(data.mkdir)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m", "tmpfs", str(data)]
    if os.geteuid() or (await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True)).returncode:
        pytest.skip("SKIPPED LOUDLY: nothing can be mounted here; as root in a container with CAP_SYS_ADMIN it can")
    async with running_up(folder) as up:
        yield up
    await asyncio.to_thread(subprocess.run, ["umount", "-l", str(data)], check=True)
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


class Api:
    """The REST API of the stack."""

    def __init__(self, http: aiohttp.ClientSession, gateway: str) -> None:
        self._http = http
        self.gateway = gateway

    async def upload(self, name: str, content: bytes, *, parse: bool = False) -> tuple[int, dict[str, Any]]:
        """Status and body of an upload."""
        form = aiohttp.FormData()
        form.add_field("kind", "DOCUMENT_KIND_DOCUMENT")
        form.add_field("parse", "true" if parse else "false")
        form.add_field("file", content, filename=name, content_type="text/plain")
        async with self._http.post(f"{self.gateway}/api/v1/documents", data=form) as answer:
            return answer.status, await answer.json()

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and body of a call."""
        async with self._http.request(method, f"{self.gateway}/api/v1{path}", json=body) as answer:
            return answer.status, await answer.read()

    async def generate(self) -> tuple[int, bytes]:
        """Status and stream of a generation without a model."""
        body = {"text": _TEXT, "count": 3, "generator": "GENERATOR_CHOICE_CLOZE_ONLY", "kinds": []}
        return await self.call("POST", "/exercises:generate", body)


@asynccontextmanager
async def _api(up: Up) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as http:
        yield Api(http, (await up.state())["gateway"])


async def _fill(data: Path, left_mb: float) -> Path:
    """Fills the volume with one file until `left_mb` are left."""
    filler = data / "filler"

    def write() -> None:
        volume = os.statvfs(data)
        size = volume.f_bavail * volume.f_frsize - int(left_mb * _MB)
        with filler.open("ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), size)

    await asyncio.to_thread(write)
    await asyncio.sleep(1.1)  # What others write is seen within a second.
    return filler


def _free(data: Path) -> int:
    volume = os.statvfs(data)
    return volume.f_bavail * volume.f_frsize


async def _disk(gateway: str, wanted: str) -> None:
    async with asyncio.timeout(20):
        while (await readyz(gateway))[1]["disk"] != wanted:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


async def _stored(api: Api) -> set[str]:
    status, body = await api.call("GET", "/documents?page_size=200")
    assert status == 200
    return {document["document_id"] for document in json.loads(body)["documents"]}


async def test_a_disk_that_others_fill_to_the_last_byte_ends_nothing(up: Up) -> None:
    data = up.state_file.parents[1]
    said = len(up.lines)
    async with _api(up) as api:
        status, kept = await api.upload("kept.txt", b"kept " * 1000)
        assert status == 200, kept
        # With room in the pages of its tables, PostgreSQL itself would take small writes on a disk without any.
        for _ in range(10):
            await api.generate()
        filler = await _fill(data, 0)
        await _disk(api.gateway, "full")
        # While there is no byte left: uploads, generations and logs.
        for _ in range(10):
            statuses = await asyncio.gather(
                *(api.upload("no.txt", b"x" * _MB) for _ in range(4)), *(api.generate() for _ in range(4))
            )
            assert {status for status, _ in statuses} == {507}, statuses
            assert (await api.call("PATCH", "/profile", {"goal": "x"}))[0] == 507
            await asyncio.sleep(0.3)
        await _everything_reads(api, kept["document"]["document_id"])
        assert not [line for line in up.lines[said:] if "restarting" in line or "down: " in line]
        await asyncio.to_thread(filler.unlink)
        await _disk(api.gateway, "ok")
        assert (await api.upload("again.txt", b"again"))[0] == 200
        assert (await api.generate())[0] == 200


async def test_uploads_fill_the_disk_up_to_the_reserve_and_go_on_when_there_is_room(up: Up) -> None:
    data = up.state_file.parents[1]
    async with _api(up) as api:
        earlier = await _stored(api)
        status, kept = await api.upload("kept.txt", b"kept " * 1000)
        assert status == 200, kept
        kept_id = kept["document"]["document_id"]
        assert (await api.generate())[0] == 200
        filler = await _fill(data, _RESERVE_MB + 60)

        # An upload load: each of 8 MB, four at once, until one is refused.
        stored, refused = 0, []
        for round_ in range(6):
            answers = await asyncio.gather(
                *(api.upload(f"{round_}-{n}.txt", os.urandom(4 * _MB).hex().encode()) for n in range(4))
            )
            stored += sum(status == 200 for status, _ in answers)
            refused += [(status, body) for status, body in answers if status != 200]
        assert 4 <= stored <= 8
        for status, body in refused:
            assert (status, body["reason"]) == (507, "DISK_FULL"), body
            assert "Make room" in body["detail"]
        assert await asyncio.to_thread(_free, data) > (_RESERVE_MB - 12) * _MB

        # Nothing half-written: every object belongs to a document, and none is left of what was refused.
        assert len(await _stored(api) - earlier) == stored + 1
        assert await asyncio.to_thread(lambda: list((data / "objects" / "uploads").glob("*"))) == []

        await _fill(data, 40)
        await _disk(api.gateway, "full")
        line = await up.said("disk       full")
        assert "writes are refused until there is more, reads go on" in line
        await asyncio.sleep(1.0)
        assert (await readyz(api.gateway))[0] == 200
        await _everything_reads(api, kept_id)
        for status, found in (await api.upload("no.txt", b"no"), await api.generate()):
            assert status == 507, found
            assert "DISK_FULL" in str(found)
        assert (await api.call("PATCH", "/profile", {"goal": "x"}))[0] == 507

        # A service that crashes now starts again, although there is no room for its usual writes.
        for name in ("docs", "exercises"):
            await _killed_and_back(up, name)
        async with asyncio.timeout(_SECONDS):
            while (await readyz(api.gateway))[0] != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await _everything_reads(api, kept_id)

        # A deletion makes room, and is taken.
        one = next(iter(await _stored(api) - earlier - {kept_id}))
        before = await asyncio.to_thread(_free, data)
        assert (await api.call("DELETE", f"/documents/{one}"))[0] == 200
        assert await asyncio.to_thread(_free, data) > before + 6 * _MB
        assert one not in await _stored(api)

        await asyncio.to_thread(filler.unlink)
        await _disk(api.gateway, "ok")
        await up.said("writes are taken again")
        await asyncio.sleep(1.5)
        assert (await api.upload("again.txt", b"again"))[0] == 200
        status, stream = await api.generate()
        assert (status, b"DISK_FULL" in stream) == (200, False)
        assert up.process.returncode is None
        # PostgreSQL gives room back at times, so the disk may be full, and not full, more than once.
        said_full = sum("full: " in line for line in up.lines)
        assert 1 <= said_full == sum("writes are taken again" in line for line in up.lines)


async def _killed_and_back(up: Up, name: str) -> None:
    async def pid() -> int | None:
        found: int | None = (await up.state())["services"][name]["pid"]
        return found

    first = await pid()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(_SECONDS):
        while await pid() in (None, first):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


async def _everything_reads(api: Api, document_id: str) -> None:
    for path in (
        "/documents",
        f"/documents/{document_id}",
        f"/documents/{document_id}/file",
        "/exercises",
        "/profile",
        "/models",
    ):
        status, body = await api.call("GET", path)
        assert status == 200, (path, body)
