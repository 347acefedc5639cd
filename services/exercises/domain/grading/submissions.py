"""Grading and storing the answers to an exercise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from services.exercises.domain.errors import no_exercise
from services.exercises.domain.grading.objective import grade, match_answers
from services.exercises.domain.grading.short_answers import ShortAnswerGrader
from services.exercises.domain.runs.runs import Runs
from services.exercises.ports import ExerciseStore, SubmissionStore
from services.exercises.values.exercise import Exercise
from services.exercises.values.question import QuestionKind
from services.exercises.values.run import RunState
from services.exercises.values.submission import Answer, Grade, Submission
from services.kit.errors import FailedPrecondition
from services.kit.ids import new_id


class Submissions:
    """Grades and stores submissions."""

    def __init__(
        self, exercises: ExerciseStore, runs: Runs, submissions: SubmissionStore, short_answers: ShortAnswerGrader
    ) -> None:
        self._exercises = exercises
        self._runs = runs
        self._submissions = submissions
        self._short_answers = short_answers

    async def submit(self, owner: str, exercise_id: str, answers: Sequence[Answer]) -> Submission:
        """Grade and store answers. Nothing is stored if one does not fit, or questions are still being made."""
        await self._runs.expire()  # A run whose process died would keep its exercise closed.
        exercise = await self._exercises.get(owner, exercise_id)
        if exercise is None:
            raise no_exercise(exercise_id)
        if exercise.run_state is RunState.RUNNING:
            raise FailedPrecondition(
                "The exercise's questions are still being made.",
                reason="RUN_NOT_ENDED",
                metadata={"run_id": exercise.run_id},
            )
        matched = match_answers(exercise.questions, answers)
        submission = Submission(
            submission_id=new_id(),
            exercise_id=exercise_id,
            owner=owner,
            grades=await self._grades(exercise, matched),
            create_time=datetime.now(UTC),
        )
        if not await self._submissions.add(submission):
            raise no_exercise(exercise_id)
        return submission

    async def _grades(self, exercise: Exercise, matched: dict[str, Answer]) -> tuple[Grade, ...]:
        short = [q for q in exercise.questions if q.kind is QuestionKind.SHORT_ANSWER]
        graded = await self._short_answers.grade_all([(q, matched.get(q.question_id)) for q in short])
        by_id = {result.question_id: result for result in graded}
        return tuple(
            by_id[q.question_id] if q.question_id in by_id else grade(q, matched.get(q.question_id))
            for q in exercise.questions
        )
