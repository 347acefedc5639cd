"""Exercises and the runs that make them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.exercises.values.question import Question
from services.exercises.values.run import RunState
from services.kit.errors import NotFound


@dataclass(frozen=True, slots=True)
class Exercise:
    """A set of questions; `questions` is empty in lists, `question_count` and `points` never lie."""

    exercise_id: str
    run_id: str
    owner: str
    title: str
    language: str
    document_ids: tuple[str, ...]
    create_time: datetime
    run_state: RunState = RunState.RUNNING
    question_count: int = 0
    points: float = 0.0
    questions: tuple[Question, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Page:
    """Exercises of one page, newest first, and the last one's id when there are more."""

    exercises: tuple[Exercise, ...]
    next_before: str | None


def no_exercise(exercise_id: str) -> NotFound:
    """The error for an exercise that the caller does not have."""
    return NotFound(
        f"There is no exercise {exercise_id}.", reason="EXERCISE_NOT_FOUND", metadata={"exercise_id": exercise_id}
    )
