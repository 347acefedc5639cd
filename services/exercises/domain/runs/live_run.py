"""A run that this process works at, and the readers of its events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

from services.common.model_failures import NONE, WRITTEN, ModelFailure
from services.exercises.domain.runs.event_log import RunEventLog
from services.exercises.ports import RunStore
from services.exercises.values import exercise as events
from services.exercises.values.exercise import Done, Event, Exercise, Numbered, Passing, RunState
from services.exercises.values.question import Generator
from services.exercises.values.refusal import CLOZE_NOTICES, Refusal
from services.kit.errors import Aborted, TikuError
from services.language.detection import LANGUAGES

logger = logging.getLogger(__name__)

NUMBER_GAP = 1_000_000
"""Distance from the last stored event to the one that ends an interrupted run. Tokens had numbers and were not stored;
a reader who saw them must still find the end above the last number it saw."""


class RunTally:
    """The questions of a run, counted from its events."""

    def __init__(self) -> None:
        self._made: Counter[Generator] = Counter()
        self._wanted = 0
        self._refused: Counter[str] = Counter()
        self._failed = NONE
        """The latest error of a call to the model."""
        self._given_up = NONE
        self.language_is_served = True
        """Whether questions without a model were not refused for the material's language."""

    @property
    def question_count(self) -> int:
        """Questions that were made."""
        return self._made.total()

    def add(self, event: Event) -> None:
        """Count an event."""
        match event:
            case events.QuestionMade():
                self._made[event.question.generator] += 1
            case events.QuestionRefused() if event.reason not in CLOZE_NOTICES:
                self._refused[event.reason] += 1
                self._failed = ModelFailure(event.model_reason, event.model_message) or self._failed
            case events.QuestionRefused():
                self.language_is_served &= event.reason != Refusal.LANGUAGE_NOT_SERVED
            case events.ModelGivenUp():
                self._given_up = ModelFailure(event.reason, event.message)
            case events.Progress(events.RunPhase.GENERATING):
                self._wanted = event.total

    def model_failure(self) -> ModelFailure:
        """Return why the model did not make every question that was wanted; none where it did, or was not asked."""
        if self._given_up or not self._refused or self._made[Generator.MODEL] >= self._wanted:
            return self._given_up
        (reason, _), *_ = self._refused.most_common(1)
        if reason == Refusal.MODEL_FAILED:
            return self._failed or ModelFailure(reason, "The model failed.")
        message = f"What the model wrote did not pass the checks, most often for {reason}."
        return WRITTEN.get(reason) or ModelFailure("MODEL_QUESTIONS_REFUSED", message)

    def done(self, exercise_id: str, state: RunState, reason: str, message: str) -> Done:
        """Return the last event of a run that ends in `state`."""
        failure = self._given_up if state is RunState.CANCELLED else self.model_failure()
        return Done(
            state=state,
            exercise_id=exercise_id,
            question_count=self.question_count,
            model_count=self._made[Generator.MODEL],
            cloze_count=self._made[Generator.CLOZE],
            rejected_count=self._refused.total(),
            reason=reason,
            message=message,
            model_reason=failure.reason,
            model_message=failure.message,
        )


def interrupted(exercise_id: str, stored: Sequence[Numbered]) -> Numbered:
    """Return the last event of a run whose process died after it had stored these events."""
    tally = RunTally()
    for numbered in stored:
        tally.add(numbered.event)
    done = tally.done(exercise_id, RunState.FAILED, "INTERRUPTED", "The process that worked at the run ended.")
    return Numbered((stored[-1].number if stored else 0) + NUMBER_GAP, done)


Work = Callable[[Callable[[Event], Awaitable[None]]], Awaitable[None]]
"""What a run does, given where to publish its events."""

_MAX_WAITING = 512
"""Events that wait for one reader; a slower one loses passing events first, and reads the rest from the store."""
_SHUTDOWN_SECONDS = 2.0
"""Time to store how a run ended when the process is asked to stop."""


class RunSubscription:
    """One reader's queue of a live run's events."""

    def __init__(self, *, lagged: bool) -> None:
        self._queue: asyncio.Queue[Numbered] = asyncio.Queue(_MAX_WAITING)
        self.lagged = lagged
        """Whether stored events are missing; the reader must look into the store."""

    def offer(self, numbered: Numbered) -> None:
        """Queue an event without ever waiting for the reader."""
        if self._queue.full():
            if isinstance(numbered.event, Passing):
                return
            while not self._queue.empty():
                self._queue.get_nowait()
            self.lagged = True
        self._queue.put_nowait(numbered)

    async def next(self) -> Numbered:
        """Return the next event."""
        return await self._queue.get()


class LiveRun:
    """A run that this process works at."""

    def __init__(self, exercise: Exercise, store: RunStore) -> None:
        self.exercise = exercise
        self._store_events = partial(store.add_events, exercise.run_id)
        self._log = RunEventLog(self._store_events, self._deliver, self._fail)
        self._published = RunTally()
        self._delivered = RunTally()
        self._storing_error: Exception | None = None
        self._subscriptions: set[RunSubscription] = set()
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self.ended = asyncio.Event()
        """Set once the last event is delivered."""

    async def publish(self, event: Event) -> None:
        """Publish an event: readers get it once it is stored, a passing one at once.

        This waits only while many events are on their way. An event that cannot be stored ends the run.
        """
        if self._storing_error is not None:
            raise self._storing_error
        self._published.add(event)
        self._log.publish(event)
        await self._log.wait_for_capacity()

    def _deliver(self, numbered: Numbered) -> None:
        self._delivered.add(numbered.event)
        for subscription in self._subscriptions:
            subscription.offer(numbered)
        if isinstance(numbered.event, Done):
            self.ended.set()

    def _fail(self, error: Exception) -> None:
        self._storing_error = error
        if self._task is not None:
            self._task.cancel()

    @contextlib.contextmanager
    def subscribed(self, *, lagged: bool = False) -> Iterator[RunSubscription]:
        """Queue the events that come during the block; `lagged` when earlier ones are to be read from the store."""
        subscription = RunSubscription(lagged=lagged)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def cancel(self) -> None:
        """Stop the work at its next await; a run that has ended stays as it is."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def supervise(self, work: Work, max_seconds: float) -> None:
        """Work, and store how the run ended, whatever happens."""
        task = self._task = asyncio.create_task(self._work(work, max_seconds))
        if self._cancelled:
            task.cancel()
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SHUTDOWN_SECONDS):
                    await self._finish(RunState.FAILED, "INTERRUPTED", "The service stopped.")
            raise
        else:
            await self._finish(*self._outcome(task))
        finally:
            self._log.close()

    async def _work(self, work: Work, max_seconds: float) -> None:
        async with asyncio.timeout(max_seconds):
            await self.publish(events.Started(self.exercise.run_id, self.exercise.exercise_id))
            # A reader knows the run, so that it can be stopped, and the store is there, before a model is asked.
            await self._log.flush()
            await work(self.publish)

    def _outcome(self, task: asyncio.Task[None]) -> tuple[RunState, str, str]:
        """Return state, reason and message of a run whose work ended."""
        if task.cancelled():
            return RunState.CANCELLED, "", ""
        error = task.exception()
        if error is not None:
            return self._failure(error)
        if self._published.question_count:
            return RunState.DONE, "", ""
        if failure := self._published.model_failure():
            return RunState.FAILED, failure.reason, f"No question was made. {failure.message}"
        if not self._published.language_is_served:
            codes = ", ".join(sorted(language.code for language in LANGUAGES))
            message = f"Without a model, questions are made from material in these languages only: {codes}."
            return RunState.FAILED, Refusal.LANGUAGE_NOT_SERVED.value, message
        return RunState.FAILED, "NO_QUESTIONS", "The material gave no question of the wanted kinds."

    def _failure(self, error: BaseException) -> tuple[RunState, str, str]:
        match error:
            case TikuError():
                return RunState.FAILED, error.reason, error.message
            case TimeoutError():
                return RunState.FAILED, "RUN_TOO_LONG", "The run took too long."
            case _:
                logger.error("run failed", exc_info=error, extra={"run_id": self.exercise.run_id})
                return RunState.FAILED, "INTERNAL", "Something went wrong on our side."

    async def _finish(self, state: RunState, reason: str, message: str) -> None:
        """Publish the end of the run; where its events cannot be stored, end it with those that were delivered."""
        if self._storing_error is None:
            self._log.publish(self._published.done(self.exercise.exercise_id, state, reason, message))
            await self._log.flush()
        if self._storing_error is not None:
            await self._finish_failed(self._storing_error)

    async def _finish_failed(self, error: Exception) -> None:
        done = self._delivered.done(self.exercise.exercise_id, *self._failure(error))
        numbered = Numbered(self._log.next_number(), done)
        try:
            await self._store_events([numbered])
        except Aborted:
            logger.warning("run was ended elsewhere", extra={"run_id": self.exercise.run_id})
        except Exception:
            # The lease runs out, and whoever looks next ends the run; its readers need not wait for that.
            logger.exception("the end of a run could not be stored", extra={"run_id": self.exercise.run_id})
        self._deliver(numbered)
