"""Wheels through the real pip, from a folder in place of an index."""

from __future__ import annotations

import asyncio
import zipfile
from pathlib import Path

import psutil
import pytest

from services.models.errors import SourceFailedError
from services.models.sources.packages import pip_download
from tests.processes import gone

WEIGHTS = bytes(range(256)) * 4096


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where pip looks, and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def put_wheel(index: Path, name: str, *requires: str, tag: str = "py3-none-any") -> None:
    """A wheel that holds weights and asks for other packages."""
    info = f"{name}-1.0.dist-info"
    needs = (f"Requires-Dist: {other}" for other in requires)
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *needs]
    with zipfile.ZipFile(index / f"{name}-1.0-{tag}.whl", "w") as wheel:
        wheel.writestr(f"{name}/data/part01.bin", WEIGHTS)
        wheel.writestr(f"{info}/METADATA", "\n".join(metadata) + "\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")


async def names(folder: Path) -> list[str]:
    return await asyncio.to_thread(lambda: sorted(path.name for path in folder.glob("*.whl")))


async def test_a_package_comes_without_what_it_asks_for(index: Path, tmp_path: Path) -> None:
    await asyncio.to_thread(put_wheel, index, "toy", "appetite")
    await asyncio.to_thread(put_wheel, index, "appetite")
    wheel = await pip_download("toy==1.0", None, tmp_path / "download", lambda _: None)
    assert await names(tmp_path / "download") == [wheel.name] == ["toy-1.0-py3-none-any.whl"]
    assert await asyncio.to_thread(lambda: zipfile.ZipFile(wheel).read("toy/data/part01.bin")) == WEIGHTS


async def test_a_wheel_of_another_platform_is_had_by_naming_it(index: Path, tmp_path: Path) -> None:
    await asyncio.to_thread(put_wheel, index, "toy", tag="py3-none-win_amd64")
    with pytest.raises(SourceFailedError, match=r"toy==1\.0: No matching distribution found for toy==1\.0"):
        await pip_download("toy==1.0", None, tmp_path / "here", lambda _: None)
    wheel = await pip_download("toy==1.0", "win_amd64", tmp_path / "there", lambda _: None)
    assert wheel.name == "toy-1.0-py3-none-win_amd64.whl"


async def test_a_source_distribution_is_never_run(index: Path, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    setup = f"import pathlib; pathlib.Path({str(witness)!r}).touch()"
    await asyncio.to_thread(lambda: zipfile.ZipFile(index / "toy-1.0.zip", "w").writestr("toy-1.0/setup.py", setup))
    with pytest.raises(SourceFailedError, match="No matching distribution"):
        await pip_download("toy==1.0", None, tmp_path / "download", lambda _: None)
    assert not await asyncio.to_thread(witness.exists)


async def test_a_cancelled_download_leaves_no_process(index: Path, tmp_path: Path) -> None:
    await asyncio.to_thread(put_wheel, index, "toy")
    download = asyncio.create_task(pip_download("toy==1.0", None, tmp_path / "download", lambda _: None))
    async with asyncio.timeout(20):
        while not (pips := await asyncio.to_thread(_pips)):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    download.cancel()
    with pytest.raises(asyncio.CancelledError):
        await download
    await gone(pips)


def _pips() -> set[int]:
    """The processes below this one that download."""
    children = psutil.Process().children(recursive=True)
    return {child.pid for child in children if "download" in child.cmdline()}
