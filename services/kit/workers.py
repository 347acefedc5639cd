"""Worker processes for work that holds the GIL: parsing, converting, tokenizing.

Workers are spawned, or forked from a small server process, never from the service: gRPC does not survive a fork. Each
dies with its parent, even a killed one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import logging
import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, get_context
from typing import Any, TypeVar

from services.kit import cpu_wait, errors
from services.kit.priority import step_back

R = TypeVar("R")

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_LEAST_POLL_SECONDS = 0.01
_MOST_POLL_SECONDS = 0.05
_START_SECONDS = 60.0
"""Most time that a process which takes another's place has to start, before a call is given one that has not begun."""
_CPU_CLOCK = 2
"""The kind of clock in the ids that Linux gives the clocks of processes: all that a process and its threads ran."""


class WorkerPool:
    """A fixed number of spawned processes, each of which does one thing at a time.

    A call that runs out of time or is canceled ends its process, and a new one takes its place: there is no other way
    to stop Python code that does not yield. It starts at once, and calls wait for the first process that is ready.
    `initializer` runs first in every process. With `preload`, names of modules, processes are forked from a server that
    has imported these, so that a new one costs milliseconds.
    """

    def __init__(
        self, max_workers: int = 1, initializer: Callable[[], None] | None = None, *, preload: Sequence[str] = ()
    ) -> None:
        self._initializer = initializer
        self._preload = list(preload)
        # To start a process blocks, and to the kernel the end of the *thread* that started a process is the end of its
        # parent. So one thread, which lasts as long as the pool, starts them all.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="worker-starter")
        # The thread starts with its first work, and its starter waits for it: better now than in the midst of calls.
        self._starter.submit(_nothing)
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._all: set[_Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        for _ in range(max_workers):
            self._idle.put_nowait(self._new())

    async def __aenter__(self) -> WorkerPool:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def run(self, function: Callable[..., R], /, *args: Any, timeout: float, cpu_seconds: float = math.inf) -> R:
        """Return the result of `function(*args)` in a worker; arguments, result and errors are pickled.

        Raises:
            DeadlineExceeded: the work took more than `timeout` seconds, or `cpu_seconds` of the processor, to which a
                process' start does not count. With the latter, seconds without a core do not count as the former.
            Unavailable: the process died (the kernel's memory killer, a crash in native code).
        """
        worker = await self._idle.get()
        try:
            async with asyncio.timeout(timeout) as timer:
                if not worker.ready:
                    await self._load(worker, function)
                work = await self._submit(worker, function, *args)
                result = await _within(cpu_seconds, worker, work, timer)
        except TimeoutError as error:
            self._replace(worker, function)
            raise errors.DeadlineExceeded(
                f"The work took more than {min(timeout, cpu_seconds):g} seconds.", reason="WORK_TOO_LONG"
            ) from error
        except BrokenProcessPool as error:
            self._replace(worker, function)
            raise errors.Unavailable("The worker process died.", reason="WORKER_DIED") from error
        except asyncio.CancelledError:
            self._replace(worker, function)
            raise
        except BaseException:
            self._idle.put_nowait(worker)
            raise
        self._idle.put_nowait(worker)
        return result

    async def close(self) -> None:
        """End every process; what they were doing is lost."""
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for worker in list(self._all):
            self._kill(worker)
        self._starter.shutdown(wait=False)

    async def _submit(self, worker: _Worker, function: Callable[..., R], /, *args: Any) -> asyncio.Future[R]:
        submit = functools.partial(worker.submit, function, *args)
        return asyncio.wrap_future(await asyncio.get_running_loop().run_in_executor(self._starter, submit))

    async def _load(self, worker: _Worker, function: Callable[..., object]) -> None:
        await (await self._submit(worker, _loaded, function))
        worker.ready = True

    def _new(self) -> _Worker:
        worker = _Worker(self._initializer, self._preload)
        self._all.add(worker)
        return worker

    def _replace(self, worker: _Worker, function: Callable[..., object]) -> None:
        self._kill(worker)
        task = asyncio.ensure_future(self._start_another(function))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start_another(self, function: Callable[..., object]) -> None:
        """Add a worker that has loaded `function`, or one that has yet to, if that fails: a call then says why."""
        worker = self._new()
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._load(worker, function)
        except Exception:
            logger.warning("a worker process did not start", exc_info=True)
            self._kill(worker)
            worker = self._new()
        self._idle.put_nowait(worker)

    def _kill(self, worker: _Worker) -> None:
        self._all.discard(worker)
        worker.kill()
        self._starter.submit(worker.release)


class _Worker:
    """One process. It starts with its first work, in the thread that hands the work over."""

    def __init__(self, initializer: Callable[[], None] | None, preload: list[str]) -> None:
        self._initializer = initializer
        self._preload = preload
        self._executor: ProcessPoolExecutor | None = None
        self.ready = False
        """Whether its process has started and imported what its work needs."""

    def submit(self, function: Callable[..., R], /, *args: Any) -> Future[R]:
        if self._executor is None:
            context = get_context("forkserver" if self._preload else "spawn")
            if self._preload:
                context.set_forkserver_preload(self._preload)
            parent = None if self._preload else os.getpid()
            self._executor = ProcessPoolExecutor(
                1, mp_context=context, initializer=_start, initargs=(parent, self._initializer)
            )
            work = self._executor.submit(function, *args)
            # The process has its own end by now. While this one stood open too, what a process that dies sends half of
            # would leave its reader waiting for the rest, and with it the end of this process.
            self._executor._result_queue._writer.close()  # type: ignore[attr-defined]  # noqa: SLF001
            return work
        return self._executor.submit(function, *args)

    @property
    def pids(self) -> list[int]:
        # There is no public way to an executor's processes before Python 3.14.
        return list(getattr(self._executor, "_processes", None) or ())

    def cpu_seconds(self) -> float:
        """Return what the process has run so far; 0 where the system does not tell, and once it has ended."""
        try:
            return sum(time.clock_gettime((~pid << 3) | _CPU_CLOCK) for pid in self.pids)
        except (OSError, AttributeError):
            return 0.0

    def waited_seconds(self) -> float:
        """Return how long the process was ready to run and had no core; 0 where the system does not tell."""
        return sum(cpu_wait.seconds_of(pid) for pid in self.pids)

    def kill(self) -> None:
        """End the process whatever it is doing; the executor's own shutdown would wait for the work to end."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def release(self) -> None:
        """Free the pipes and semaphores that the process left, which blocks for a moment."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)


async def _within(cpu_seconds: float, worker: _Worker, work: asyncio.Future[R], timer: asyncio.Timeout) -> R:
    """Return the result of `work`, or raise `TimeoutError` when its process has run for longer than allowed.

    While the process waits for a core, the end of `timer` moves on.
    """
    if math.isinf(cpu_seconds):
        return await work
    limit, waited = worker.cpu_seconds() + cpu_seconds, worker.waited_seconds()
    try:
        while not (await asyncio.wait((work,), timeout=_poll_seconds(limit - worker.cpu_seconds())))[0]:
            if worker.cpu_seconds() > limit:
                raise TimeoutError
            before, waited = waited, worker.waited_seconds()
            if (end := timer.when()) is not None and not timer.expired():
                timer.reschedule(end + max(0.0, waited - before))
        return work.result()
    finally:
        work.cancel()


def _poll_seconds(left: float) -> float:
    """Return when to look again at work that may run for `left` seconds more."""
    return min(max(left, _LEAST_POLL_SECONDS), _MOST_POLL_SECONDS)


def _nothing() -> None:
    """Do nothing."""


def _loaded(_: Callable[..., object]) -> None:
    """Do nothing: to unpickle the function imports its module."""


def _start(parent: int | None, initializer: Callable[[], None] | None) -> None:
    if parent is None:
        # The fork server ends when nobody holds the other end of this pipe, and it gives each worker a copy of its own.
        os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]  # noqa: SLF001
        parent = os.getppid()
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle.
    step_back()
    if initializer is not None:
        initializer()


def end_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Ask Linux to send this process signal `number` when `parent` ends; on another system do nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # It ended before we asked.
        os.kill(os.getpid(), number)
