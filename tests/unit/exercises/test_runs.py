"""Runs: numbered events, readers that come and go, cancellation, processes that die."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest

from services.common.values import Source
from services.exercises.adapters.stores.fake import FakeDatabase, FakeExerciseStore, FakeRunStore
from services.exercises.domain.runs.runs import RunLimits, Runs
from services.exercises.values.exercise import (
    Done,
    Event,
    Exercise,
    ModelGivenUp,
    Numbered,
    Progress,
    QuestionMade,
    QuestionRefused,
    RunPhase,
    RunState,
    Started,
    Token,
)
from services.exercises.values.question import AnswerKey, Generator, Question, QuestionKind
from services.kit.errors import NotFound, ResourceExhausted, Unavailable
from services.kit.ids import new_id
from tests.waiting import at_once, eventually

FAST = RunLimits(renew_seconds=0.01, poll_seconds=0.01, lease_seconds=0.2)
Publish = Callable[[Event], Awaitable[None]]


def exercise() -> Exercise:
    return Exercise(new_id(), new_id(), "ann", "Title", "en", (), datetime.now(UTC))


def question(number: int) -> Question:
    return Question(
        new_id(), number, QuestionKind.TRUE_FALSE, f"s{number}", (), AnswerKey(truth=True), "e", Source(0, 1, "q"),
        Generator.CLOZE, "", 1.0,
    )  # fmt: skip


async def two_questions(publish: Publish) -> None:
    await publish(Token("a"))
    await publish(QuestionMade(question(1)))
    await publish(Token("b"))
    await publish(QuestionMade(question(2)))


class Paced:
    """Work that goes on one event at a time, when told."""

    def __init__(self) -> None:
        self.go = asyncio.Semaphore(0)
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, publish: Publish) -> None:
        self.begun.set()
        try:
            number = 0
            while True:
                await self.go.acquire()
                number += 1
                await publish(Token(f"t{number}"))
                await publish(QuestionMade(question(number)))
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def store(database: FakeDatabase) -> FakeRunStore:
    return FakeRunStore(database)


@pytest.fixture
def exercises(database: FakeDatabase) -> FakeExerciseStore:
    return FakeExerciseStore(database)


@pytest.fixture
async def runs(store: FakeRunStore) -> AsyncIterator[Runs]:
    async with Runs.open(store, "one", FAST) as opened:
        yield opened


async def take(events: AsyncIterator[Numbered], count: int) -> list[Numbered]:
    return [await anext(events) for _ in range(count)]


async def test_events_are_numbered_from_one_and_end_with_done(runs: Runs) -> None:
    made = exercise()
    events = [numbered async for numbered in runs.start(made, two_questions, detached=False)]
    assert [numbered.number for numbered in events] == list(range(1, 7))
    assert events[0].event == Started(made.run_id, made.exercise_id)
    assert events[-1].event == Done(RunState.DONE, made.exercise_id, question_count=2, cloze_count=2)


async def test_work_begins_once_the_run_is_known(runs: Runs, store: FakeRunStore) -> None:
    made, known = exercise(), []

    async def look(_: Publish) -> None:
        known.extend(await store.events_after(made.run_id, 0))

    events = [numbered async for numbered in runs.start(made, look, detached=False)]
    assert known == events[:1]


async def test_a_question_is_stored_before_it_is_told(runs: Runs, exercises: FakeExerciseStore) -> None:
    made = exercise()
    async for numbered in runs.start(made, two_questions, detached=False):
        if isinstance(numbered.event, QuestionMade):
            stored = await exercises.get("ann", made.exercise_id)
            assert stored is not None
            assert numbered.event.question in stored.questions


async def test_an_ended_run_is_read_again_without_its_tokens_from_any_number(runs: Runs) -> None:
    made = exercise()
    live = [numbered async for numbered in runs.start(made, two_questions, detached=False)]
    kept = [numbered for numbered in live if not isinstance(numbered.event, Token)]
    for after in range(len(live) + 1):
        again = [numbered async for numbered in runs.follow("ann", made.run_id, after)]
        assert again == [numbered for numbered in kept if numbered.number > after]


async def test_closing_the_stream_cancels_the_run_and_keeps_its_questions(
    runs: Runs, exercises: FakeExerciseStore
) -> None:
    made, work = exercise(), Paced()
    events = runs.start(made, work, detached=False)
    work.go.release()
    await take(events, 3)
    async with at_once():
        await events.aclose()
        await work.cancelled.wait()
    assert await runs.cancel("ann", made.run_id) is RunState.CANCELLED
    stored = await exercises.get("ann", made.exercise_id)
    assert stored is not None
    assert (stored.question_count, stored.run_state) == (1, RunState.CANCELLED)
    last = [numbered async for numbered in runs.follow("ann", made.run_id, 0)][-1]
    assert last.event == Done(RunState.CANCELLED, made.exercise_id, question_count=1, cloze_count=1)


async def test_a_detached_run_goes_on_and_is_followed_from_where_its_reader_left(runs: Runs) -> None:
    made, work = exercise(), Paced()
    events = runs.start(made, work, detached=True)
    work.go.release()
    seen = await take(events, 3)
    await events.aclose()
    work.go.release()
    following = runs.follow("ann", made.run_id, seen[-1].number)
    more = [await anext(following)]
    work.go.release()
    while not isinstance(more[-1].event, QuestionMade) or more[-1].event.question.number < 3:
        more.append(await anext(following))
    numbers = [numbered.number for numbered in [*seen, *more]]
    assert numbers == sorted(set(numbers))
    assert [n.event.question.number for n in [*seen, *more] if isinstance(n.event, QuestionMade)] == [1, 2, 3]
    assert await runs.cancel("ann", made.run_id) is RunState.CANCELLED
    assert isinstance((await anext(following)).event, Done)


async def test_two_readers_hear_the_same(runs: Runs) -> None:
    made, work = exercise(), Paced()
    first = runs.start(made, work, detached=True)
    assert (await anext(first)).number == 1
    second = runs.follow("ann", made.run_id, 0)
    assert (await anext(second)).number == 1
    for _ in range(3):
        work.go.release()
    assert await take(first, 6) == await take(second, 6)
    await runs.cancel("ann", made.run_id)
    await first.aclose()
    await second.aclose()


async def test_a_slow_reader_loses_tokens_and_nothing_else(runs: Runs) -> None:
    made, over = exercise(), asyncio.Event()

    async def chatty(publish: Publish) -> None:
        for number in range(1, 41):
            for _ in range(50):
                await publish(Token("x"))
            await publish(QuestionMade(question(number)))
        over.set()

    events = runs.start(made, chatty, detached=True)
    heard = [await anext(events)]
    await over.wait()
    heard += [numbered async for numbered in events]
    assert [n.event.question.number for n in heard if isinstance(n.event, QuestionMade)] == list(range(1, 41))
    numbers = [numbered.number for numbered in heard]
    assert numbers == sorted(set(numbers))
    assert sum(isinstance(n.event, Token) for n in heard) < 2000
    assert isinstance(heard[-1].event, Done)


@pytest.mark.parametrize(
    ("error", "reason"), [(Unavailable("away", reason="AWAY"), "AWAY"), (ValueError("secret"), "INTERNAL")]
)
async def test_a_failing_run_says_why_and_nothing_of_its_inside(runs: Runs, error: Exception, reason: str) -> None:
    async def fail(_: Publish) -> None:
        raise error

    last = [numbered async for numbered in runs.start(exercise(), fail, detached=False)][-1].event
    assert isinstance(last, Done)
    assert (last.state, last.reason) == (RunState.FAILED, reason)
    assert "secret" not in last.message


class Failing(FakeRunStore):
    """A store that is away for a while, from a number of events on."""

    def __init__(self, database: FakeDatabase, after: int, away: int) -> None:
        super().__init__(database)
        self._after = after
        self._away = away

    async def add_events(self, run_id: str, events: Sequence[Numbered]) -> None:
        await asyncio.sleep(0)
        if events[-1].number > self._after and self._away:
            self._away -= 1
            raise Unavailable("The database does not answer.", reason="DATABASE_UNAVAILABLE")
        await super().add_events(run_id, events)


@pytest.mark.parametrize("away", [1, 1000])
async def test_a_store_that_goes_away_ends_the_run_and_nobody_hears_of_what_it_did_not_take(
    database: FakeDatabase, exercises: FakeExerciseStore, away: int
) -> None:
    made, work, store = exercise(), Paced(), Failing(database, 3, away)
    async with Runs.open(store, "one", FAST) as runs:
        events = runs.start(made, work, detached=False)
        work.go.release()
        heard = await take(events, 3)
        work.go.release()
        heard += [numbered async for numbered in events]
    assert work.cancelled.is_set()
    assert [n.event.question.number for n in heard if isinstance(n.event, QuestionMade)] == [1]
    end = heard[-1].event
    assert isinstance(end, Done)
    assert (end.state, end.reason, end.question_count) == (RunState.FAILED, "DATABASE_UNAVAILABLE", 1)
    stored = await exercises.get("ann", made.exercise_id)
    assert stored is not None
    assert stored.question_count == 1
    assert stored.run_state is (RunState.FAILED if away == 1 else RunState.RUNNING)


async def test_a_run_that_was_ended_elsewhere_stops_here(runs: Runs, store: FakeRunStore) -> None:
    made, work = exercise(), Paced()
    events = runs.start(made, work, detached=False)
    await take(events, 1)
    await store.add_events(made.run_id, [Numbered(50, Done(RunState.CANCELLED, made.exercise_id))])
    work.go.release()
    heard = [numbered async for numbered in events]
    assert work.cancelled.is_set()
    assert [type(numbered.event) for numbered in heard] in ([Done], [Token, Done])
    row = await store.get("ann", made.run_id)
    assert row is not None
    assert row.state is RunState.CANCELLED


async def test_a_run_without_questions_failed(runs: Runs) -> None:
    async def nothing(_: Publish) -> None:
        pass

    last = [numbered async for numbered in runs.start(exercise(), nothing, detached=False)][-1].event
    assert isinstance(last, Done)
    assert (last.state, last.reason) == (RunState.FAILED, "NO_QUESTIONS")


REFUSED = QuestionRefused(QuestionKind.TRUE_FALSE, "MODEL_REFUSED")
CUT = QuestionRefused(QuestionKind.TRUE_FALSE, "MODEL_CUT")
VAGUE = QuestionRefused(QuestionKind.TRUE_FALSE, "STEM_TOO_VAGUE")
SLOW = QuestionRefused(QuestionKind.TRUE_FALSE, "MODEL_FAILED", "MODEL_TOO_SLOW", "It took too long.")
GIVEN_UP = ModelGivenUp("PROVIDER_OUT_OF_CREDIT", "No credit is left.")


@pytest.mark.parametrize(
    ("refusals", "reason"),
    [
        ([REFUSED, REFUSED, CUT], "MODEL_REFUSED"),
        ([CUT, VAGUE, CUT], "MODEL_CUT"),
        ([VAGUE, VAGUE, REFUSED], "MODEL_QUESTIONS_REFUSED"),
        ([SLOW, SLOW], "MODEL_TOO_SLOW"),
        ([SLOW, GIVEN_UP], "PROVIDER_OUT_OF_CREDIT"),
        ([], ""),
    ],
)
async def test_a_run_says_why_the_model_did_not_make_every_question(
    runs: Runs, exercises: FakeExerciseStore, refusals: list[Event], reason: str
) -> None:
    async def work(publish: Publish) -> None:
        await publish(Progress(RunPhase.GENERATING, 0, 1))
        for event in [*refusals, *made]:
            await publish(event)

    made = [QuestionMade(question(1))]
    kept = exercise()
    last = [numbered async for numbered in runs.start(kept, work, detached=False)][-1].event
    assert isinstance(last, Done)
    assert (last.state, last.reason, last.model_reason) == (RunState.DONE, "", reason)
    assert bool(last.model_message) is bool(reason)
    stored = await exercises.get("ann", kept.exercise_id)
    assert stored is not None
    assert (stored.model_reason, stored.model_message) == (last.model_reason, last.model_message)
    made = []
    last = [numbered async for numbered in runs.start(exercise(), work, detached=False)][-1].event
    assert isinstance(last, Done)
    assert (last.state, last.reason) == (RunState.FAILED, reason or "NO_QUESTIONS")
    assert last.model_message in last.message


async def test_a_model_that_made_all_questions_in_the_end_did_not_fail(runs: Runs) -> None:
    async def work(publish: Publish) -> None:
        await publish(Progress(RunPhase.GENERATING, 0, 1))
        await publish(REFUSED)
        await publish(QuestionMade(dataclasses.replace(question(1), generator=Generator.MODEL)))

    last = [numbered async for numbered in runs.start(exercise(), work, detached=False)][-1].event
    assert isinstance(last, Done)
    assert (last.model_reason, last.rejected_count) == ("", 1)


async def test_a_run_whose_process_died_is_interrupted_when_next_read(store: FakeRunStore) -> None:
    made = exercise()
    await store.create(made, instance="dead", lease_seconds=0.05)
    events = [Numbered(1, Started(made.run_id, made.exercise_id)), Numbered(7, QuestionMade(question(1)))]
    await store.add_events(made.run_id, events)
    async with Runs.open(store, "other", FAST) as runs:
        events = [numbered async for numbered in runs.follow("ann", made.run_id, 500)]
    assert len(events) == 1
    done = events[0].event
    assert isinstance(done, Done)
    assert (done.state, done.reason, done.question_count) == (RunState.FAILED, "INTERRUPTED", 1)
    assert events[0].number > 500


async def test_a_run_of_another_process_is_followed_and_cancelled_there(store: FakeRunStore) -> None:
    made, work = exercise(), Paced()
    async with Runs.open(store, "one", FAST) as one, Runs.open(store, "two", FAST) as two:
        events = one.start(made, work, detached=True)
        await anext(events)
        following = two.follow("ann", made.run_id, 0)
        assert (await anext(following)).number == 1
        work.go.release()
        assert isinstance((await anext(following)).event, QuestionMade)
        assert await two.cancel("ann", made.run_id) is RunState.CANCELLED
        assert work.cancelled.is_set()
        assert isinstance((await anext(following)).event, Done)
        await events.aclose()


async def test_stopping_the_service_interrupts_its_runs(store: FakeRunStore) -> None:
    made, work = exercise(), Paced()
    async with Runs.open(store, "one", FAST) as runs:
        events = runs.start(made, work, detached=True)
        await anext(events)
        await work.begun.wait()
        await events.aclose()
    row = await store.get("ann", made.run_id)
    assert row is not None
    assert row.state is RunState.FAILED
    assert work.cancelled.is_set()


async def test_leases_keep_a_long_run_alive(runs: Runs, store: FakeRunStore) -> None:
    made, work = exercise(), Paced()
    events = runs.start(made, work, detached=True)
    await anext(events)
    await asyncio.sleep(0.4)
    assert await store.expire() == []
    await runs.cancel("ann", made.run_id)
    await events.aclose()


async def test_runs_are_bounded_and_what_is_not_there_is_not_found(store: FakeRunStore) -> None:
    async with Runs.open(store, "one", RunLimits(max_live=1)) as runs:
        made, work = exercise(), Paced()
        events = runs.start(made, work, detached=False)
        await anext(events)
        with pytest.raises(ResourceExhausted) as refused:
            await anext(runs.start(exercise(), work, detached=False))
        assert refused.value.retry_after
        with pytest.raises(NotFound):
            await anext(runs.follow("bob", made.run_id, 0))
        with pytest.raises(NotFound):
            await runs.cancel("bob", made.run_id)
        await events.aclose()


async def test_a_run_of_a_dead_process_ends_though_nobody_reads_it(
    runs: Runs, database: FakeDatabase, store: FakeRunStore
) -> None:
    made = exercise()
    await store.create(made, instance="dead", lease_seconds=0.05)
    await eventually(lambda: database.runs[made.run_id].row.state is RunState.FAILED)


class _CreatesAndFails(FakeRunStore):
    """Stores a run, and its caller never learns that."""

    async def create(self, exercise: Exercise, *, instance: str, lease_seconds: float) -> None:
        await super().create(exercise, instance=instance, lease_seconds=lease_seconds)
        raise Unavailable("The connection is lost.")


async def test_a_run_that_was_stored_though_its_creation_failed_ends(database: FakeDatabase) -> None:
    made = exercise()
    async with Runs.open(_CreatesAndFails(database), "one", FAST) as runs:
        with pytest.raises(Unavailable):
            await anext(runs.start(made, two_questions, detached=False))
        await eventually(lambda: database.runs[made.run_id].row.state is RunState.FAILED)
