"""Submissions: answers come in, grades go out and are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from services.exercises.domain.errors import no_exercise
from services.exercises.domain.grading.objective import grade, match_answers
from services.exercises.domain.grading.short_answers import ShortAnswerGrader
from services.exercises.ports import SubmissionStore
from services.exercises.values.exercise import Exercise, RunState
from services.exercises.values.question import QuestionKind
from services.exercises.values.submission import Answer, Grade, Submission
from services.kit.errors import FailedPrecondition
from services.kit.ids import new_id


class Submissions:
    """Grades and stores submissions."""

    def __init__(self, submissions: SubmissionStore, short_answers: ShortAnswerGrader) -> None:
        self._submissions = submissions
        self._short_answers = short_answers

    async def submit(self, exercise: Exercise, answers: Sequence[Answer]) -> Submission:
        """Return the stored submission with one grade a question. Nothing is stored when an answer does not fit.

        Raises:
            NotFound: the exercise is gone.
            FailedPrecondition: questions are still being made.
            InvalidArgument: answers do not fit their questions; every field that does not is named.
        """
        if exercise.run_state is RunState.RUNNING:
            raise FailedPrecondition(
                "The exercise's questions are still being made.",
                reason="RUN_NOT_ENDED",
                metadata={"run_id": exercise.run_id},
            )
        matched = match_answers(exercise.questions, answers)
        submission = Submission(
            submission_id=new_id(),
            exercise_id=exercise.exercise_id,
            owner=exercise.owner,
            grades=await self._grades(exercise, matched),
            create_time=datetime.now(UTC),
        )
        if not await self._submissions.add(submission):
            raise no_exercise(exercise.exercise_id)
        return submission

    async def _grades(self, exercise: Exercise, matched: dict[str, Answer]) -> tuple[Grade, ...]:
        short = [q for q in exercise.questions if q.kind is QuestionKind.SHORT_ANSWER]
        graded = await self._short_answers.grade_all([(q, matched.get(q.question_id)) for q in short])
        by_id = {result.question_id: result for result in graded}
        for q in exercise.questions:
            if q.question_id not in by_id:
                by_id[q.question_id] = grade(q, matched.get(q.question_id))
                # Long answers to many gaps take a while, and others are served meanwhile.
                await asyncio.sleep(0)
        return tuple(by_id[q.question_id] for q in exercise.questions)
