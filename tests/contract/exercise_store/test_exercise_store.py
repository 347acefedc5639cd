"""What every store of exercises and profiles owes the domain."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime

import pytest

from services.exercises.adapters.stores.postgres import PostgresExerciseStore
from services.exercises.domain.grading.objective import make_grade
from services.exercises.ports import ExerciseStore, ProfileStore
from services.exercises.values.events import (
    Done,
    Event,
    Numbered,
    Progress,
    QuestionMade,
    QuestionRefused,
    RunPhase,
    Started,
    Usage,
)
from services.exercises.values.exercise import Exercise
from services.exercises.values.question import AnswerKey, Generator, Option, Question, QuestionKind, RubricPoint, Source
from services.exercises.values.run import RunState
from services.exercises.values.submission import Submission, Verdict
from services.kit.errors import Aborted
from services.kit.ids import new_id


def exercise(owner: str = "ann", title: str = "光合作用") -> Exercise:
    return Exercise(new_id(), new_id(), owner, title, "zh", (new_id(), new_id()), datetime.now(UTC))


def question(number: int) -> Question:
    return Question(
        question_id=new_id(),
        number=number,
        kind=QuestionKind.SINGLE_CHOICE,
        stem='题干 "引号" \' 😀',
        options=(Option("A", "甲"), Option("B", "乙")),
        answer_key=AnswerKey(
            option_keys=("A",), truth=None, blanks=(("a", "b"), ("c",)), rubric=(RubricPoint("p", 1.5),)
        ),
        explanation="解释",
        source=Source(3, 9, "引文。", 2, new_id(), "文档.pdf", new_id()),
        generator=Generator.MODEL,
        model="m",
        points=1.5,
    )


async def begun(store: ExerciseStore, owner: str = "ann", lease: float = 60.0) -> Exercise:
    made = exercise(owner)
    await store.create_run(made, instance="one", lease_seconds=lease)
    return made


async def test_a_new_exercise_is_there_without_questions_and_running(store: ExerciseStore) -> None:
    made = await begun(store)
    stored = await store.get_exercise("ann", made.exercise_id)
    assert stored is not None
    assert dataclasses.replace(stored, create_time=made.create_time) == made
    run = await store.get_run("ann", made.run_id)
    assert run is not None
    assert (run.exercise_id, run.state) == (made.exercise_id, RunState.RUNNING)


async def test_questions_come_back_as_they_were_in_order_and_are_counted(store: ExerciseStore) -> None:
    made = await begun(store)
    questions = [question(number) for number in (1, 2, 3)]
    for number, added in enumerate(questions, 5):
        await store.add_events(made.run_id, [Numbered(number, QuestionMade(added))])
    stored = await store.get_exercise("ann", made.exercise_id)
    assert stored is not None
    assert list(stored.questions) == questions
    assert (stored.question_count, stored.points) == (3, 4.5)
    assert await store.events_after(made.run_id, 5) == [
        Numbered(6, QuestionMade(questions[1])),
        Numbered(7, QuestionMade(questions[2])),
    ]


async def test_every_event_comes_back_as_it_was(store: ExerciseStore) -> None:
    made = await begun(store)
    events: list[Event] = [
        Started(made.run_id, made.exercise_id),
        Progress(RunPhase.READING, 1, 2),
        QuestionRefused(QuestionKind.TRUE_FALSE, "NO_TRUTH"),
        Usage(10, 20),
    ]
    events.append(Done(RunState.DONE, made.exercise_id, 0, 0, 0, 1, "R", "M"))
    numbered = [Numbered(number * 10, event) for number, event in enumerate(events, 1)]
    await store.add_events(made.run_id, numbered[:2])
    await store.add_events(made.run_id, numbered[2:])
    assert await store.events_after(made.run_id, 10) == numbered[1:]


async def test_a_run_ends_once_and_takes_nothing_after(store: ExerciseStore) -> None:
    made = await begun(store)
    await store.add_events(made.run_id, [Numbered(1, Done(RunState.CANCELLED, made.exercise_id))])
    for late in (Done(RunState.DONE, made.exercise_id), QuestionMade(question(1)), Usage(1, 1)):
        with pytest.raises(Aborted):
            await store.add_events(made.run_id, [Numbered(2, late)])
    stored = await store.get_exercise("ann", made.exercise_id)
    assert stored is not None
    assert (stored.run_state, stored.question_count) == (RunState.CANCELLED, 0)
    assert [numbered.number for numbered in await store.events_after(made.run_id, 0)] == [1]


async def test_events_of_many_runs_at_once_stay_apart_and_an_ended_run_takes_none_with_it(store: ExerciseStore) -> None:
    runs = [await begun(store) for _ in range(6)]
    await store.add_events(runs[0].run_id, [Numbered(1, Done(RunState.CANCELLED, runs[0].exercise_id))])
    asked = [question(number) for number, _ in enumerate(runs)]

    async def work(number: int) -> None:
        run = runs[number]
        await store.add_events(run.run_id, [Numbered(2, Usage(number, 0)), Numbered(3, QuestionMade(asked[number]))])
        await store.add_events(run.run_id, [Numbered(4, Done(RunState.DONE, run.exercise_id, 1))])

    results = await asyncio.gather(*(work(number) for number in range(6)), return_exceptions=True)
    assert [type(result) for result in results] == [Aborted] + [type(None)] * 5
    for number, run in enumerate(runs):
        stored = await store.get_exercise("ann", run.exercise_id)
        assert stored is not None
        assert stored.run_state is (RunState.DONE if number else RunState.CANCELLED)
        assert list(stored.questions) == asked[number : number + 1] * bool(number)
        events = [numbered.event for numbered in await store.events_after(run.run_id, 1)]
        assert events[:1] == [Usage(number, 0)] * bool(number)
        assert len(events) == 3 * bool(number)


async def test_what_cannot_be_stored_leaves_nothing_of_its_run_and_everything_of_the_others(
    store: ExerciseStore,
) -> None:
    if not isinstance(store, PostgresExerciseStore):
        pytest.skip("a dictionary takes everything")
    bad, good = await begun(store), await begun(store)
    nul = dataclasses.replace(question(1), stem="\0")
    results = await asyncio.gather(
        store.add_events(bad.run_id, [Numbered(1, Usage(1, 1)), Numbered(2, QuestionMade(nul))]),
        store.add_events(good.run_id, [Numbered(1, Usage(2, 2)), Numbered(2, QuestionMade(question(1)))]),
        return_exceptions=True,
    )
    assert isinstance(results[0], Exception)
    assert results[1] is None
    assert await store.events_after(bad.run_id, 0) == []
    assert len(await store.events_after(good.run_id, 0)) == 2


async def test_owners_do_not_see_each_other(store: ExerciseStore) -> None:
    made = await begun(store)
    assert await store.get_exercise("bob", made.exercise_id) is None
    assert await store.get_run("bob", made.run_id) is None
    assert await store.delete_exercise("bob", made.exercise_id) is None
    assert (await store.list_exercises("bob", limit=5, before=None)).exercises == ()
    assert await store.get_exercise("ann", made.exercise_id) is not None


async def test_pages_are_newest_first_and_whole(store: ExerciseStore) -> None:
    ids = [(await begun(store)).exercise_id for _ in range(5)]
    await begun(store, "bob")
    seen: list[str] = []
    before: str | None = None
    for size in (2, 2, 1):
        page = await store.list_exercises("ann", limit=2, before=before)
        assert len(page.exercises) == size
        seen += [e.exercise_id for e in page.exercises]
        before = page.next_before
    assert before is None
    assert seen == ids[::-1]


async def test_delete_takes_everything_with_it(store: ExerciseStore) -> None:
    made, other = await begun(store), await begun(store)
    await store.add_events(made.run_id, [Numbered(1, QuestionMade(question(1)))])
    submission = Submission(new_id(), made.exercise_id, "ann", (), datetime.now(UTC))
    assert await store.add_submission(submission)
    assert await store.delete_exercise("ann", made.exercise_id) == made.run_id
    assert await store.get_exercise("ann", made.exercise_id) is None
    assert await store.get_run("ann", made.run_id) is None
    assert await store.events_after(made.run_id, 0) == []
    assert await store.get_submission("ann", submission.submission_id) is None
    assert await store.delete_exercise("ann", made.exercise_id) is None
    assert not await store.add_submission(submission)
    for late in (Usage(1, 1), Done(RunState.DONE, made.exercise_id)):
        with pytest.raises(Aborted):
            await store.add_events(made.run_id, [Numbered(2, late)])
    assert await store.get_exercise("ann", other.exercise_id) is not None


async def test_submissions_come_back_as_they_were(store: ExerciseStore) -> None:
    made = await begun(store)
    asked = question(1)
    grades = (make_grade(asked, 1.5, Verdict.CORRECT), make_grade(asked, None, Verdict.NEEDS_REVIEW, feedback="看"))
    submission = Submission(new_id(), made.exercise_id, "ann", grades, datetime.now(UTC))
    assert await store.add_submission(submission)
    stored = await store.get_submission("ann", submission.submission_id)
    assert stored == submission
    assert stored is not None
    assert (stored.points, stored.max_points, stored.needs_review_count) == (1.5, 3.0, 1)
    assert await store.get_submission("bob", submission.submission_id) is None


async def test_a_run_whose_lease_ran_out_is_interrupted_once(store: ExerciseStore) -> None:
    dead, alive = await begun(store, lease=0.01), await begun(store)
    await store.add_events(dead.run_id, [Numbered(4, QuestionRefused(QuestionKind.TRUE_FALSE, "NO_TRUTH"))])
    await asyncio.sleep(0.03)
    assert await store.expire_runs() == [dead.run_id]
    assert await store.expire_runs() == []
    run = await store.get_run("ann", dead.run_id)
    assert run is not None
    assert run.state is RunState.FAILED
    (last,) = await store.events_after(dead.run_id, 4)
    assert last.number > 100_000
    assert isinstance(done := last.event, Done)
    assert (done.reason, done.rejected_count) == ("INTERRUPTED", 1)
    still = await store.get_run("ann", alive.run_id)
    assert still is not None
    assert still.state is RunState.RUNNING


async def test_leases_are_renewed_by_instance_and_cancellations_are_heard(store: ExerciseStore) -> None:
    made = await begun(store, lease=0.05)
    assert await store.renew_leases("two", 60) == set()
    assert await store.renew_leases("one", 60) == set()
    await asyncio.sleep(0.08)
    assert await store.expire_runs() == []
    await store.request_cancel(made.run_id)
    await store.request_cancel(new_id())
    assert await store.renew_leases("one", 60) == {made.run_id}


async def test_a_profile_is_made_on_first_use_and_changes_field_by_field(profiles: ProfileStore) -> None:
    first = await profiles.get_or_create("ann")
    assert (first.user_id, first.display_name, first.daily_question_goal) == ("ann", "", 0)
    assert await profiles.get_or_create("ann") == first
    changed = await profiles.update("ann", {"display_name": "安", "daily_question_goal": 20})
    assert (changed.display_name, changed.daily_question_goal, changed.goal) == ("安", 20, "")
    assert changed.update_time > first.update_time
    cleared = await profiles.update("ann", {"display_name": "", "goal": "exam"})
    assert (cleared.display_name, cleared.daily_question_goal, cleared.goal) == ("", 20, "exam")
    assert cleared.create_time == first.create_time
    assert (await profiles.update("bob", {"language": "zh-CN"})).language == "zh-CN"
