"""Runs, their events and leases: tables `runs` and `run_events`, and what events add to `exercises` and `questions`."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, get_args

import msgspec

from services.exercises.adapters.stores.postgres.group_commit import GroupCommit
from services.exercises.domain.errors import run_ended
from services.exercises.domain.runs.live_run import interrupted
from services.exercises.values.exercise import Done, Event, Exercise, Numbered, QuestionMade, RunRow, RunState
from services.exercises.values.question import Question
from services.kit.database import Database
from services.kit.errors import Aborted

_EVENTS = {kind.__name__: kind for kind in get_args(Event)}
"""By the names that rows hold."""
_CREATE = (
    "WITH exercise AS (INSERT INTO exercises (exercise_id, owner, title, language, document_ids, create_time) "
    "VALUES ($1, $2, $3, $4, $5, $6) RETURNING exercise_id, owner) "
    "INSERT INTO runs (run_id, exercise_id, owner, state, instance, lease_until) "
    "SELECT $7, exercise_id, owner, 'running', $8, now() + $9 FROM exercise"
)
_ADD_EVENTS = (
    # The row locks make whoever ends a run wait. Several rows are locked in one order, so that nobody deadlocks.
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


class PostgresRunStore:
    """Runs in PostgreSQL. What several runs store at once is committed together.

    On a disk that is nearly full no run begins, and those under way go on in its reserve, which they hardly need.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._create = GroupCommit(self._create_all)
        self._add = GroupCommit(self._add_all)

    async def create(self, exercise: Exercise, *, instance: str, lease_seconds: float) -> None:
        """Insert an exercise and its run, with those that others create at the same time."""
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

    async def _create_all(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[None]:
        async with self._database.acquire() as connection:
            # One round trip and one transaction for all rows.
            await connection.executemany(_CREATE, rows)
        return [None] * len(rows)

    async def add_events(self, run_id: str, events: Sequence[Numbered]) -> None:
        """Insert events, with those that other runs store at the same time."""
        if not await self._add((run_id, events)):
            raise run_ended()

    async def _add_all(self, batches: Sequence[tuple[str, Sequence[Numbered]]]) -> list[bool]:
        """Store events of several runs in one statement; for each batch return whether its run was running."""
        stored = [(run_id, numbered.number, numbered.event) for run_id, events in batches for numbered in events]
        made = [(run_id, event.question) for run_id, _, event in stored if isinstance(event, QuestionMade)]
        rows = await self._database.reserve.fetch(
            _ADD_EVENTS,
            [run_id for run_id, _ in batches],
            *_columns([(run_id, number, type(event).__name__, _json(event)) for run_id, number, event in stored], 4),
            *_columns([(run_id, q.question_id, q.number, q.points, _json(q)) for run_id, q in made], 5),
            *_columns([(run_id, event.state.value) for run_id, _, event in stored if isinstance(event, Done)], 2),
        )
        running = {str(row["run_id"]) for row in rows}
        return [run_id in running for run_id, _ in batches]

    async def events_after(self, run_id: str, number: int) -> list[Numbered]:
        """Read events by their numbers."""
        rows = await self._database.fetch(
            "SELECT number, name, body FROM run_events WHERE run_id = $1 AND number > $2 ORDER BY number",
            run_id,
            number,
        )
        return [Numbered(row["number"], msgspec.json.decode(row["body"], type=_EVENTS[row["name"]])) for row in rows]

    async def get(self, owner: str, run_id: str) -> RunRow | None:
        """Read a run's row."""
        row = await self._database.fetchrow(
            "SELECT run_id::text, exercise_id::text, owner, state, create_time FROM runs "
            "WHERE run_id = $1 AND owner = $2",
            run_id,
            owner,
        )
        return None if row is None else RunRow(**{**row, "state": RunState(row["state"])})

    async def request_cancel(self, run_id: str) -> None:
        """Set a flag that `renew_leases` reads."""
        await self._database.reserve.execute(
            "UPDATE runs SET cancel_requested = true WHERE run_id = $1 AND state = 'running'", run_id
        )

    async def renew_leases(self, run_ids: Collection[str], lease_seconds: float) -> set[str]:
        """Renew every lease and read every flag in one statement; the database's clock counts."""
        rows = await self._database.reserve.fetch(
            "UPDATE runs SET lease_until = now() + $2 WHERE run_id = ANY($1::uuid[]) AND state = 'running' "
            "RETURNING run_id, cancel_requested",
            list(run_ids),
            timedelta(seconds=lease_seconds),
        )
        return {str(row["run_id"]) for row in rows if row["cancel_requested"]}

    async def expire(self) -> list[str]:
        """End runs one by one; one that another process ends at the same time is that process's."""
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


def _json(value: Event | Question) -> str:
    return msgspec.json.encode(value).decode()


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Return rows as the columns that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
