"""Everything in memory: for tests, and for trying the service without a database."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.exercises.adapters.stores.expiry import interrupted, run_ended
from services.exercises.values.events import Done, Event, Numbered, QuestionMade
from services.exercises.values.exercise import Exercise, ExercisePage
from services.exercises.values.profile import Profile
from services.exercises.values.question import Question
from services.exercises.values.run import RunRow, RunState
from services.exercises.values.submission import Submission


@dataclasses.dataclass(slots=True)
class _Run:
    row: RunRow
    instance: str
    lease_until: datetime
    cancel_requested: bool = False
    events: dict[int, Event] = dataclasses.field(default_factory=dict)


class MemoryExerciseStore:
    """`ports.ExerciseStore` in memory."""

    def __init__(self) -> None:
        self._exercises: dict[str, Exercise] = {}
        self._questions: dict[str, list[Question]] = {}
        self._runs: dict[str, _Run] = {}
        self._submissions: dict[str, Submission] = {}

    async def create_run(self, exercise: Exercise, *, instance: str, lease_seconds: float) -> None:
        """See `ports.ExerciseStore`."""
        self._exercises[exercise.exercise_id] = exercise
        self._questions[exercise.exercise_id] = []
        row = RunRow(exercise.run_id, exercise.exercise_id, exercise.owner, RunState.RUNNING, exercise.create_time)
        self._runs[exercise.run_id] = _Run(row, instance, _now() + timedelta(seconds=lease_seconds))

    async def add_events(self, run_id: str, events: Sequence[Numbered]) -> None:
        """See `ports.ExerciseStore`."""
        run = self._runs.get(run_id)
        if run is None or run.row.state is not RunState.RUNNING:
            raise run_ended()
        for numbered in events:
            run.events[numbered.number] = numbered.event
            match numbered.event:
                case QuestionMade(question):
                    self._questions[run.row.exercise_id].append(question)
                case Done(state):
                    run.row = dataclasses.replace(run.row, state=state)

    async def renew_leases(self, instance: str, lease_seconds: float) -> set[str]:
        """See `ports.ExerciseStore`."""
        mine = [r for r in self._runs.values() if r.instance == instance and r.row.state is RunState.RUNNING]
        for run in mine:
            run.lease_until = _now() + timedelta(seconds=lease_seconds)
        return {run.row.run_id for run in mine if run.cancel_requested}

    async def expire_runs(self) -> list[str]:
        """See `ports.ExerciseStore`."""
        expired = [r for r in self._runs.values() if r.row.state is RunState.RUNNING and r.lease_until < _now()]
        for run in expired:
            done = interrupted(run.row.exercise_id, _events(run, 0))
            await self.add_events(run.row.run_id, [done])
        return [run.row.run_id for run in expired]

    async def request_cancel(self, run_id: str) -> None:
        """See `ports.ExerciseStore`."""
        if run_id in self._runs:
            self._runs[run_id].cancel_requested = True

    async def get_run(self, owner: str, run_id: str) -> RunRow | None:
        """See `ports.ExerciseStore`."""
        run = self._runs.get(run_id)
        return run.row if run is not None and run.row.owner == owner else None

    async def events_after(self, run_id: str, number: int) -> list[Numbered]:
        """See `ports.ExerciseStore`."""
        run = self._runs.get(run_id)
        return _events(run, number) if run is not None else []

    async def get_exercise(self, owner: str, exercise_id: str) -> Exercise | None:
        """See `ports.ExerciseStore`."""
        exercise = self._exercises.get(exercise_id)
        return self._counted(exercise, questions=True) if exercise and exercise.owner == owner else None

    def _counted(self, exercise: Exercise, *, questions: bool) -> Exercise:
        own = sorted(self._questions[exercise.exercise_id], key=lambda question: question.number)
        return dataclasses.replace(
            exercise,
            run_state=self._runs[exercise.run_id].row.state,
            question_count=len(own),
            points=sum(question.points for question in own),
            questions=tuple(own) if questions else (),
        )

    async def list_exercises(self, owner: str, *, limit: int, before: str | None) -> ExercisePage:
        """See `ports.ExerciseStore`."""
        ids = sorted((e.exercise_id for e in self._exercises.values() if e.owner == owner), reverse=True)
        ids = [exercise_id for exercise_id in ids if before is None or exercise_id < before]
        page = tuple(self._counted(self._exercises[exercise_id], questions=False) for exercise_id in ids[:limit])
        return ExercisePage(page, page[-1].exercise_id if len(ids) > limit else None)

    async def delete_exercise(self, owner: str, exercise_id: str) -> str | None:
        """See `ports.ExerciseStore`."""
        exercise = self._exercises.get(exercise_id)
        if exercise is None or exercise.owner != owner:
            return None
        del self._exercises[exercise_id], self._questions[exercise_id], self._runs[exercise.run_id]
        self._submissions = {k: s for k, s in self._submissions.items() if s.exercise_id != exercise_id}
        return exercise.run_id

    async def add_submission(self, submission: Submission) -> bool:
        """See `ports.ExerciseStore`."""
        if submission.exercise_id not in self._exercises:
            return False
        self._submissions[submission.submission_id] = submission
        return True

    async def get_submission(self, owner: str, submission_id: str) -> Submission | None:
        """See `ports.ExerciseStore`."""
        submission = self._submissions.get(submission_id)
        return submission if submission is not None and submission.owner == owner else None

    async def ping(self) -> None:
        """Always there."""


class MemoryProfileStore:
    """`ports.ProfileStore` in memory."""

    def __init__(self) -> None:
        self._profiles: dict[str, Profile] = {}

    async def get_or_create(self, user_id: str) -> Profile:
        """See `ports.ProfileStore`."""
        return self._profiles.setdefault(user_id, Profile(user_id, _now(), _now()))

    async def update(self, user_id: str, changes: Mapping[str, str | int]) -> Profile:
        """See `ports.ProfileStore`."""
        values: dict[str, Any] = dict(changes)
        profile = dataclasses.replace(await self.get_or_create(user_id), update_time=_now(), **values)
        self._profiles[user_id] = profile
        return profile


def _events(run: _Run, after: int) -> list[Numbered]:
    return [Numbered(number, event) for number, event in sorted(run.events.items()) if number > after]


def _now() -> datetime:
    return datetime.now(UTC)
