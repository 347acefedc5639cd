"""Learners' profiles: table `profiles`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from services.exercises.domain.profile import MUTABLE_FIELDS
from services.exercises.values.profile import Profile
from services.kit.database import Database
from services.kit.errors import ResourceExhausted


class PostgresProfileStore:
    """Profiles in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_or_create(self, user_id: str) -> Profile:
        """Read a profile; only a missing one is written."""
        row = await self._database.fetchrow("SELECT * FROM profiles WHERE user_id = $1", user_id)
        if row is not None:
            return Profile(**row)
        try:
            return await _write(self._database.reserve, user_id, {})
        except ResourceExhausted:
            # A disk without room must not keep anybody from reading an empty profile.
            now = datetime.now(UTC)
            return Profile(user_id, now, now)

    async def update(self, user_id: str, changes: Mapping[str, str | int]) -> Profile:
        """Write the changes with one statement for every mask: a field without a change is NULL and keeps its value."""
        return await _write(self._database, user_id, changes)


async def _write(database: Database, user_id: str, changes: Mapping[str, str | int]) -> Profile:
    values = [changes.get(field) for field in MUTABLE_FIELDS]
    row = await database.fetchrow(
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
    return Profile(**row)
