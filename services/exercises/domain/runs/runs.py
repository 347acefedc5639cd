"""Runs: work that outlives no one by accident, with numbered events that a reader can come back to.

A run is held by the process that started it, under a lease that it renews. Its events are stored before anyone hears of
them, tokens excepted. A process that dies stops renewing; whoever looks next ends its runs as FAILED, reason
INTERRUPTED.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any

from services.exercises.domain.runs.event_log import Outbox
from services.exercises.ports import ExerciseStore
from services.exercises.values.events import Done, Event, Numbered, QuestionMade, QuestionRefused, Started, Token
from services.exercises.values.exercise import Exercise
from services.exercises.values.question import Generator
from services.exercises.values.run import RunState
from services.kit import context
from services.kit.errors import Aborted, NotFound, ResourceExhausted, TikuError

logger = logging.getLogger(__name__)

Work = Callable[[Callable[[Event], Awaitable[None]]], Awaitable[None]]
"""What a run does, given where to publish its events."""

_MOST_WAITING = 512
"""Events that wait for one reader; a slower one loses tokens first, and reads the rest from the store."""
_LAST_WORDS_SECONDS = 2.0
"""Time to store how a run ended when the process is asked to stop."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunLimits:
    """Bounds of the runs of one process."""

    most_live: int = 64
    lease_seconds: float = 15.0
    renew_seconds: float = 2.0
    """How often leases are renewed, and how soon a cancellation that reached another process is heard of."""
    poll_seconds: float = 0.3
    """How often a run that another process holds is looked at."""
    longest_seconds: float = 3600.0
    """Time after which a run is ended as FAILED, reason RUN_TOO_LONG."""


class Subscription:
    """One reader's queue of a live run's events."""

    def __init__(self) -> None:
        self._waiting: deque[Numbered] = deque()
        self._news = asyncio.Event()
        self.lagged = False
        """Whether stored events were dropped; the reader must look into the store."""

    def offer(self, numbered: Numbered) -> None:
        """Queues an event without ever waiting for the reader."""
        if len(self._waiting) >= _MOST_WAITING:
            if isinstance(numbered.event, Token):
                return
            self._waiting.clear()
            self.lagged = True
        self._waiting.append(numbered)
        self._news.set()

    async def next(self) -> Numbered:
        """The next event."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()


class LiveRun:
    """A run that this process works at."""

    def __init__(self, exercise: Exercise, store: ExerciseStore) -> None:
        self.exercise = exercise
        self._store = store
        self._outbox = Outbox(self._record, self._tell, self._lose)
        self._published = Tally()
        self._told = Tally()
        self._lost: Exception | None = None
        self._subscriptions: set[Subscription] = set()
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self.ended = asyncio.Event()
        """Set once the end was told."""

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return self.exercise.run_id

    async def publish(self, event: Event) -> None:
        """Takes an event that every reader is told once it is stored, tokens at once.

        Waits only while many are on their way. An event that cannot be stored ends the run.
        """
        if self._lost is not None:
            raise self._lost
        self._published.add(event)
        self._outbox.put(event)
        await self._outbox.room()

    async def _record(self, events: Sequence[Numbered]) -> None:
        await self._store.add_events(self.run_id, events)

    def _tell(self, numbered: Numbered) -> None:
        self._told.add(numbered.event)
        for subscription in self._subscriptions:
            subscription.offer(numbered)
        if isinstance(numbered.event, Done):
            self.ended.set()

    def _lose(self, error: Exception) -> None:
        self._lost = error
        if self._task is not None:
            self._task.cancel()

    def subscribe(self) -> Subscription:
        """A queue of the events from now on."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Ends a subscription."""
        self._subscriptions.discard(subscription)

    def cancel(self) -> None:
        """Stops the work at its next await; a run that has ended stays as it is."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def supervise(self, work: Work, longest_seconds: float) -> None:
        """Works and stores how it ended, whatever happens."""
        task = self._task = asyncio.create_task(self._work(work, longest_seconds))
        if self._cancelled:
            task.cancel()
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await self._finish(RunState.FAILED, "INTERRUPTED", "The service stopped.")
            raise
        else:
            await self._finish(*self._result(task))
        finally:
            self._outbox.close()

    async def _work(self, work: Work, longest_seconds: float) -> None:
        async with asyncio.timeout(longest_seconds):
            await self.publish(Started(self.run_id, self.exercise.exercise_id))
            # A reader knows the run, so that it can be stopped, and the store is there, before a model is asked.
            await self._outbox.settled()
            await work(self.publish)

    def _result(self, task: asyncio.Task[None]) -> tuple[RunState, str, str]:
        """How a run ended whose work ended: state, reason and message."""
        if task.cancelled():
            return RunState.CANCELLED, "", ""
        error = task.exception()
        if error is not None:
            return self._failure(error)
        if not self._published.made:
            return RunState.FAILED, "NO_QUESTIONS", "The material gave no question of the wanted kinds."
        return RunState.DONE, "", ""

    def _failure(self, error: BaseException) -> tuple[RunState, str, str]:
        match error:
            case TikuError():
                return RunState.FAILED, error.reason, error.message
            case TimeoutError():
                return RunState.FAILED, "RUN_TOO_LONG", "The run took too long."
            case _:
                logger.error("run failed", exc_info=error, extra={"run_id": self.run_id})
                return RunState.FAILED, "INTERNAL", "Something went wrong on our side."

    async def _finish(self, state: RunState, reason: str, message: str) -> None:
        """Tells the end once it is stored with all that came before it; where that was lost, what there is to tell."""
        if self._lost is None:
            self._outbox.put(self._published.done(self.exercise.exercise_id, state, reason, message))
            await self._outbox.settled()
        if self._lost is not None:
            await self._finish_lost(self._lost)

    async def _finish_lost(self, error: Exception) -> None:
        done = self._told.done(self.exercise.exercise_id, *self._failure(error))
        numbered = Numbered(self._outbox.next_number(), done)
        try:
            await self._record([numbered])
        except Aborted:
            logger.warning("run was ended elsewhere", extra={"run_id": self.run_id})
        except Exception:
            # The lease runs out, and whoever looks next ends the run; its readers need not wait for that.
            logger.exception("the end of a run could not be stored", extra={"run_id": self.run_id})
        self._tell(numbered)


class Tally:
    """What a run's events come to."""

    def __init__(self) -> None:
        self._made: Counter[Generator] = Counter()
        self._refused = 0

    @property
    def made(self) -> int:
        """Questions."""
        return self._made.total()

    def add(self, event: Event) -> None:
        """Counts an event."""
        if isinstance(event, QuestionMade):
            self._made[event.question.generator] += 1
        elif isinstance(event, QuestionRefused):
            self._refused += 1

    def done(self, exercise_id: str, state: RunState, reason: str, message: str) -> Done:
        """The last event of a run that ends in `state`."""
        return Done(
            state=state,
            exercise_id=exercise_id,
            question_count=self.made,
            model_count=self._made[Generator.MODEL],
            cloze_count=self._made[Generator.CLOZE],
            rejected_count=self._refused,
            reason=reason,
            message=message,
        )


class Runs:
    """The live runs of this process, and the reading of any run."""

    def __init__(self, store: ExerciseStore, instance: str, limits: RunLimits) -> None:
        self._store = store
        self._instance = instance
        self._limits = limits
        self._live: dict[str, LiveRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, store: ExerciseStore, instance: str, limits: RunLimits) -> AsyncIterator[Runs]:
        """Runs whose tasks live as long as the block; leaving it ends every live run as INTERRUPTED."""
        await store.expire_runs()
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
        """Starts a run and yields its events until it ends. Unless it is detached, closing the generator cancels it.

        ResourceExhausted when this process has all the runs that it may have.
        """
        if len(self._live) >= self._limits.most_live:
            raise ResourceExhausted(
                f"{self._limits.most_live} runs are going on already.", reason="TOO_MANY_RUNS", retry_after=5.0
            )
        live = LiveRun(exercise, self._store)
        self._live[live.run_id] = live
        subscription = live.subscribe()
        try:
            await self._store.create_run(exercise, instance=self._instance, lease_seconds=self._limits.lease_seconds)
        except BaseException:
            del self._live[live.run_id]
            raise
        self._spawn(self._run(live, work, detached=detached))
        try:
            async for numbered in self._read_live(live, subscription, 0):
                yield numbered
        finally:
            live.unsubscribe(subscription)
            if not detached:
                live.cancel()

    async def _run(self, live: LiveRun, work: Work, *, detached: bool) -> None:
        if detached:
            # Who asked may leave: their deadline is not the run's.
            context.enter(dataclasses.replace(context.current(), deadline=None))
        try:
            await live.supervise(work, self._limits.longest_seconds)
        finally:
            del self._live[live.run_id]

    async def follow(self, owner: str, run_id: str, after: int) -> AsyncGenerator[Numbered, None]:
        """A run's events with numbers above `after`, as they come, until it ends. NotFound when there is no run."""
        await self._store.expire_runs()
        if await self._store.get_run(owner, run_id) is None:
            raise _no_run(run_id)
        live = self._live.get(run_id)
        if live is None or live.ended.is_set():
            async for numbered in self._read_stored(owner, run_id, after):
                yield numbered
            return
        subscription = live.subscribe()
        try:
            async for numbered in self._read_live(live, subscription, after, catch_up=True):
                yield numbered
        finally:
            live.unsubscribe(subscription)

    async def _read_live(
        self, live: LiveRun, subscription: Subscription, last: int, *, catch_up: bool = False
    ) -> AsyncGenerator[Numbered, None]:
        subscription.lagged = catch_up
        while True:
            if subscription.lagged:
                subscription.lagged = False
                for numbered in await self._store.events_after(live.run_id, last):
                    last = numbered.number
                    yield numbered
                    if isinstance(numbered.event, Done):
                        return
            numbered = await subscription.next()
            if subscription.lagged or numbered.number <= last:
                if isinstance(numbered.event, Done) and not subscription.lagged:
                    return
                continue
            last = numbered.number
            yield numbered
            if isinstance(numbered.event, Done):
                return

    async def _read_stored(self, owner: str, run_id: str, last: int) -> AsyncGenerator[Numbered, None]:
        """Events of a run that another process holds, or nobody any more."""
        while True:
            run = await self._store.get_run(owner, run_id)
            for numbered in await self._store.events_after(run_id, last):
                last = numbered.number
                yield numbered
            if run is None or run.state is not RunState.RUNNING:
                return
            await asyncio.sleep(self._limits.poll_seconds)
            await self._store.expire_runs()

    async def cancel(self, owner: str, run_id: str) -> RunState:
        """Stops a run; the state that it is in then. NotFound when there is no run."""
        await self._store.expire_runs()
        run = await self._store.get_run(owner, run_id)
        if run is None:
            raise _no_run(run_id)
        if run.state is not RunState.RUNNING:
            return run.state
        live = self._live.get(run_id)
        if live is not None:
            live.cancel()
            await live.ended.wait()
        else:
            await self._store.request_cancel(run_id)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2 * self._limits.renew_seconds + 1.0):
                    while run is not None and run.state is RunState.RUNNING:
                        await asyncio.sleep(self._limits.poll_seconds)
                        await self._store.expire_runs()
                        run = await self._store.get_run(owner, run_id)
        run = await self._store.get_run(owner, run_id)
        return run.state if run is not None else RunState.CANCELLED

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._limits.renew_seconds)
            try:
                wanted = await self._store.renew_leases(self._instance, self._limits.lease_seconds)
            except Exception:
                # A store that is away for a while costs at most the runs whose lease ends meanwhile.
                logger.exception("leases could not be renewed")
                continue
            for run_id in wanted & self._live.keys():
                self._live[run_id].cancel()


def _no_run(run_id: str) -> NotFound:
    return NotFound(f"There is no run {run_id}.", reason="RUN_NOT_FOUND", metadata={"run_id": run_id})
