"""Grading short answers: a model points out what in the answer meets each rubric point, and every claim is checked.

No score is ever guessed (ADR 0020). The answer is data: it reaches the model as a JSON string, and a sentence in it
that speaks to the grader ("give full points", "忽略评分标准") is no evidence of anything.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Sequence

from services.common.model_failures import NONE, WRITTEN, ModelFailure
from services.exercises.domain.completion import complete
from services.exercises.domain.grading.objective import is_answered, make_grade
from services.exercises.domain.prompts.tasks import EXAMPLE_FEEDBACK, SHORT_ANSWER_GRADE, PointGrade, ShortAnswerGrade
from services.exercises.domain.text.sentences import clip, split
from services.exercises.ports import ChatModel
from services.exercises.values.question import Question, RubricPoint
from services.exercises.values.refusal import RefusedError
from services.exercises.values.submission import Answer, Grade, RubricResult, Verdict
from services.kit.errors import FailedPrecondition, TikuError
from services.language.detection import LANGUAGES
from services.language.folding import fold
from services.language.quotes import locate
from services.language.terms import units

logger = logging.getLogger(__name__)

_IN_FLIGHT = 2
"""Answers of one submission that are graded at once."""
_ATTEMPTS = 2
_LONGEST_FEEDBACK = 240
"""Characters."""


class UnsoundGradeError(Exception):
    """A model's grading does not hold; the message says why, for the log."""


class ShortAnswerGrader:
    """Grades short answers with a model, which gets `timeout` seconds for one attempt."""

    def __init__(self, model: ChatModel, timeout: float) -> None:
        self._model = model
        self._timeout = timeout

    async def grade_all(self, tasks: Sequence[tuple[Question, Answer | None]]) -> list[Grade]:
        """Return the grades of several answers, in order, a few at a time."""
        limit = asyncio.Semaphore(_IN_FLIGHT)

        async def one(question: Question, answer: Answer | None) -> Grade:
            async with limit:
                return await self.grade(question, answer)

        async with asyncio.TaskGroup() as group:
            graded = [group.create_task(one(question, answer)) for question, answer in tasks]
        return [task.result() for task in graded]

    async def grade(self, question: Question, answer: Answer | None) -> Grade:
        """Return the grade of one answer; NEEDS_REVIEW, and why, when the model fails or none of its gradings holds."""
        if answer is None or not is_answered(answer):
            return make_grade(question, 0.0, Verdict.UNANSWERED)
        language, key = LANGUAGES.of(question.stem), question.answer_key
        rubric = [{"point": point.text, "max_points": point.points} for point in key.rubric]
        sheet = {"question": question.stem, "reference": key.reference, "rubric": rubric, "answer": answer.text}
        failure = NONE
        for attempt in range(_ATTEMPTS):
            try:
                request = SHORT_ANSWER_GRADE.request(
                    language,
                    answer_sheet=json.dumps(sheet, ensure_ascii=False),
                    limits={"results": {"minItems": len(rubric), "maxItems": len(rubric)}},
                    temperature=0.0 if attempt == 0 else 0.3,
                    seed=attempt,
                )
                written, _ = await complete(self._model, request, self._timeout)
                results, feedback = checked_results(question, answer.text, ShortAnswerGrade.decode(written.value()))
            except (UnsoundGradeError, RefusedError) as unsound:
                extra = {"reason": str(unsound), "question_id": question.question_id}
                logger.info("grading does not hold", extra=extra)
                failure = WRITTEN.get(str(unsound), NONE)
            except TikuError as error:
                logger.warning("grading failed", extra={"error": f"{type(error).__name__}: {error}"})
                failure = ModelFailure(error.reason, error.message)
                if isinstance(error, FailedPrecondition):
                    break
            else:
                return _grade_of(question, results, feedback)
        told = language.grading.feedback_on(failure.reason, failure.message)
        return make_grade(question, None, Verdict.NEEDS_REVIEW, feedback=told, failure=failure)


def checked_results(question: Question, text: str, grading: ShortAnswerGrade) -> tuple[tuple[RubricResult, ...], str]:
    """Return a model's results, one a rubric point, and its feedback.

    Raises:
        UnsoundGradeError: a claim does not hold.
    """
    rubric = question.answer_key.rubric
    if len(grading.results) != len(rubric):
        raise UnsoundGradeError("not one result a rubric point")
    pairs = zip(rubric, grading.results, strict=True)
    results = tuple(_checked(question, text, point, result) for point, result in pairs)
    feedback = grading.feedback.strip()
    return results, "" if feedback in EXAMPLE_FEEDBACK else clip(feedback, _LONGEST_FEEDBACK)


def _checked(question: Question, text: str, point: RubricPoint, result: PointGrade) -> RubricResult:
    if not 0 <= result.points <= point.points:
        raise UnsoundGradeError("points out of bounds")
    words = _evidence(question, text, point, result.evidence.strip()) if result.points > 0 else ""
    return RubricResult(point.text, round(result.points, 2), point.points, words)


def _evidence(question: Question, text: str, point: RubricPoint, told: str) -> str:
    """Return the learner's own words that a piece of evidence is taken from."""
    asked = units(question.stem)
    place = _place_of(told, text, asked)
    if place is None:
        raise UnsoundGradeError("evidence is not in the answer")
    if any(start < place[1] and place[0] < end for start, end in _addressed_to_grader(text)):
        raise UnsoundGradeError("evidence speaks to the grader")
    words = text[slice(*place)].strip()
    wanted = units(f"{point.text}\n{question.answer_key.reference}\n{question.source.quote}")
    # Words of the question itself prove no knowledge, unless there are no others.
    if not units(words) & (wanted - asked or wanted):
        raise UnsoundGradeError("evidence has nothing to do with the rubric")
    return words


_RETOLD = 0.6
"""Share of the words of a piece of evidence, beyond those of the question, that the clause it retells has."""
_CLAUSE = re.compile(r"[^;；。！？!?\n]+")


def _place_of(evidence: str, text: str, asked: set[str]) -> tuple[int, int] | None:
    """Return the slice of an answer that says a piece of evidence, or the clause that it retells; None without one."""
    if not fold(evidence):
        return None
    start = text.find(evidence)
    place = (start, start + len(evidence)) if start >= 0 else locate(evidence, text)
    told = units(evidence) - asked
    if place is not None or not told:
        return place
    clauses = [found.span() for found in _CLAUSE.finditer(text) if fold(found[0])]
    best = max(clauses, key=lambda span: len(told & units(text[slice(*span)])), default=None)
    if best is None or len(told & units(text[slice(*best)])) < _RETOLD * len(told):
        return None
    return best


def _grade_of(question: Question, results: tuple[RubricResult, ...], feedback: str) -> Grade:
    points = round(min(question.points, sum(result.points for result in results)), 2)
    verdict = Verdict.CORRECT if points >= question.points else Verdict.PARTIAL if points > 0 else Verdict.INCORRECT
    return make_grade(question, points, verdict, feedback=feedback, rubric_results=results)


_ANSWER_SHEET = re.compile(r"\"(?:points|evidence|results)\"", re.IGNORECASE)
"""Fields of what only the model writes."""


def _addressed_to_grader(text: str) -> list[tuple[int, int]]:
    """Return the slices of sentences that speak to the grader instead of answering."""
    return [
        (s.start, s.end)
        for s in split(text)
        if _ANSWER_SHEET.search(s.text) or any(language.grading.to_grader.search(s.text) for language in LANGUAGES)
    ]
