"""What every store of exercises owes the domain."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from services.exercises.ports import ExerciseStore, RunStore, SubmissionStore
from services.exercises.values.exercise import (
    Done,
    Numbered,
    QuestionMade,
    RunState,
    Usage,
)
from services.exercises.values.submission import Submission
from services.kit.errors import Aborted
from services.kit.ids import new_id
from tests.contract.exercises_stores.conftest import Stores
from tests.contract.exercises_stores.examples import begun, question


async def test_a_new_exercise_is_there_without_questions_and_running(exercises: ExerciseStore, runs: RunStore) -> None:
    made = await begun(runs)
    stored = await exercises.get("ann", made.exercise_id)
    assert stored is not None
    assert dataclasses.replace(stored, create_time=made.create_time) == made
    run = await runs.get("ann", made.run_id)
    assert run is not None
    assert (run.exercise_id, run.state) == (made.exercise_id, RunState.RUNNING)


async def test_questions_come_back_as_they_were_in_order_and_are_counted(
    exercises: ExerciseStore, runs: RunStore
) -> None:
    made = await begun(runs)
    questions = [question(number) for number in (1, 2, 3)]
    for number, added in enumerate(questions, 5):
        await runs.add_events(made.run_id, [Numbered(number, QuestionMade(added))])
    stored = await exercises.get("ann", made.exercise_id)
    assert stored is not None
    assert list(stored.questions) == questions
    assert (stored.question_count, stored.points) == (3, 4.5)
    assert await runs.events_after(made.run_id, 5) == [
        Numbered(6, QuestionMade(questions[1])),
        Numbered(7, QuestionMade(questions[2])),
    ]


async def test_owners_do_not_see_each_other(exercises: ExerciseStore, runs: RunStore) -> None:
    made = await begun(runs)
    assert await exercises.get("bob", made.exercise_id) is None
    assert await runs.get("bob", made.run_id) is None
    assert await exercises.delete("bob", made.exercise_id) is None
    assert (await exercises.list("bob", limit=5, before=None)).exercises == ()
    assert await exercises.get("ann", made.exercise_id) is not None


async def test_pages_are_newest_first_and_whole(exercises: ExerciseStore, runs: RunStore) -> None:
    ids = [(await begun(runs)).exercise_id for _ in range(5)]
    await begun(runs, "bob")
    seen: list[str] = []
    before: str | None = None
    for size in (2, 2, 1):
        page = await exercises.list("ann", limit=2, before=before)
        assert len(page.exercises) == size
        seen += [e.exercise_id for e in page.exercises]
        before = page.next_before
    assert before is None
    assert seen == ids[::-1]


async def test_delete_takes_everything_with_it(
    stores: Stores, exercises: ExerciseStore, runs: RunStore, submissions: SubmissionStore
) -> None:
    made, other = await begun(runs), await begun(runs)
    await runs.add_events(made.run_id, [Numbered(1, QuestionMade(question(1)))])
    submission = Submission(new_id(), made.exercise_id, "ann", (), datetime.now(UTC))
    assert await submissions.add(submission)
    assert await exercises.delete("ann", made.exercise_id) == made.run_id
    assert await exercises.get("ann", made.exercise_id) is None
    assert await runs.get("ann", made.run_id) is None
    assert await runs.events_after(made.run_id, 0) == []
    assert await stores.stored_submissions() == []
    assert await exercises.delete("ann", made.exercise_id) is None
    assert not await submissions.add(submission)
    for late in (Usage(1, 1), Done(RunState.DONE, made.exercise_id)):
        with pytest.raises(Aborted):
            await runs.add_events(made.run_id, [Numbered(2, late)])
    assert await exercises.get("ann", other.exercise_id) is not None
