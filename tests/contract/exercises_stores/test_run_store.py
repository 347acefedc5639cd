"""What every store of runs owes the domain."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from services.exercises.ports import ExerciseStore, RunStore
from services.exercises.values.exercise import (
    Done,
    Event,
    ModelGivenUp,
    Numbered,
    Progress,
    QuestionMade,
    QuestionRefused,
    RunPhase,
    RunState,
    Started,
    Usage,
)
from services.exercises.values.question import QuestionKind
from services.kit.errors import Aborted
from services.kit.ids import new_id
from tests.contract.exercises_stores.examples import begun, question


async def test_every_event_comes_back_as_it_was(runs: RunStore) -> None:
    made = await begun(runs)
    events: list[Event] = [
        Started(made.run_id, made.exercise_id),
        Progress(RunPhase.READING, 1, 2),
        QuestionRefused(QuestionKind.TRUE_FALSE, "NO_TRUTH"),
        Usage(10, 20),
    ]
    events.append(ModelGivenUp("PROVIDER_FORBIDDEN", "No."))
    events.append(Done(RunState.DONE, made.exercise_id, 0, 0, 0, 1, "R", "M", "PROVIDER_FORBIDDEN", "No."))
    numbered = [Numbered(number * 10, event) for number, event in enumerate(events, 1)]
    await runs.add_events(made.run_id, numbered[:2])
    await runs.add_events(made.run_id, numbered[2:])
    assert await runs.events_after(made.run_id, 10) == numbered[1:]


async def test_an_exercise_says_how_the_model_of_its_run_failed(exercises: ExerciseStore, runs: RunStore) -> None:
    made, other = await begun(runs), await begun(runs)
    done = Done(RunState.DONE, made.exercise_id, model_reason="MODEL_CUT", model_message="It was cut.")
    await runs.add_events(made.run_id, [Numbered(1, ModelGivenUp("R", "M")), Numbered(2, done)])
    stored = await exercises.get("ann", made.exercise_id)
    running = await exercises.get("ann", other.exercise_id)
    assert stored is not None
    assert running is not None
    assert (stored.model_reason, stored.model_message) == ("MODEL_CUT", "It was cut.")
    assert (running.model_reason, running.model_message) == ("", "")


async def test_a_run_ends_once_and_takes_nothing_after(exercises: ExerciseStore, runs: RunStore) -> None:
    made = await begun(runs)
    await runs.add_events(made.run_id, [Numbered(1, Done(RunState.CANCELLED, made.exercise_id))])
    for late in (Done(RunState.DONE, made.exercise_id), QuestionMade(question(1)), Usage(1, 1)):
        with pytest.raises(Aborted):
            await runs.add_events(made.run_id, [Numbered(2, late)])
    stored = await exercises.get("ann", made.exercise_id)
    assert stored is not None
    assert (stored.run_state, stored.question_count) == (RunState.CANCELLED, 0)
    assert [numbered.number for numbered in await runs.events_after(made.run_id, 0)] == [1]


async def test_events_of_many_runs_at_once_stay_apart_and_an_ended_run_takes_none_with_it(
    exercises: ExerciseStore, runs: RunStore
) -> None:
    made = [await begun(runs) for _ in range(6)]
    await runs.add_events(made[0].run_id, [Numbered(1, Done(RunState.CANCELLED, made[0].exercise_id))])
    asked = [question(number) for number, _ in enumerate(made)]

    async def work(number: int) -> None:
        run = made[number]
        await runs.add_events(run.run_id, [Numbered(2, Usage(number, 0)), Numbered(3, QuestionMade(asked[number]))])
        await runs.add_events(run.run_id, [Numbered(4, Done(RunState.DONE, run.exercise_id, 1))])

    results = await asyncio.gather(*(work(number) for number in range(6)), return_exceptions=True)
    assert [type(result) for result in results] == [Aborted] + [type(None)] * 5
    for number, run in enumerate(made):
        stored = await exercises.get("ann", run.exercise_id)
        assert stored is not None
        assert stored.run_state is (RunState.DONE if number else RunState.CANCELLED)
        assert list(stored.questions) == asked[number : number + 1] * bool(number)
        events = [numbered.event for numbered in await runs.events_after(run.run_id, 1)]
        assert events[:1] == [Usage(number, 0)] * bool(number)
        assert len(events) == 3 * bool(number)


async def test_what_cannot_be_stored_leaves_nothing_of_its_run_and_everything_of_the_others(
    runs: RunStore,
) -> None:
    bad, good = await begun(runs), await begun(runs)
    nul = dataclasses.replace(question(1), stem="\0")
    results = await asyncio.gather(
        runs.add_events(bad.run_id, [Numbered(1, Usage(1, 1)), Numbered(2, QuestionMade(nul))]),
        runs.add_events(good.run_id, [Numbered(1, Usage(2, 2)), Numbered(2, QuestionMade(question(1)))]),
        return_exceptions=True,
    )
    assert isinstance(results[0], Exception)
    assert results[1] is None
    assert await runs.events_after(bad.run_id, 0) == []
    assert len(await runs.events_after(good.run_id, 0)) == 2


async def test_a_run_whose_lease_ran_out_is_interrupted_once(runs: RunStore) -> None:
    dead, alive = await begun(runs, lease=0.01), await begun(runs)
    await runs.add_events(dead.run_id, [Numbered(4, QuestionRefused(QuestionKind.TRUE_FALSE, "NO_TRUTH"))])
    await asyncio.sleep(0.03)
    assert await runs.expire() == [dead.run_id]
    assert await runs.expire() == []
    run = await runs.get("ann", dead.run_id)
    assert run is not None
    assert run.state is RunState.FAILED
    (last,) = await runs.events_after(dead.run_id, 4)
    assert last.number > 100_000
    assert isinstance(done := last.event, Done)
    assert (done.reason, done.rejected_count) == ("INTERRUPTED", 1)
    still = await runs.get("ann", alive.run_id)
    assert still is not None
    assert still.state is RunState.RUNNING


async def test_the_leases_of_the_named_runs_are_renewed_and_cancellations_are_heard(runs: RunStore) -> None:
    made, other = await begun(runs, lease=0.05), await begun(runs, lease=0.05)
    assert await runs.renew_leases([], 60) == set()
    assert await runs.renew_leases([made.run_id, new_id()], 60) == set()
    await asyncio.sleep(0.08)
    assert await runs.expire() == [other.run_id]
    await runs.request_cancel(made.run_id)
    await runs.request_cancel(new_id())
    assert await runs.renew_leases([made.run_id, other.run_id], 60) == {made.run_id}
