"""Exercises, runs, submissions and profiles in PostgreSQL, in the schema `exercises`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from services.exercises.adapters.stores import encoding
from services.exercises.adapters.stores.expiry import interrupted, run_ended
from services.exercises.adapters.stores.grouping import Grouped
from services.exercises.domain.profile import MUTABLE_FIELDS
from services.exercises.values.events import Done, Numbered, QuestionMade
from services.exercises.values.exercise import Exercise, Page
from services.exercises.values.profile import Profile
from services.exercises.values.question import Question
from services.exercises.values.run import RunRow, RunState
from services.exercises.values.submission import Submission
from services.kit.database import Database
from services.kit.errors import Aborted
from services.kit.migrations import MAX_WAIT_SECONDS, migrate

SCHEMA = "exercises"
MIGRATIONS = Path(__file__).parent / "migrations"


@asynccontextmanager
async def open_pool(dsn: str, *, max_size: int, command_timeout: float) -> AsyncIterator[Database]:
    """Connections to a database whose schema is up to date."""
    await migrate(dsn, SCHEMA, MIGRATIONS, max_wait=MAX_WAIT_SECONDS)
    pool = await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=max_size,
        reset=_nothing,
        command_timeout=command_timeout,
        server_settings={"search_path": SCHEMA, "application_name": "tiku-exercises"},
    )
    try:
        yield Database(pool)
    finally:
        await pool.close()


async def _nothing(_: object) -> None:
    """What is left of a connection's use when it goes back into the pool: no statement here sets anything that outlives
    its transaction, and asyncpg rolls back an open one itself. Its own reset is one more round trip each time."""


class PostgresExerciseStore:
    """`ports.ExerciseStore` over asyncpg. What many runs store at once is committed together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._create = Grouped(self._create_runs)
        self._add = Grouped(self._add_batches)

    async def create_run(self, exercise: Exercise, *, instance: str, lease_seconds: float) -> None:
        """See `ports.ExerciseStore`."""
        await self._create(
            (
                exercise.exercise_id,
                exercise.owner,
                exercise.title,
                exercise.language,
                list(exercise.document_ids),
                exercise.create_time,
                exercise.run_id,
                instance,
                timedelta(seconds=lease_seconds),
            )
        )

    async def _create_runs(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[None]:
        async with self._database.acquire() as connection:
            # One round trip and one transaction for all rows.
            await connection.executemany(_CREATE_RUN, rows)
        return [None] * len(rows)

    async def add_events(self, run_id: str, events: Sequence[Numbered]) -> None:
        """See `ports.ExerciseStore`."""
        if not await self._add(_Batch.of(run_id, events)):
            raise run_ended()

    async def _add_batches(self, batches: Sequence[_Batch]) -> list[bool]:
        """Stores events of several runs in one statement; for each batch whether its run was running."""
        ends = [(batch.run_id, batch.end) for batch in batches if batch.end]
        rows = await self._database.fetch(
            _ADD_EVENTS,
            [batch.run_id for batch in batches],
            *_columns([row for batch in batches for row in batch.events], 4),
            *_columns([row for batch in batches for row in batch.questions], 5),
            *_columns(ends, 2),
        )
        running = {str(row["run_id"]) for row in rows}
        return [batch.run_id in running for batch in batches]

    async def renew_leases(self, instance: str, lease_seconds: float) -> set[str]:
        """See `ports.ExerciseStore`."""
        rows = await self._database.fetch(
            "UPDATE runs SET lease_until = now() + $2 WHERE instance = $1 AND state = 'running' "
            "RETURNING run_id, cancel_requested",
            instance,
            timedelta(seconds=lease_seconds),
        )
        return {str(row["run_id"]) for row in rows if row["cancel_requested"]}

    async def expire_runs(self) -> list[str]:
        """See `ports.ExerciseStore`."""
        rows = await self._database.fetch(
            "SELECT run_id, exercise_id FROM runs WHERE state = 'running' AND lease_until < now()"
        )
        expired = []
        for row in rows:
            run_id = str(row["run_id"])
            done = interrupted(str(row["exercise_id"]), await self.events_after(run_id, 0))
            with contextlib.suppress(Aborted):
                await self.add_events(run_id, [done])
                expired.append(run_id)
        return expired

    async def request_cancel(self, run_id: str) -> None:
        """See `ports.ExerciseStore`."""
        await self._database.execute(
            "UPDATE runs SET cancel_requested = true WHERE run_id = $1 AND state = 'running'", run_id
        )

    async def get_run(self, owner: str, run_id: str) -> RunRow | None:
        """See `ports.ExerciseStore`."""
        row = await self._database.fetchrow("SELECT * FROM runs WHERE run_id = $1 AND owner = $2", run_id, owner)
        if row is None:
            return None
        return RunRow(
            run_id=str(row["run_id"]),
            exercise_id=str(row["exercise_id"]),
            owner=row["owner"],
            state=RunState(row["state"]),
            create_time=row["create_time"],
        )

    async def events_after(self, run_id: str, number: int) -> list[Numbered]:
        """See `ports.ExerciseStore`."""
        rows = await self._database.fetch(
            "SELECT number, name, body FROM run_events WHERE run_id = $1 AND number > $2 ORDER BY number",
            run_id,
            number,
        )
        return [Numbered(row["number"], encoding.decode_event(row["name"], row["body"])) for row in rows]

    async def get_exercise(self, owner: str, exercise_id: str) -> Exercise | None:
        """See `ports.ExerciseStore`."""
        async with (
            self._database.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            row = await connection.fetchrow(
                f"{_EXERCISES} WHERE e.exercise_id = $1 AND e.owner = $2",
                exercise_id,
                owner,
            )
            if row is None:
                return None
            bodies = await connection.fetch(
                "SELECT body FROM questions WHERE exercise_id = $1 ORDER BY number", exercise_id
            )
        return _exercise(row, tuple(encoding.decode_question(body["body"]) for body in bodies))

    async def list_exercises(self, owner: str, *, limit: int, before: str | None) -> Page:
        """See `ports.ExerciseStore`."""
        rows = await self._database.fetch(
            f"{_EXERCISES} WHERE e.owner = $1 AND ($2::uuid IS NULL OR e.exercise_id < $2) "
            "ORDER BY e.exercise_id DESC LIMIT $3",
            owner,
            before,
            limit + 1,
        )
        page = tuple(_exercise(row, ()) for row in rows[:limit])
        return Page(page, page[-1].exercise_id if len(rows) > limit else None)

    async def delete_exercise(self, owner: str, exercise_id: str) -> str | None:
        """See `ports.ExerciseStore`."""
        async with self._database.acquire() as connection, connection.transaction():
            run_id = await connection.fetchval(
                "SELECT run_id FROM runs WHERE exercise_id = $1 AND owner = $2 FOR UPDATE", exercise_id, owner
            )
            if run_id is None:
                return None
            await connection.execute("DELETE FROM exercises WHERE exercise_id = $1", exercise_id)
        return str(run_id)

    async def add_submission(self, submission: Submission) -> bool:
        """See `ports.ExerciseStore`."""
        stored = await self._database.fetchval(
            "INSERT INTO submissions (submission_id, exercise_id, owner, grades, create_time) "
            "SELECT $1, exercise_id, $3, $4, $5 FROM exercises WHERE exercise_id = $2 FOR KEY SHARE RETURNING 1",
            submission.submission_id,
            submission.exercise_id,
            submission.owner,
            encoding.encode_grades(submission.grades),
            submission.create_time,
        )
        return stored is not None

    async def get_submission(self, owner: str, submission_id: str) -> Submission | None:
        """See `ports.ExerciseStore`."""
        row = await self._database.fetchrow(
            "SELECT * FROM submissions WHERE submission_id = $1 AND owner = $2", submission_id, owner
        )
        if row is None:
            return None
        return Submission(
            submission_id=str(row["submission_id"]),
            exercise_id=str(row["exercise_id"]),
            owner=row["owner"],
            grades=encoding.decode_grades(row["grades"]),
            create_time=row["create_time"],
        )

    async def ping(self) -> None:
        """Raises when the database does not answer."""
        await self._database.fetchval("SELECT 1")


class PostgresProfileStore:
    """`ports.ProfileStore` over asyncpg."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_or_create(self, user_id: str) -> Profile:
        """See `ports.ProfileStore`."""
        row = await self._database.fetchrow("SELECT * FROM profiles WHERE user_id = $1", user_id)
        return _profile(row) if row is not None else await self.update(user_id, {})

    async def update(self, user_id: str, changes: Mapping[str, str | int]) -> Profile:
        """See `ports.ProfileStore`."""
        # A field without a change is passed as NULL and keeps its value: one statement for every mask.
        values = [changes.get(field) for field in MUTABLE_FIELDS]
        row = await self._database.fetchrow(
            "INSERT INTO profiles AS p (user_id, display_name, language, goal, daily_question_goal) "
            "VALUES ($1, coalesce($2, ''), coalesce($3, ''), coalesce($4, ''), coalesce($5, 0)) "
            "ON CONFLICT (user_id) DO UPDATE SET display_name = coalesce($2, p.display_name), "
            "language = coalesce($3, p.language), goal = coalesce($4, p.goal), "
            "daily_question_goal = coalesce($5, p.daily_question_goal), "
            "update_time = CASE WHEN $6 THEN now() ELSE p.update_time END RETURNING *",
            user_id,
            *values,
            bool(changes),
        )
        assert row is not None
        return _profile(row)


_EXERCISES = (
    "SELECT e.*, r.run_id, r.state, q.question_count, q.points FROM exercises e JOIN runs r USING (exercise_id) "
    "CROSS JOIN LATERAL (SELECT count(*) AS question_count, coalesce(sum(points), 0) AS points "
    "FROM questions WHERE exercise_id = e.exercise_id) q"
)


_CREATE_RUN = (
    "WITH exercise AS (INSERT INTO exercises (exercise_id, owner, title, language, document_ids, create_time) "
    "VALUES ($1, $2, $3, $4, $5, $6) RETURNING exercise_id, owner) "
    "INSERT INTO runs (run_id, exercise_id, owner, state, instance, lease_until) "
    "SELECT $7, exercise_id, owner, 'running', $8, now() + $9 FROM exercise"
)
_ADD_EVENTS = (
    # The row locks keep whoever ends a run waiting; those who lock several do it in one order.
    "WITH running AS MATERIALIZED (SELECT run_id, exercise_id FROM runs "
    "WHERE run_id = ANY($1) AND state = 'running' ORDER BY run_id FOR SHARE), "
    "event AS (INSERT INTO run_events (run_id, number, name, body) SELECT e.* "
    "FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::jsonb[]) AS e (run_id, number, name, body) "
    "JOIN running USING (run_id)), "
    "question AS (INSERT INTO questions (question_id, exercise_id, number, points, body) "
    "SELECT q.question_id, exercise_id, q.number, q.points, q.body "
    "FROM unnest($6::uuid[], $7::uuid[], $8::integer[], $9::double precision[], $10::jsonb[]) "
    "AS q (run_id, question_id, number, points, body) JOIN running USING (run_id)), "
    "ended AS (UPDATE runs SET state = e.state FROM unnest($11::uuid[], $12::text[]) AS e (run_id, state) "
    "JOIN running USING (run_id) WHERE runs.run_id = e.run_id) "
    "SELECT run_id FROM running"
)


class _Batch(NamedTuple):
    """Events of one run as rows."""

    run_id: str
    events: Sequence[tuple[str, int, str, str]]
    questions: Sequence[tuple[str, str, int, float, str]]
    end: str
    """The state that the run ends in; empty while it goes on."""

    @classmethod
    def of(cls, run_id: str, events: Sequence[Numbered]) -> _Batch:
        questions = [numbered.event.question for numbered in events if isinstance(numbered.event, QuestionMade)]
        last = events[-1].event
        return cls(
            run_id,
            [(run_id, numbered.number, *encoding.encode_event(numbered.event)) for numbered in events],
            [(run_id, q.question_id, q.number, q.points, encoding.encode_question(q)) for q in questions],
            last.state.value if isinstance(last, Done) else "",
        )


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as `unnest` takes them."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _exercise(row: asyncpg.Record, questions: tuple[Question, ...]) -> Exercise:
    return Exercise(
        exercise_id=str(row["exercise_id"]),
        run_id=str(row["run_id"]),
        owner=row["owner"],
        title=row["title"],
        language=row["language"],
        document_ids=tuple(row["document_ids"]),
        create_time=row["create_time"],
        run_state=RunState(row["state"]),
        question_count=row["question_count"],
        points=row["points"],
        questions=questions,
    )


def _profile(row: asyncpg.Record) -> Profile:
    return Profile(
        user_id=row["user_id"],
        create_time=row["create_time"],
        update_time=row["update_time"],
        display_name=row["display_name"],
        language=row["language"],
        goal=row["goal"],
        daily_question_goal=row["daily_question_goal"],
    )
