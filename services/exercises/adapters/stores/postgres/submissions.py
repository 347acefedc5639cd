"""Graded answers: table `submissions`."""

from __future__ import annotations

import msgspec

from services.exercises.values.submission import Submission
from services.kit.database import Database


class PostgresSubmissionStore:
    """Submissions in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, submission: Submission) -> bool:
        """Insert a submission beside its exercise, which cannot go meanwhile."""
        stored = await self._database.fetchval(
            "INSERT INTO submissions (submission_id, exercise_id, owner, grades, create_time) "
            "SELECT $1, exercise_id, $3, $4, $5 FROM exercises WHERE exercise_id = $2 FOR KEY SHARE RETURNING 1",
            submission.submission_id,
            submission.exercise_id,
            submission.owner,
            msgspec.json.encode(submission.grades).decode(),
            submission.create_time,
        )
        return stored is not None
