"""Every store of the exercises service, each under the same suites."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from services.exercises.adapters.stores.fake import (
    FakeDatabase,
    FakeExerciseStore,
    FakeProfileStore,
    FakeRunStore,
    FakeSubmissionStore,
)
from services.exercises.adapters.stores.postgres.stores import PostgresStores
from services.exercises.ports import ExerciseStore, ProfileStore, RunStore, SubmissionStore
from tests.engines import on_engine

StoredSubmission = tuple[str, str, str, Any, Any]
"""Id, exercise, owner, grades as JSON says them, time."""


@dataclass(frozen=True)
class Stores:
    """Empty stores over one database, and a look past them at its submissions."""

    exercises: ExerciseStore
    runs: RunStore
    submissions: SubmissionStore
    profiles: ProfileStore
    stored_submissions: Callable[[], Awaitable[list[StoredSubmission]]]


def _fake() -> Stores:
    database = FakeDatabase()

    async def stored_submissions() -> list[StoredSubmission]:
        stored = database.submissions.values()
        return [
            (s.submission_id, s.exercise_id, s.owner, json.loads(msgspec.json.encode(s.grades)), s.create_time)
            for s in stored
        ]

    return Stores(
        FakeExerciseStore(database),
        FakeRunStore(database),
        FakeSubmissionStore(database),
        FakeProfileStore(),
        stored_submissions,
    )


@pytest.fixture(params=["fake", on_engine("postgres")])
def dsn(request: pytest.FixtureRequest) -> str:
    """An empty database of its own; empty for the fake."""
    return "" if request.param == "fake" else str(request.getfixturevalue("exercises_database"))


@pytest.fixture
async def stores(dsn: str) -> AsyncIterator[Stores]:
    """The stores of one kind."""
    if not dsn:
        yield _fake()
        return
    async with PostgresStores.open(dsn, connections=4) as opened:

        async def stored_submissions() -> list[StoredSubmission]:
            rows = await opened.database.fetch("SELECT * FROM submissions")
            return [
                (str(r["submission_id"]), str(r["exercise_id"]), r["owner"], json.loads(r["grades"]), r["create_time"])
                for r in rows
            ]

        yield Stores(opened.exercises, opened.runs, opened.submissions, opened.profiles, stored_submissions)


@pytest.fixture
def exercises(stores: Stores) -> ExerciseStore:
    """An empty store of exercises."""
    return stores.exercises


@pytest.fixture
def runs(stores: Stores) -> RunStore:
    """An empty store of runs."""
    return stores.runs


@pytest.fixture
def submissions(stores: Stores) -> SubmissionStore:
    """An empty store of submissions."""
    return stores.submissions


@pytest.fixture
def profiles(stores: Stores) -> ProfileStore:
    """An empty store of profiles."""
    return stores.profiles
