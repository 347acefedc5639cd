"""Answers, grades and submissions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.common.values import Source
from services.exercises.values.question import AnswerKey


class Verdict(StrEnum):
    """How an answer was graded."""

    CORRECT = "correct"
    PARTIAL = "partial"
    INCORRECT = "incorrect"
    UNANSWERED = "unanswered"
    NEEDS_REVIEW = "needs_review"


@dataclass(frozen=True, slots=True)
class Answer:
    """A learner's answer to one question. Which field may be set depends on the kind."""

    question_id: str
    option_keys: tuple[str, ...] = ()
    truth: bool | None = None
    blanks: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class RubricResult:
    """How an answer meets one rubric point; `evidence` is verbatim from the answer, empty when nothing says it."""

    text: str
    points: float
    max_points: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Grade:
    """The result for one question; `points` is None when a person must look."""

    question_id: str
    verdict: Verdict
    points: float | None
    max_points: float
    answer_key: AnswerKey
    explanation: str
    source: Source
    feedback: str = ""
    rubric_results: tuple[RubricResult, ...] = ()
    model_reason: str = ""
    """Where a person must look because the model failed, the reason of that."""
    model_message: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """Graded answers to an exercise, one grade a question, in order."""

    submission_id: str
    exercise_id: str
    owner: str
    grades: tuple[Grade, ...]
    create_time: datetime

    @property
    def points(self) -> float:
        """Points given, over the questions that were graded, to two decimals."""
        return round(sum(grade.points or 0.0 for grade in self.grades), 2)

    @property
    def max_points(self) -> float:
        """Points that all questions are worth, to two decimals."""
        return round(sum(grade.max_points for grade in self.grades), 2)

    @property
    def needs_review_count(self) -> int:
        """Questions that a person must look at."""
        return sum(grade.verdict is Verdict.NEEDS_REVIEW for grade in self.grades)
