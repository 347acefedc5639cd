"""The answers of a learner who is mostly right, and the grades that they must get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiku.exercises.v1 import exercises_pb2 as pb

WRONG_EVERY = 3
"""Every third question is answered wrong."""
NO_WORD = "∅"
"""An answer for a gap that no key accepts."""

Verdicts = frozenset[pb.Verdict.ValueType]
CORRECT: Verdicts = frozenset({pb.VERDICT_CORRECT})
INCORRECT: Verdicts = frozenset({pb.VERDICT_INCORRECT})
UNANSWERED: Verdicts = frozenset({pb.VERDICT_UNANSWERED})
REFERENCE_GIVEN: Verdicts = frozenset({pb.VERDICT_CORRECT, pb.VERDICT_PARTIAL, pb.VERDICT_NEEDS_REVIEW})
"""A model grades short answers, and a small one may ask for a person's review even of the reference itself."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An answer, whether it is meant to be right, and the verdicts that it may get."""

    answer: pb.Answer
    right: bool
    allowed: Verdicts


class NoKeyError(ValueError):
    """A question came without the key that its kind needs."""


def plan(questions: Sequence[pb.Question]) -> list[Planned]:
    """Return an answer to each question, made from its key."""
    return [
        wrong(question) if index % WRONG_EVERY == WRONG_EVERY - 1 else right(question)
        for index, question in enumerate(questions)
    ]


def right(question: pb.Question) -> Planned:
    """Return the answer that the key holds; a question without a key raises `NoKeyError`."""
    key, answer = question.answer_key, pb.Answer(question_id=question.question_id)
    match question.kind:
        case pb.QUESTION_KIND_SINGLE_CHOICE | pb.QUESTION_KIND_MULTIPLE_CHOICE if key.option_keys:
            answer.option_keys.extend(key.option_keys)
        case pb.QUESTION_KIND_TRUE_FALSE if key.HasField("truth"):
            answer.truth = key.truth
        case pb.QUESTION_KIND_FILL_IN_THE_BLANK if key.blanks and all(blank.accepted for blank in key.blanks):
            answer.blanks.extend(blank.accepted[0] for blank in key.blanks)
        case pb.QUESTION_KIND_SHORT_ANSWER if key.reference:
            answer.text = key.reference
            return Planned(answer, True, REFERENCE_GIVEN)
        case _:
            raise NoKeyError(f"question {question.number} has no key for its kind")
    return Planned(answer, True, CORRECT)


def wrong(question: pb.Question) -> Planned:
    """Return a wrong answer; for a short answer none, since nobody can foresee the grade of a wrong one."""
    key, answer = question.answer_key, pb.Answer(question_id=question.question_id)
    match question.kind:
        case pb.QUESTION_KIND_SINGLE_CHOICE | pb.QUESTION_KIND_MULTIPLE_CHOICE:
            others = [option.key for option in question.options if option.key not in key.option_keys]
            if not others:
                return Planned(answer, False, UNANSWERED)
            answer.option_keys.append(others[0])
        case pb.QUESTION_KIND_TRUE_FALSE if key.HasField("truth"):
            answer.truth = not key.truth
        case pb.QUESTION_KIND_FILL_IN_THE_BLANK:
            answer.blanks.extend(NO_WORD for _ in key.blanks)
        case pb.QUESTION_KIND_SHORT_ANSWER:
            return Planned(answer, False, UNANSWERED)
        case _:
            raise NoKeyError(f"question {question.number} has no key for its kind")
    return Planned(answer, False, INCORRECT)


def faults(planned: Sequence[Planned], submission: pb.Submission) -> list[str]:
    """Return what is wrong with the grades, a line for each fault."""
    found: list[str] = []
    grades = {grade.question_id: grade for grade in submission.grades}
    for number, expected in enumerate(planned, start=1):
        grade = grades.get(expected.answer.question_id)
        if grade is None:
            found.append(f"question {number} was not graded")
        elif grade.verdict not in expected.allowed:
            allowed = " or ".join(sorted(pb.Verdict.Name(verdict) for verdict in expected.allowed))
            found.append(f"question {number}: {pb.Verdict.Name(grade.verdict)} where {allowed} was due")
        elif not _points_fit(grade):
            found.append(f"question {number}: {grade.points} of {grade.max_points} points do not fit its verdict")
    return found


def _points_fit(grade: pb.Grade) -> bool:
    match grade.verdict:
        case pb.VERDICT_CORRECT:
            return grade.points == grade.max_points > 0
        case pb.VERDICT_PARTIAL:
            return 0 < grade.points < grade.max_points
        case pb.VERDICT_NEEDS_REVIEW:
            return not grade.HasField("points")
        case _:
            return grade.points == 0
