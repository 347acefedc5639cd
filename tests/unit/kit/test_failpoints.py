"""Points around a port: what they do, once, and that they cost nothing where there are none."""

from __future__ import annotations

import asyncio
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.kit.errors import Unavailable
from services.kit.failpoints import Failpoints, Points
from services.kit.settings import ServiceSettings
from tests.faults.arming import arm


class _Port:
    other = "as it was"

    async def add(self, number: int) -> int:
        return number + 1

    async def stream(self) -> AsyncIterator[int]:
        for number in range(3):
            yield number


def _around(folder: Path | None) -> _Port:
    points = {"add": Points("p.add.done", before="p.add.asked"), "stream": Points("p.stream.end", first="p.stream.one")}
    return Failpoints(folder).around(_Port(), points)


async def test_without_a_folder_a_port_is_itself() -> None:
    port = _Port()
    assert Failpoints(None).around(port, {"add": Points("p.add.done")}) is port


async def test_an_armed_point_fails_once(tmp_path: Path) -> None:
    port = _around(tmp_path)
    assert (await port.add(1), port.other) == (2, "as it was")
    await arm(tmp_path, "p.add.done", "error(Unavailable)\n")
    with pytest.raises(Unavailable) as caught:
        await port.add(1)
    assert caught.value.reason == "FAILPOINT"
    assert await port.add(1) == 2


async def test_only_the_calls_that_are_meant_reach_a_point(tmp_path: Path) -> None:
    points = {"add": Points("p.add.done", before="p.add.asked", when=lambda number: number > 1)}
    port = Failpoints(tmp_path).around(_Port(), points)
    await arm(tmp_path, "p.add.done", "error(Unavailable)")
    assert await port.add(1) == 2
    with pytest.raises(Unavailable):
        await port.add(2)


async def test_a_stream_fails_after_its_first_item(tmp_path: Path) -> None:
    await arm(tmp_path, "p.stream.one", "error(Unavailable)")
    seen = []
    with pytest.raises(Unavailable):
        async for number in _around(tmp_path).stream():
            seen.append(number)
    assert seen == [0]


async def test_a_stream_that_a_plain_function_returns_has_points_too(tmp_path: Path) -> None:
    class Handing(_Port):
        def stream(self) -> AsyncIterator[int]:
            return super().stream()

    port = Failpoints(tmp_path).around(Handing(), {"stream": Points(first="p.stream.one")})
    assert [number async for number in port.stream()] == [0, 1, 2]
    await arm(tmp_path, "p.stream.one", "error(Unavailable)")
    with pytest.raises(Unavailable):
        assert [number async for number in port.stream()] == []


async def test_a_stream_fails_after_the_first_item_that_is_meant(tmp_path: Path) -> None:
    await arm(tmp_path, "p.stream.one", "error(Unavailable)")
    points = {"stream": Points(first="p.stream.one", when=lambda number: number == 1)}
    seen = []
    with pytest.raises(Unavailable):
        async for number in Failpoints(tmp_path).around(_Port(), points).stream():
            seen.append(number)
    assert seen == [0, 1]


async def test_a_call_hangs_or_sleeps(tmp_path: Path) -> None:
    await arm(tmp_path, "p.add.asked", "hang")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_around(tmp_path).add(1), 0.05)
    await arm(tmp_path, "p.add.asked", "sleep(0.01)")
    assert await _around(tmp_path).add(1) == 2


@pytest.mark.parametrize("action", ["explode", "error(KeyError)", "sleep(x)"])
async def test_what_is_no_action_names_the_point(tmp_path: Path, action: str) -> None:
    await arm(tmp_path, "p.add.done", action)
    with pytest.raises(ValueError, match=r"TIKU_FAILPOINTS: p\.add\.done"):
        await _around(tmp_path).add(1)


async def test_a_process_kills_itself_once(tmp_path: Path) -> None:
    await arm(tmp_path, "p.one.done", "kill")
    code = textwrap.dedent(f"""
        import asyncio, pathlib
        from services.kit.failpoints import Failpoints
        asyncio.run(Failpoints(pathlib.Path({str(tmp_path)!r})).reach("p.one.done"))
    """)
    for expected in (-signal.SIGKILL, 0):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
        assert await process.wait() == expected


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKU_FAILPOINTS", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="failpoints"):
        ServiceSettings()
