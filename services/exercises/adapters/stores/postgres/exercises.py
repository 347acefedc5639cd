"""Exercises and their questions: tables `exercises` and `questions`."""

from __future__ import annotations

import asyncpg
import msgspec

from services.exercises.values.exercise import Exercise, ExercisePage, RunState
from services.exercises.values.question import Question
from services.kit.database import Database

_SELECT = (
    "SELECT e.exercise_id::text, r.run_id::text, e.owner, e.title, e.language, e.document_ids, e.create_time, "
    "r.state AS run_state, q.question_count, q.points, coalesce(d.body->>'model_reason', '') AS model_reason, "
    "coalesce(d.body->>'model_message', '') AS model_message FROM exercises e JOIN runs r USING (exercise_id) "
    "CROSS JOIN LATERAL (SELECT count(*) AS question_count, coalesce(sum(points), 0) AS points "
    "FROM questions WHERE exercise_id = e.exercise_id) q "
    # Of its events only the last, Done, has these fields, and those of older runs lack them.
    "LEFT JOIN LATERAL (SELECT body FROM run_events WHERE run_id = r.run_id AND name = 'Done' "
    "ORDER BY number DESC LIMIT 1) d ON true"
)


class PostgresExerciseStore:
    """Exercises in PostgreSQL; they are made by `PostgresRunStore.create`, with their runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, owner: str, exercise_id: str) -> Exercise | None:
        """Read an exercise and its questions in one snapshot."""
        async with (
            self._database.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            row = await connection.fetchrow(f"{_SELECT} WHERE e.exercise_id = $1 AND e.owner = $2", exercise_id, owner)
            if row is None:
                return None
            bodies = await connection.fetch(
                "SELECT body FROM questions WHERE exercise_id = $1 ORDER BY number", exercise_id
            )
        return _exercise(row, tuple(msgspec.json.decode(body["body"], type=Question) for body in bodies))

    async def list(self, owner: str, *, limit: int, before: str | None) -> ExercisePage:
        """Read one row more than the page holds: it tells whether there are more."""
        rows = await self._database.fetch(
            f"{_SELECT} WHERE e.owner = $1 AND ($2::uuid IS NULL OR e.exercise_id < $2) "
            "ORDER BY e.exercise_id DESC LIMIT $3",
            owner,
            before,
            limit + 1,
        )
        page = tuple(_exercise(row, ()) for row in rows[:limit])
        return ExercisePage(page, page[-1].exercise_id if len(rows) > limit else None)

    async def delete(self, owner: str, exercise_id: str) -> str | None:
        """Lock the run, then delete the exercise; foreign keys take the rest along."""
        # It makes room, so it may write in the reserve of a disk that is nearly full.
        async with self._database.reserve.acquire() as connection, connection.transaction():
            run_id = await connection.fetchval(
                "SELECT run_id FROM runs WHERE exercise_id = $1 AND owner = $2 FOR UPDATE", exercise_id, owner
            )
            if run_id is None:
                return None
            await connection.execute("DELETE FROM exercises WHERE exercise_id = $1", exercise_id)
        return str(run_id)


def _exercise(row: asyncpg.Record, questions: tuple[Question, ...]) -> Exercise:
    values = {**row, "document_ids": tuple(row["document_ids"]), "run_state": RunState(row["run_state"])}
    return Exercise(**values, questions=questions)
