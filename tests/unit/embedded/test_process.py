"""Supervision: ready, failed, restarted once, stopped; with processes of a line each."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.embedded.process import (
    ProcessFailedError,
    ProcessSpec,
    State,
    SupervisedProcess,
    describe_exit,
    guarded,
)

_FOREVER = "import time; time.sleep(600)"
_DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


async def _always() -> None:
    return


def _spec(
    folder: Path, code: str = _FOREVER, probe: Callable[[], Awaitable[None]] = _always, stall_seconds: float = 10
) -> ProcessSpec:
    return ProcessSpec(
        name="thing",
        command=[sys.executable, "-I", "-S", "-c", code],
        log_file=folder / "thing.log",
        probe=probe,
        stall_seconds=stall_seconds,
        stop_timeout=0.3,
    )


async def test_states_follow_one_another(tmp_path: Path) -> None:
    states: list[State] = []
    process = SupervisedProcess(_spec(tmp_path), states.append)
    await process.start()
    assert process.pid is not None
    await process.stop()
    assert process.pid is None
    assert states == [State.STARTING, State.READY, State.STOPPING, State.STOPPED]


async def test_it_is_ready_when_the_probe_says_so(tmp_path: Path) -> None:
    answers = iter([OSError("not yet"), OSError("not yet"), None])

    async def probe() -> None:
        if (error := next(answers)) is not None:
            raise error

    process = SupervisedProcess(_spec(tmp_path, probe=probe))
    await process.start()
    assert next(answers, "none left") == "none left"
    await process.stop()


async def test_a_process_that_ends_at_once_is_reported_with_its_own_words(tmp_path: Path) -> None:
    async def probe() -> None:
        raise OSError("nobody there")

    code = "import sys; sys.stderr.write('the disk is full'); sys.exit(3)"
    with pytest.raises(ProcessFailedError, match=r"thing ended with exit code 3") as caught:
        await SupervisedProcess(_spec(tmp_path, code, probe)).start()
    assert "the disk is full" in str(caught.value)
    assert caught.value.log_file == tmp_path / "thing.log"


async def test_a_process_that_never_serves_is_killed_and_reported(tmp_path: Path) -> None:
    async def probe() -> None:
        raise OSError("nobody there")

    process = SupervisedProcess(_spec(tmp_path, probe=probe, stall_seconds=0.5))
    with pytest.raises(ProcessFailedError, match=r"thing stood still for \d s while starting .*nobody there"):
        await process.start()
    assert process.pid is None
    assert process.state is State.FAILED


async def test_one_that_waits_for_another_is_not_given_up(tmp_path: Path) -> None:
    asked = 0

    def waits() -> bool:
        nonlocal asked
        asked += 1
        return asked < 30

    async def probe() -> None:
        raise OSError("nobody there")

    process = SupervisedProcess(
        dataclasses.replace(_spec(tmp_path, probe=probe, stall_seconds=0.5), waits_for_another=waits)
    )
    with pytest.raises(ProcessFailedError, match="stood still"):
        await process.start()
    assert asked > 30


async def test_a_wait_is_told_with_its_seconds(tmp_path: Path) -> None:
    waits: list[float] = []

    async def probe() -> None:
        if len(waits) < 2:
            raise OSError("not yet")

    process = SupervisedProcess(_spec(tmp_path, probe=probe), on_wait=waits.append)
    await process.start()
    await process.stop()
    assert waits[0] >= 1.0
    assert waits[1] > waits[0]


async def test_a_program_that_is_not_there_is_reported(tmp_path: Path) -> None:
    async def probe() -> None:
        raise OSError("nobody there")

    spec = ProcessSpec("thing", ["/nowhere/thing"], tmp_path / "thing.log", probe)
    with pytest.raises(ProcessFailedError, match="cannot run /nowhere/thing"):
        await SupervisedProcess(spec).start()


async def test_it_is_restarted_once_and_then_given_up(tmp_path: Path) -> None:
    states: list[State] = []
    process = SupervisedProcess(_spec(tmp_path), states.append)
    await process.start()
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(10):
        while states[-1] is not State.READY or process.restarts == 0:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    second = process.pid
    assert second is not None
    assert second != first
    os.kill(second, signal.SIGKILL)
    async with asyncio.timeout(10):
        failure = await process.wait_failed()
    assert "SIGKILL" in str(failure)
    assert states == [State.STARTING, State.READY, State.RESTARTING, State.READY, State.FAILED]
    await process.stop()


async def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "thing.log"

    async def probe() -> None:
        if "deaf" not in await asyncio.to_thread(log.read_text):
            raise OSError("not yet")

    process = SupervisedProcess(_spec(tmp_path, _DEAF, probe))
    await process.start()
    pid = process.pid
    async with asyncio.timeout(5):
        await process.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)


async def test_a_cancelled_start_leaves_nothing_running(tmp_path: Path) -> None:
    probed = asyncio.Event()

    async def probe() -> None:
        probed.set()
        raise OSError("nobody there")

    process = SupervisedProcess(_spec(tmp_path, probe=probe))
    start = asyncio.create_task(process.start())
    await probed.wait()
    pid = process.pid
    start.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await start
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)


async def test_what_a_process_prints_is_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "thing.log"

    async def probe() -> None:
        if "题库" not in await asyncio.to_thread(log.read_text, encoding="utf-8"):
            raise OSError("not yet")

    code = "import sys, time; sys.stdout.buffer.write('题库'.encode()); sys.stdout.flush(); time.sleep(600)"
    spec = ProcessSpec("thing", [sys.executable, "-I", "-S", "-c", code], log, probe, stop_timeout=0.3)
    process = SupervisedProcess(spec)
    await process.start()
    await process.stop()


async def test_a_child_of_a_parent_that_is_gone_ends_at_once() -> None:
    command = guarded([sys.executable, "-c", _FOREVER], signal.SIGKILL)
    command[command.index("--parent") + 1] = "1" if os.getpid() != 1 else "2"
    process = await asyncio.create_subprocess_exec(*command)
    async with asyncio.timeout(10):
        assert await process.wait() == 125


@pytest.mark.parametrize(("code", "words"), [(0, "exit code 0"), (7, "exit code 7"), (-9, "signal SIGKILL")])
def test_exits_are_told_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
