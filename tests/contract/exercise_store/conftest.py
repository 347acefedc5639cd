"""Every store of exercises and profiles, each under the same suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from services.exercises.ports import ExerciseStore, ProfileStore
from services.exercises.stores.memory import MemoryExerciseStore, MemoryProfileStore
from services.exercises.stores.postgres import PostgresExerciseStore, PostgresProfileStore, open_pool
from tests.engines import on_engine

if TYPE_CHECKING:
    from services.kit.database import Database

STORES = ["memory", on_engine("postgres")]


@pytest.fixture(params=STORES)
def dsn(request: pytest.FixtureRequest) -> str:
    """An empty database of its own; empty for memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("postgres_database"))


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Database | None]:
    """A pool on the database; None stands for memory."""
    if not dsn:
        yield None
        return
    async with open_pool(dsn, max_size=4, command_timeout=10) as opened:
        yield opened


@pytest.fixture
def store(pool: Database | None) -> ExerciseStore:
    """An empty store of exercises."""
    return MemoryExerciseStore() if pool is None else PostgresExerciseStore(pool)


@pytest.fixture
def profiles(pool: Database | None) -> ProfileStore:
    """An empty store of profiles."""
    return MemoryProfileStore() if pool is None else PostgresProfileStore(pool)
