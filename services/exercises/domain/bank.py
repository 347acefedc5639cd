"""The exercise bank: an owner's exercises are read, listed and deleted here."""

from __future__ import annotations

from collections.abc import Sequence

from services.exercises.domain.errors import no_exercise
from services.exercises.domain.runs.runs import Runs
from services.exercises.ports import ExerciseStore
from services.exercises.values.exercise import Exercise
from services.exercises.values.run import RunState
from services.kit.errors import FieldViolation, InvalidArgument
from services.kit.ids import is_id
from services.kit.paging import decode_cursor, encode_cursor

DEFAULT_PAGE_SIZE = 50


class ExerciseBank:
    """The exercises of every owner, each seen by its own."""

    def __init__(self, store: ExerciseStore, runs: Runs) -> None:
        self._store = store
        self._runs = runs

    async def get(self, owner: str, exercise_id: str) -> Exercise:
        """Return an exercise with its questions; NotFound if the owner has none of this id."""
        await self._runs.expire()
        exercise = await self._store.get(owner, exercise_id)
        if exercise is None:
            raise no_exercise(exercise_id)
        return exercise

    async def list(self, owner: str, page_size: int, page_token: str) -> tuple[Sequence[Exercise], str]:
        """Return a page of exercises, newest first, without questions, and the next page's token, empty on the last."""
        before = decode_cursor(page_token).get("before", "") if page_token else None
        if before is not None and (not isinstance(before, str) or not is_id(before)):
            raise InvalidArgument(
                "page_token is not a token of this list.",
                reason="INVALID_PAGE_TOKEN",
                violations=[FieldViolation("page_token", "must be a next_page_token of an earlier response")],
            )
        await self._runs.expire()
        page = await self._store.list(owner, limit=page_size or DEFAULT_PAGE_SIZE, before=before)
        return page.exercises, encode_cursor({"before": page.next_before}) if page.next_before else ""

    async def delete(self, owner: str, exercise_id: str) -> None:
        """Stop an exercise's run, and remove the exercise with its questions, run and submissions."""
        exercise = await self._store.get(owner, exercise_id)
        if exercise is None:
            raise no_exercise(exercise_id)
        if exercise.run_state is RunState.RUNNING:
            await self._runs.cancel(owner, exercise.run_id)
        await self._store.delete(owner, exercise_id)
