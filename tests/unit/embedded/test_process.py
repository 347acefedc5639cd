"""Supervision: ready, failed, restarted, given up, tried again, stopped; with processes of a line each."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.embedded.process import (
    HopelessError,
    ProcessFailedError,
    ProcessSpec,
    State,
    SupervisedProcess,
    bound_log,
    describe_exit,
    guarded,
    last_words,
)
from services.kit.restarts import CrashBudget

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
    process = SupervisedProcess(_spec(tmp_path), lambda state, _why: states.append(state))
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


async def _until(process: SupervisedProcess, state: State, restarts: int = 0) -> None:
    async with asyncio.timeout(10):
        while process.state is not state or process.restarts < restarts:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)


def _kill(process: SupervisedProcess) -> int:
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


async def test_it_is_restarted_until_the_budget_is_spent_and_then_given_up(tmp_path: Path) -> None:
    changes: list[tuple[State, str]] = []
    process = SupervisedProcess(_spec(tmp_path), lambda state, why: changes.append((state, why)))
    await process.start()
    pids = set()
    for crash in range(1, 5):
        pids.add(_kill(process))
        await _until(process, State.READY, restarts=crash)
        assert process.failure is None
    pids.add(_kill(process))
    async with asyncio.timeout(10):
        failure = await process.wait_failed()
    assert len(pids) == 5
    assert process.failure is failure
    assert str(failure) == (
        f"thing ended with signal SIGKILL; see {tmp_path / 'thing.log'} (5 crashes within 10 minutes)"
    )
    restarts = [State.RESTARTING, State.READY] * 4
    assert [state for state, _ in changes] == [State.STARTING, State.READY, *restarts, State.FAILED]
    assert all(why.startswith("thing ended with signal SIGKILL") for state, why in changes if state in restarts[:1])
    await process.stop()


def _small_budget(window_seconds: float) -> Callable[[], CrashBudget]:
    return lambda: CrashBudget(2, window_seconds)


async def test_falls_that_lie_apart_are_forgiven(tmp_path: Path) -> None:
    process = SupervisedProcess(dataclasses.replace(_spec(tmp_path), budget=_small_budget(0.4)))
    await process.start()
    for crash in range(1, 4):
        _kill(process)
        await _until(process, State.READY, restarts=crash)
        await asyncio.sleep(0.4)
    await process.stop()


async def test_one_that_was_given_up_is_tried_again_when_the_window_has_passed(tmp_path: Path) -> None:
    process = SupervisedProcess(dataclasses.replace(_spec(tmp_path), budget=_small_budget(1.0)))
    await process.start()
    _kill(process)
    await _until(process, State.READY, restarts=1)
    _kill(process)
    await process.wait_failed()
    await _until(process, State.READY, restarts=2)
    await process.stop()


async def test_one_that_was_given_up_is_tried_again_on_request(tmp_path: Path) -> None:
    process = SupervisedProcess(dataclasses.replace(_spec(tmp_path), budget=lambda: CrashBudget(1, 600.0)))
    await process.start()
    process.retry()  # It serves, so there is nothing to try.
    _kill(process)
    await process.wait_failed()
    assert process.restarts == 0
    process.retry()
    await _until(process, State.READY, restarts=1)
    await process.stop()


async def test_a_restart_that_fails_is_a_fall_and_is_tried_again(tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled"
    code = f"import os, sys, time; os.path.exists({str(spoiled)!r}) and sys.exit('no luck'); time.sleep(600)"

    async def probe() -> None:
        await asyncio.sleep(0.3)  # Longer than the spoiled program lives.

    process = SupervisedProcess(_spec(tmp_path, code, probe))
    await process.start()
    await asyncio.to_thread(spoiled.touch)
    _kill(process)
    async with asyncio.timeout(10):
        while "no luck" not in str(process.failure):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    await asyncio.to_thread(spoiled.unlink)
    await _until(process, State.READY, restarts=2)
    await process.stop()


async def test_a_preparation_that_fails_does_not_end_the_watch(tmp_path: Path) -> None:
    tries = 0

    async def prepare() -> None:
        nonlocal tries
        tries += 1
        if tries == 2:
            raise PermissionError("the folder is gone")

    process = SupervisedProcess(dataclasses.replace(_spec(tmp_path), prepare=prepare))
    await process.start()
    _kill(process)
    await _until(process, State.READY, restarts=2)
    assert tries == 3
    await process.stop()


async def test_a_stop_while_it_waits_for_its_restart_leaves_nothing(tmp_path: Path) -> None:
    states: list[State] = []
    process = SupervisedProcess(_spec(tmp_path), lambda state, _why: states.append(state))
    await process.start()
    _kill(process)
    await _until(process, State.RESTARTING)
    await process.stop()
    assert process.pid is None
    assert states[-1] is State.STOPPED


async def test_one_that_will_never_serve_is_not_waited_for(tmp_path: Path) -> None:
    async def probe() -> None:
        raise HopelessError("its data is damaged")

    with pytest.raises(ProcessFailedError, match="thing cannot serve: its data is damaged; see"):
        await SupervisedProcess(_spec(tmp_path, probe=probe, stall_seconds=60)).start()


async def test_a_log_that_cannot_be_opened_for_want_of_room_does_not_prevent_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_log: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("services.embedded.process.bound_log", no_room)
    process = SupervisedProcess(_spec(tmp_path))
    await process.start()
    assert not await asyncio.to_thread((tmp_path / "thing.log").exists)
    await process.stop()


async def test_a_log_is_bounded_while_its_process_writes(tmp_path: Path) -> None:
    log = tmp_path / "thing.log"

    async def probe() -> None:
        if await asyncio.to_thread(lambda: log.stat().st_size) < 50_000:
            raise OSError("not yet")

    code = "import sys, time\nfor n in range(10**9): print(n, 'x' * 200, flush=True); time.sleep(0.0005)"
    process = SupervisedProcess(_spec(tmp_path, code, probe))
    await process.start()
    await asyncio.to_thread(bound_log, log, 10_000)
    await asyncio.sleep(0.2)
    aside = tmp_path / "thing.log.1"
    assert await asyncio.to_thread(lambda: aside.stat().st_size) >= 50_000
    # The process appends to the emptied file: it leaves no hole, and goes on where the copy ends or a little later.
    assert int((await asyncio.to_thread(log.read_bytes)).split()[0]) >= 50_000 // 210
    await process.stop()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        (
            "LOG:  starting\nFATAL:  database files are incompatible with server\nDETAIL:  by version 15.\nLOG:  down",
            "database files are incompatible with server: by version 15.",
        ),
        ("PANIC:  could not write\nLOG:  shut down", "could not write"),
        ('{"message": "not ready", "error": "no database"}', "not ready: no database"),
        ('{"message": "failed", "exception": "Traceback\\n  x\\nValueError: bad"}', "failed: ValueError: bad"),
        ("Traceback\n  File x\nValueError: bad", "ValueError: bad"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_the_last_words_of_a_log_say_why(log: str, words: str) -> None:
    assert last_words(log) == words


async def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "thing.log"

    async def probe() -> None:
        if "deaf" not in await asyncio.to_thread(log.read_text):
            raise OSError("not yet")

    process = SupervisedProcess(_spec(tmp_path, _DEAF, probe))
    await process.start()
    pid = process.pid
    async with asyncio.timeout(60):
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
