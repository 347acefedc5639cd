"""Grading of the objective kinds: exact, the same every time.

Multiple choice is scored "right minus wrong", so that choosing everything is no safe way to points. What is right in a
gap is in `gaps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.common.model_failures import NONE, ModelFailure
from services.exercises.domain.grading.gaps import right_gaps
from services.exercises.values.question import Question, QuestionKind
from services.exercises.values.submission import Answer, Grade, RubricResult, Verdict
from services.kit.errors import FieldViolation, InvalidArgument


def match_answers(questions: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Answer]:
    """Return answers by question id.

    Raises:
        InvalidArgument: some do not fit their questions; every field that does not is named.
    """
    by_id = {question.question_id: question for question in questions}
    matched: dict[str, Answer] = {}
    violations: list[FieldViolation] = []
    for index, answer in enumerate(answers):
        path = f"answers[{index}]"
        question = by_id.get(answer.question_id)
        if question is None:
            violations.append(FieldViolation(f"{path}.question_id", "must be a question of this exercise"))
        elif answer.question_id in matched:
            violations.append(FieldViolation(f"{path}.question_id", "must not repeat an earlier answer's"))
        else:
            violations.extend(_misfits(path, question, answer))
            matched[answer.question_id] = answer
    if violations:
        raise InvalidArgument(
            f"{violations[0].field} {violations[0].description}.", reason="INVALID_ANSWER", violations=violations
        )
    return matched


_FIELD = {
    QuestionKind.SINGLE_CHOICE: "option_keys",
    QuestionKind.MULTIPLE_CHOICE: "option_keys",
    QuestionKind.TRUE_FALSE: "truth",
    QuestionKind.FILL_IN_THE_BLANK: "blanks",
    QuestionKind.SHORT_ANSWER: "text",
}


def _misfits(path: str, question: Question, answer: Answer) -> Iterator[FieldViolation]:
    """Yield every rule that an answer breaks against its question."""
    own = _FIELD[question.kind]
    for name in dict.fromkeys(_FIELD.values()):
        if name != own and getattr(answer, name) not in ((), "", None):
            rule = f"must not be set for a question of kind {question.kind.name}; set {own}"
            yield FieldViolation(f"{path}.{name}", rule)
    chosen, keys = answer.option_keys, {option.key for option in question.options}
    gaps = len(question.answer_key.blanks)
    if own == "option_keys" and not keys.issuperset(chosen):
        yield FieldViolation(f"{path}.option_keys", f"must be among {', '.join(sorted(keys))}")
    elif own == "option_keys" and len(set(chosen)) < len(chosen):
        yield FieldViolation(f"{path}.option_keys", "must not name an option twice")
    elif question.kind is QuestionKind.SINGLE_CHOICE and len(chosen) > 1:
        yield FieldViolation(f"{path}.option_keys", "must name one option")
    elif own == "blanks" and answer.blanks and len(answer.blanks) != gaps:
        yield FieldViolation(f"{path}.blanks", f"must hold {gaps} {'entry' if gaps == 1 else 'entries'}, one a gap")


def grade(question: Question, answer: Answer | None) -> Grade:
    """Return the grade of an answer that fits its objective question (`match_answers`)."""
    if answer is None or not is_answered(answer):
        return make_grade(question, 0.0, Verdict.UNANSWERED)
    share = _share(question, answer)
    points = round(share * question.points, 2)
    verdict = Verdict.CORRECT if share >= 1 else Verdict.PARTIAL if points > 0 else Verdict.INCORRECT
    return make_grade(question, points, verdict)


def is_answered(answer: Answer) -> bool:
    """Return whether anything was answered at all."""
    return bool(
        answer.option_keys
        or answer.truth is not None
        or any(blank.strip() for blank in answer.blanks)
        or answer.text.strip()
    )


def make_grade(
    question: Question,
    points: float | None,
    verdict: Verdict,
    *,
    feedback: str = "",
    rubric_results: tuple[RubricResult, ...] = (),
    failure: ModelFailure = NONE,
) -> Grade:
    """Return a grade that carries what its question teaches; `failure` is how the model failed to grade."""
    return Grade(
        question_id=question.question_id,
        verdict=verdict,
        points=points,
        max_points=question.points,
        answer_key=question.answer_key,
        explanation=question.explanation,
        source=question.source,
        feedback=feedback,
        rubric_results=rubric_results,
        model_reason=failure.reason,
        model_message=failure.message,
    )


def _share(question: Question, answer: Answer) -> float:
    """Return the part of the points that an answer earns, 0 to 1."""
    key = question.answer_key
    match question.kind:
        case QuestionKind.SINGLE_CHOICE:
            return float(set(answer.option_keys) == set(key.option_keys))
        case QuestionKind.MULTIPLE_CHOICE:
            chosen, right = set(answer.option_keys), set(key.option_keys)
            return max(0.0, (len(chosen & right) - len(chosen - right)) / len(right))
        case QuestionKind.TRUE_FALSE:
            return float(answer.truth is key.truth)
        case QuestionKind.FILL_IN_THE_BLANK:
            return right_gaps(question, answer.blanks) / len(key.blanks)
        case QuestionKind.SHORT_ANSWER:
            raise ValueError("short answers are graded against their rubric")
