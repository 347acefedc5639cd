"""The stores in memory: for tests, and for trying the service without a database."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from services.exercises.domain.errors import run_ended
from services.exercises.domain.runs.live_run import interrupted
from services.exercises.values.exercise import (
    Done,
    Event,
    Exercise,
    ExercisePage,
    Numbered,
    QuestionMade,
    RunRow,
    RunState,
)
from services.exercises.values.profile import Profile
from services.exercises.values.submission import Submission


@dataclasses.dataclass(slots=True)
class _Run:
    row: RunRow
    instance: str
    lease_until: datetime
    cancel_requested: bool = False
    events: dict[int, Event] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(slots=True)
class FakeDatabase:
    """What the stores share; the keys are ids."""

    exercises: dict[str, Exercise] = dataclasses.field(default_factory=dict)
    runs: dict[str, _Run] = dataclasses.field(default_factory=dict)
    submissions: dict[str, Submission] = dataclasses.field(default_factory=dict)


class FakeExerciseStore:
    """Exercises in memory."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    async def get(self, owner: str, exercise_id: str) -> Exercise | None:
        """Look an exercise up and count its questions."""
        exercise = self._database.exercises.get(exercise_id)
        return self._counted(exercise) if exercise is not None and exercise.owner == owner else None

    async def list(self, owner: str, *, limit: int, before: str | None) -> ExercisePage:
        """Sort by id: ids rise with time."""
        mine = [e for e in self._database.exercises.values() if e.owner == owner]
        older = sorted(e.exercise_id for e in mine if before is None or e.exercise_id < before)[::-1]
        counted = (self._counted(self._database.exercises[exercise_id]) for exercise_id in older[:limit])
        page = tuple(dataclasses.replace(exercise, questions=()) for exercise in counted)
        return ExercisePage(page, page[-1].exercise_id if len(older) > limit else None)

    async def delete(self, owner: str, exercise_id: str) -> str | None:
        """Remove an exercise and what belongs to it."""
        exercise = self._database.exercises.get(exercise_id)
        if exercise is None or exercise.owner != owner:
            return None
        del self._database.exercises[exercise_id], self._database.runs[exercise.run_id]
        for submission in [s for s in self._database.submissions.values() if s.exercise_id == exercise_id]:
            del self._database.submissions[submission.submission_id]
        return exercise.run_id

    def _counted(self, exercise: Exercise) -> Exercise:
        run = self._database.runs[exercise.run_id]
        made = [event.question for event in run.events.values() if isinstance(event, QuestionMade)]
        questions = tuple(sorted(made, key=lambda question: question.number))
        done = next((event for event in run.events.values() if isinstance(event, Done)), None)
        return dataclasses.replace(
            exercise,
            run_state=run.row.state,
            question_count=len(questions),
            points=sum(question.points for question in questions),
            questions=questions,
            model_reason=done.model_reason if done else "",
            model_message=done.model_message if done else "",
        )


class FakeRunStore:
    """Runs in memory."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    async def create(self, exercise: Exercise, *, instance: str, lease_seconds: float) -> None:
        """Keep an exercise and its run."""
        self._database.exercises[exercise.exercise_id] = exercise
        row = RunRow(exercise.run_id, exercise.exercise_id, exercise.owner, RunState.RUNNING, exercise.create_time)
        self._database.runs[exercise.run_id] = _Run(row, instance, _now() + timedelta(seconds=lease_seconds))

    async def add_events(self, run_id: str, events: Sequence[Numbered]) -> None:
        """Keep events under their numbers."""
        run = self._database.runs.get(run_id)
        if run is None or run.row.state is not RunState.RUNNING:
            raise run_ended()
        if b"\\u0000" in msgspec.json.encode([numbered.event for numbered in events]):
            raise ValueError("PostgreSQL takes no text with a NUL.")
        for numbered in events:
            run.events[numbered.number] = numbered.event
            if isinstance(numbered.event, Done):
                run.row = dataclasses.replace(run.row, state=numbered.event.state)

    async def events_after(self, run_id: str, number: int) -> list[Numbered]:
        """Sort events by their numbers."""
        run = self._database.runs.get(run_id)
        events = sorted(run.events.items()) if run is not None else []
        return [Numbered(own, event) for own, event in events if own > number]

    async def get(self, owner: str, run_id: str) -> RunRow | None:
        """Look a run up."""
        run = self._database.runs.get(run_id)
        return run.row if run is not None and run.row.owner == owner else None

    async def request_cancel(self, run_id: str) -> None:
        """Set a run's flag."""
        if run_id in self._database.runs:
            self._database.runs[run_id].cancel_requested = True

    async def renew_leases(self, run_ids: Collection[str], lease_seconds: float) -> set[str]:
        """Renew leases by this process's clock."""
        mine = [run for run in self._running() if run.row.run_id in run_ids]
        for run in mine:
            run.lease_until = _now() + timedelta(seconds=lease_seconds)
        return {run.row.run_id for run in mine if run.cancel_requested}

    async def expire(self) -> list[str]:
        """End runs by this process's clock."""
        expired = [run.row for run in self._running() if run.lease_until < _now()]
        for row in expired:
            await self.add_events(row.run_id, [interrupted(row.exercise_id, await self.events_after(row.run_id, 0))])
        return [row.run_id for row in expired]

    def _running(self) -> list[_Run]:
        return [run for run in self._database.runs.values() if run.row.state is RunState.RUNNING]


class FakeSubmissionStore:
    """Submissions in memory."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    async def add(self, submission: Submission) -> bool:
        """Keep a submission of an exercise that is there."""
        if submission.exercise_id not in self._database.exercises:
            return False
        self._database.submissions[submission.submission_id] = submission
        return True


class FakeProfileStore:
    """Profiles in memory."""

    def __init__(self) -> None:
        self._profiles: dict[str, Profile] = {}

    async def get_or_create(self, user_id: str) -> Profile:
        """Look a profile up, or make an empty one."""
        return self._profiles.setdefault(user_id, Profile(user_id, _now(), _now()))

    async def update(self, user_id: str, changes: Mapping[str, str | int]) -> Profile:
        """Replace a profile by one with the changes."""
        values: dict[str, Any] = dict(changes)
        profile = dataclasses.replace(await self.get_or_create(user_id), update_time=_now(), **values)
        self._profiles[user_id] = profile
        return profile


def _now() -> datetime:
    return datetime.now(UTC)
