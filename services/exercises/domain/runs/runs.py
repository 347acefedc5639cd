"""Runs: the work that makes exercises, with numbered events that a reader can come back to (ADR 0019)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any

from services.exercises.domain.runs.live_run import LiveRun, RunSubscription, Work
from services.exercises.ports import RunStore
from services.exercises.values.exercise import Done, Exercise, Numbered, RunRow, RunState
from services.kit import context
from services.kit.errors import NotFound, ResourceExhausted

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class RunLimits:
    """Bounds of the runs of one process."""

    max_live: int = 64
    lease_seconds: float = 15.0
    renew_seconds: float = 2.0
    """How often leases are renewed, and how soon a cancellation that reached another process is seen."""
    poll_seconds: float = 0.3
    """How often a run that another process holds is looked at."""
    max_seconds: float = 3600.0
    """Time after which a run is ended as FAILED, reason RUN_TOO_LONG."""


class Runs:
    """The live runs of this process, and the reading of any run."""

    def __init__(self, store: RunStore, instance: str, limits: RunLimits) -> None:
        self._store = store
        self._instance = instance
        self._limits = limits
        self._live: dict[str, LiveRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, store: RunStore, instance: str, limits: RunLimits) -> AsyncIterator[Runs]:
        """Open runs whose tasks live as long as the block; leaving it ends every live run as INTERRUPTED."""
        await store.expire()
        runs = cls(store, instance, limits)
        runs._spawn(runs._keep_leases())
        try:
            yield runs
        finally:
            # Not a TaskGroup: it would wrap whatever ends the block in an ExceptionGroup.
            tasks = list(runs._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self, exercise: Exercise, work: Work, *, detached: bool) -> AsyncGenerator[Numbered, None]:
        """Start a run and yield its events until it ends. Unless it is detached, closing the generator cancels it."""
        if len(self._live) >= self._limits.max_live:
            raise ResourceExhausted(
                f"{self._limits.max_live} runs are going on already.", reason="TOO_MANY_RUNS", retry_after=5.0
            )
        live = self._live[exercise.run_id] = LiveRun(exercise, self._store)
        try:
            await self._store.create(exercise, instance=self._instance, lease_seconds=self._limits.lease_seconds)
        except BaseException:
            del self._live[exercise.run_id]
            raise
        with live.subscribed() as subscription:
            self._spawn(self._run(live, work, detached=detached))
            try:
                async for numbered in self._read_live(live, subscription, 0):
                    yield numbered
            finally:
                if not detached:
                    live.cancel()

    async def _run(self, live: LiveRun, work: Work, *, detached: bool) -> None:
        if detached:
            # The caller may leave: its deadline is not the run's.
            context.enter(dataclasses.replace(context.current(), deadline=None))
        try:
            await live.supervise(work, self._limits.max_seconds)
        finally:
            del self._live[live.exercise.run_id]

    async def follow(self, owner: str, run_id: str, after: int) -> AsyncGenerator[Numbered, None]:
        """Yield a run's events with numbers above `after`, as they come, until it ends."""
        await self._get(owner, run_id)
        live = self._live.get(run_id)
        if live is None or live.ended.is_set():
            async for numbered in self._read_stored(owner, run_id, after):
                yield numbered
            return
        with live.subscribed(lagged=True) as subscription:
            async for numbered in self._read_live(live, subscription, after):
                yield numbered

    async def _read_live(
        self, live: LiveRun, subscription: RunSubscription, last: int
    ) -> AsyncGenerator[Numbered, None]:
        """Yield events above `last` from the subscription, and from the store what the subscription lacks."""
        while True:
            if subscription.lagged:
                subscription.lagged = False
                for numbered in await self._store.events_after(live.exercise.run_id, last):
                    last = numbered.number
                    yield numbered
                    if isinstance(numbered.event, Done):
                        return
            numbered = await subscription.next()
            if subscription.lagged:
                continue
            if numbered.number > last:
                last = numbered.number
                yield numbered
            if isinstance(numbered.event, Done):
                return

    async def _read_stored(self, owner: str, run_id: str, last: int) -> AsyncGenerator[Numbered, None]:
        """Yield events above `last` of a run that another process holds, or nobody any more."""
        while True:
            run = await self._store.get(owner, run_id)
            for numbered in await self._store.events_after(run_id, last):
                last = numbered.number
                yield numbered
            if run is None or run.state is not RunState.RUNNING:
                return
            await asyncio.sleep(self._limits.poll_seconds)
            await self._store.expire()

    async def cancel(self, owner: str, run_id: str) -> RunState:
        """Stop a run and return the state that it is in then."""
        run = await self._get(owner, run_id)
        if run.state is not RunState.RUNNING:
            return run.state
        live = self._live.get(run_id)
        if live is not None:
            live.cancel()
            await live.ended.wait()
        else:
            await self._store.request_cancel(run_id)
            await self._wait_for_end(owner, run_id)
        ended = await self._store.get(owner, run_id)
        return ended.state if ended is not None else RunState.CANCELLED

    async def _wait_for_end(self, owner: str, run_id: str) -> None:
        """Wait until another process has ended a run, but no longer than two renewals of its lease and a second."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * self._limits.renew_seconds + 1.0):
                while (run := await self._store.get(owner, run_id)) is not None and run.state is RunState.RUNNING:
                    await asyncio.sleep(self._limits.poll_seconds)
                    await self._store.expire()

    async def expire(self) -> None:
        """End the runs of processes that died."""
        await self._store.expire()

    async def _get(self, owner: str, run_id: str) -> RunRow:
        await self._store.expire()
        run = await self._store.get(owner, run_id)
        if run is None:
            raise NotFound(f"There is no run {run_id}.", reason="RUN_NOT_FOUND", metadata={"run_id": run_id})
        return run

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._limits.renew_seconds)
            try:
                # Only what is worked at: a run whose creation failed on its way back here is a row that nobody ends.
                cancelled = await self._store.renew_leases(set(self._live), self._limits.lease_seconds)
                await self._store.expire()  # Also a run that nobody reads any more has to end.
            except Exception:
                # A store that is away for a while costs at most the runs whose lease ends meanwhile.
                logger.exception("leases could not be renewed")
                continue
            for run_id in cancelled & self._live.keys():
                self._live[run_id].cancel()
