"""Exercises and pages of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.exercises.values.question import Question
from services.exercises.values.run import RunState


@dataclass(frozen=True, slots=True)
class Exercise:
    """A set of questions; `questions` is empty in lists, `question_count` and `points` are right everywhere."""

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
class ExercisePage:
    """Exercises of one page, newest first."""

    exercises: tuple[Exercise, ...]
    next_before: str | None
    """The last exercise's id, before which the next page begins; None on the last page."""
