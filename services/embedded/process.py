"""Child processes that are started, probed, watched, restarted, and stopped, and never outlive their parent.

A process that crashes is started again after a moment, and given up after too many crashes in a window (docs/adr/0042).
A process that was given up is tried again when the window has passed, or sooner when somebody asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from services.kit.disk_room import NO_ROOM
from services.kit.progress import STALL_SECONDS, ProgressWatch, StalledError, reported_wait
from services.kit.restarts import CrashBudget

_GUARD = Path(__file__).with_name("guard.py")
_SHORTEST_PROBE_INTERVAL_SECONDS = 0.05
_LONGEST_PROBE_INTERVAL_SECONDS = 1.0
_PROBE_INTERVAL_SHARE = 0.05
"""The interval as a share of the wait so far: probes cost the process processor time, which must not look like
progress."""
_PROBE_TIMEOUT_SECONDS = 2.0
_KILL_TIMEOUT_SECONDS = 5.0
LOG_LIMIT_BYTES = 16 * 1024 * 1024
"""Size from which a log is set aside under the name with `.1`; there is at most one of that name."""
_TAIL_BYTES = 4000
_LONGEST_REASON = 300
_GRAVE = re.compile(r"\b(?:FATAL|PANIC): +(.+)(?:\n.*\bDETAIL: +(.+))?")
"""What PostgreSQL says before it ends; other lines follow."""


class ProcessFailedError(RuntimeError):
    """A process could not be started, or died; the message is one line, and `log_file` holds what the process said."""

    def __init__(self, name: str, message: str, log_file: Path | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.log_file = log_file


class HopelessError(Exception):
    """What a probe raises when its process will never serve; the message is one line that says why."""


class State(enum.StrEnum):
    """The states of a supervised process."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a process runs under when its parent is root.

    `search` lets it reach files below folders that only root may enter.
    """

    uid: int
    gid: int
    search: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How to run one process.

    `probe` raises until the process serves, and `HopelessError` if it never will. `prepare` runs before every start, a
    restart included. `startup` says what the process does before it serves, for whoever waits. `waits_for_another` is
    true while the process cannot go on because another one does not serve; it is not given up then.
    `stop_signal` asks for a clean stop, `death_signal` is what the kernel sends when the parent dies.
    `budget` makes the account of its crashes. `hint` says what to do when it ends before it ever served.
    """

    name: str
    command: Sequence[str]
    log_file: Path
    probe: Callable[[], Awaitable[None]]
    prepare: Callable[[], Awaitable[None]] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    startup: str = "starting"
    waits_for_another: Callable[[], bool] = lambda: False
    stall_seconds: float = STALL_SECONDS
    stop_timeout: float = 10.0
    budget: Callable[[], CrashBudget] = CrashBudget
    hint: str = ""


def guarded(command: Sequence[str], death_signal: signal.Signals, account: Account | None = None) -> list[str]:
    """Return the command line that runs `command` so that it gets `death_signal` when this process dies."""
    guard = [sys.executable, "-I", "-S", str(_GUARD)]
    guard += ["--parent", str(os.getpid()), "--signal", str(int(death_signal))]
    if account is not None:
        guard += ["--uid", str(account.uid), "--gid", str(account.gid)]
        if account.search:
            guard.append("--search")
    return [*guard, "--", *command]


class SupervisedProcess:
    """One process under watch, from `start` to `stop`.

    Start it from the thread that runs the program's main loop: the parent-death signal is bound to the thread.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        on_state: Callable[[State, str], None] | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> None:
        self.spec = spec
        self.state = State.STOPPED
        self.restarts = 0
        self.failure: ProcessFailedError | None = None
        """Why it does not serve; None while it does, and before its first crash."""
        self._on_state = on_state
        self._on_wait = on_wait
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[ProcessFailedError] | None = None
        self._retry = asyncio.Event()
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The process' id; None while it does not run."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start the process and return once it serves.

        Raises:
            ProcessFailedError: it ended, or stood still before it served; nothing is left running.
        """
        self._failed = asyncio.get_running_loop().create_future()
        self._enter(State.STARTING)
        try:
            await self._become_ready()
        except BaseException:
            await asyncio.shield(self._end())
            self._enter(State.FAILED)
            raise
        self._enter(State.READY)
        self._watch = asyncio.create_task(self._supervise(), name=f"watch {self.spec.name}")

    async def wait_failed(self) -> ProcessFailedError:
        """Return why the process was given up for the first time; wait as long as it was not."""
        if self._failed is None:
            raise RuntimeError(f"{self.spec.name} was not started")
        return await asyncio.shield(self._failed)

    def retry(self) -> None:
        """Start the process again now if it was given up."""
        if self.state is State.FAILED:
            self._retry.set()

    async def stop(self) -> None:
        """Ask the process to end, kill it if it does not within `stop_timeout`, and return when it is gone."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        if self.pid is not None:
            self._enter(State.STOPPING)
        await self._end()
        self._enter(State.STOPPED)

    def _enter(self, state: State, failure: ProcessFailedError | None = None) -> None:
        self.state, self.failure = state, failure
        if self._on_state is not None:
            self._on_state(state, str(failure) if failure else "")

    async def _become_ready(self) -> None:
        async with reported_wait(self._on_wait):
            if self.spec.prepare is not None:
                await self.spec.prepare()
            self._process = await self._spawn()
            await self._probe_until_ready(self._process)

    async def _spawn(self) -> asyncio.subprocess.Process:
        spec = self.spec
        log, self._log_start = await asyncio.to_thread(_open_log, spec.log_file)
        try:
            # A session of its own: Ctrl-C in a terminal reaches the parent only, which then stops things in order.
            return await asyncio.create_subprocess_exec(
                *guarded(spec.command, spec.death_signal, spec.account),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **spec.environment},
                start_new_session=True,
            )
        finally:
            log.close()

    async def _probe_until_ready(self, process: asyncio.subprocess.Process) -> None:
        spec = self.spec
        watch = ProgressWatch(process.pid, spec.log_file, spec.stall_seconds)
        began = time.monotonic()
        while process.returncode is None:
            failure = await _failure_of(spec.probe)
            if process.returncode is not None:
                break
            if failure is None:
                return
            if isinstance(failure, HopelessError):
                raise ProcessFailedError(
                    spec.name, f"{spec.name} cannot serve: {failure}; see {spec.log_file}", spec.log_file
                )
            if spec.waits_for_another():
                watch.restart()
            try:
                await watch.check()
            except StalledError as stalled:
                raise await self._stalled(stalled, failure) from None
            await asyncio.sleep(_probe_interval(time.monotonic() - began))
        raise await self._ended(process)

    async def _stalled(self, stalled: StalledError, failure: Exception) -> ProcessFailedError:
        spec = self.spec
        return ProcessFailedError(
            spec.name,
            f"{spec.name} stood still for {stalled.seconds:.0f} s while {spec.startup} "
            f"(last probe: {type(failure).__name__}: {failure}); see {spec.log_file}",
            spec.log_file,
        )

    async def _ended(self, process: asyncio.subprocess.Process) -> ProcessFailedError:
        spec = self.spec
        words = describe_exit(process.returncode)
        log = await log_tail(spec.log_file, since=self._log_start)
        # One that another killed had no time to say why.
        by_itself = process.returncode is not None and process.returncode > 0
        if reason := last_words(log) if by_itself else _grave_words(log):
            words = f"{words}: {reason.rstrip('.')}"
        # What served once has another fault.
        hint = f"; {spec.hint}" if spec.hint and self.state is State.STARTING else ""
        return ProcessFailedError(
            spec.name, f"{spec.name} ended with {words}{hint}; see {spec.log_file}", spec.log_file
        )

    async def _supervise(self) -> None:
        budget = self.spec.budget()
        while True:
            process = self._process
            assert process is not None
            await process.wait()
            failure: ProcessFailedError | None = await self._ended(process)
            while failure is not None:
                await self._pause(budget, failure)
                failure = await self._restart()

    async def _pause(self, budget: CrashBudget, failure: ProcessFailedError) -> None:
        """Wait until the process may be started again: a moment, or the whole window if it crashed too often."""
        if budget.crash():
            self._enter(State.RESTARTING, failure)
            await asyncio.sleep(budget.delay())
            return
        given_up = ProcessFailedError(self.spec.name, f"{failure} ({budget.describe()})", self.spec.log_file)
        self._enter(State.FAILED, given_up)
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(given_up)
        self._retry.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(budget.window_seconds):
                await self._retry.wait()
        self._enter(State.RESTARTING)

    async def _restart(self) -> ProcessFailedError | None:
        """Start the process again; return why that failed, None if it serves."""
        spec = self.spec
        self.restarts += 1
        try:
            await self._become_ready()
        except ProcessFailedError as error:
            failure = error
        except Exception as error:
            # Whatever it is (no memory for a process, a folder that is gone), the others must go on being watched.
            failure = ProcessFailedError(spec.name, f"{spec.name} cannot be started: {error}", spec.log_file)
        else:
            self._enter(State.READY)
            return None
        await self._end()
        return failure

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.spec.stop_signal)
                process.send_signal(signal.SIGCONT)  # One that is suspended acts on no signal before it goes on.
            try:
                async with asyncio.timeout(self.spec.stop_timeout):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                async with asyncio.timeout(_KILL_TIMEOUT_SECONDS):
                    await process.wait()
        self._process = None


async def _failure_of(probe: Callable[[], Awaitable[None]]) -> Exception | None:
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_SECONDS):
            await probe()
    except Exception as error:
        return error
    return None


def _probe_interval(waited_seconds: float) -> float:
    wanted = _PROBE_INTERVAL_SHARE * waited_seconds
    return min(max(wanted, _SHORTEST_PROBE_INTERVAL_SECONDS), _LONGEST_PROBE_INTERVAL_SECONDS)


def describe_exit(code: int | None) -> str:
    """Return an exit code in words: `exit code 1`, or the signal's name for a negative one."""
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


async def log_tail(log_file: Path, limit_bytes: int = _TAIL_BYTES, since: int = 0) -> str:
    """Return the last lines of a log file, at most `limit_bytes`; empty if there is no such file.

    `since` is where they begin at the earliest; a file that is shorter was begun anew.
    """
    return await asyncio.to_thread(_tail, log_file, limit_bytes, since)


def _tail(log_file: Path, limit_bytes: int, since: int) -> str:
    try:
        with log_file.open("rb") as file:
            size = log_file.stat().st_size
            file.seek(max(0, size - limit_bytes, since if since <= size else 0))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def last_words(log: str) -> str:
    """Return the line of a log that says best why its process ended, without what surrounds it; empty if none does."""
    if grave := _grave_words(log):
        return grave
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return _message_of(lines[-1])[:_LONGEST_REASON] if lines else ""


def _grave_words(log: str) -> str:
    found = _GRAVE.findall(log)
    return ": ".join(filter(None, found[-1]))[:_LONGEST_REASON] if found else ""


def _message_of(line: str) -> str:
    """Return the message of a line that is one of our own JSON records, or the line itself."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict):
        return line
    raised = str(record.get("exception", "")).strip().splitlines()
    detail = raised[-1] if raised else str(record.get("error", ""))
    return ": ".join(filter(None, (str(record.get("message", "")), detail)))


def _open_log(log_file: Path) -> tuple[BinaryIO, int]:
    """Open a log for a new process; return it with its size. Where the disk has no room for it, nothing is logged."""
    try:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        bound_log(log_file)
        log = log_file.open("ab")
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        return Path(os.devnull).open("ab"), 0
    return log, log.tell()


def bound_log(log_file: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
    """Set a log aside that is larger than `limit_bytes`; its process goes on writing to the emptied file.

    The process appends, so the file can be emptied under it; what it writes between the copy and that is lost. Where
    there is no room for a copy, there is none.
    """
    with contextlib.suppress(FileNotFoundError):
        if log_file.stat().st_size <= limit_bytes:
            return
        aside = log_file.with_suffix(log_file.suffix + ".1")
        try:
            shutil.copyfile(log_file, aside)
        except OSError:
            aside.unlink(missing_ok=True)
        os.truncate(log_file, 0)
