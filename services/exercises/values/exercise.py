"""Exercises, the runs that make them, and the runs' events. All events but `Passing` ones are stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.exercises.values.question import Question, QuestionKind


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it is stored."""

    run_id: str
    exercise_id: str
    owner: str
    state: RunState
    create_time: datetime


class RunPhase(StrEnum):
    """A step of a run."""

    READING = "reading"
    GENERATING = "generating"


@dataclass(frozen=True, slots=True)
class Started:
    """The run began."""

    run_id: str
    exercise_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: passages while reading, questions while generating."""

    phase: RunPhase
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Token:
    """Text as a model writes it; never stored."""

    text: str


@dataclass(frozen=True, slots=True)
class QuestionProgress:
    """A question that a model is writing; never stored. `draft` counts from 1 within a run."""

    draft: int
    kind: QuestionKind
    stem: str = ""
    """As far as it is written."""


@dataclass(frozen=True, slots=True)
class QuestionMade:
    """A question is complete and stored. `draft` is 0 where no model wrote it."""

    question: Question
    draft: int = 0


@dataclass(frozen=True, slots=True)
class QuestionRefused:
    """A question was refused by the checks."""

    kind: QuestionKind
    reason: str
    model_reason: str = ""
    """Where the model failed, the reason of its error."""
    model_message: str = ""
    draft: int = 0


@dataclass(frozen=True, slots=True)
class ModelGivenUp:
    """The model is not asked any more in this run."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What models consumed so far."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a run; always its last event."""

    state: RunState
    exercise_id: str
    question_count: int = 0
    model_count: int = 0
    cloze_count: int = 0
    rejected_count: int = 0
    reason: str = ""
    message: str = ""
    model_reason: str = ""
    """Why the model did not make every question; empty where it did, or was not asked."""
    model_message: str = ""


Passing = Token | QuestionProgress
"""What only those hear who follow the run at the time."""
Event = Started | Progress | Passing | QuestionMade | QuestionRefused | ModelGivenUp | Usage | Done


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event with its number, from 1, rising within a run."""

    number: int
    event: Event


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
    model_reason: str = ""
    """As in the `Done` of its run; empty before that."""
    model_message: str = ""


@dataclass(frozen=True, slots=True)
class ExercisePage:
    """Exercises of one page, newest first."""

    exercises: tuple[Exercise, ...]
    next_before: str | None
    """The last exercise's id, before which the next page begins; None on the last page."""
