from __future__ import annotations

import pytest

from services.demo.answers import NoKeyError, faults, plan, right, wrong
from tiku.exercises.v1 import exercises_pb2 as pb

CHOICE = pb.Question(
    question_id="1",
    number=1,
    kind=pb.QUESTION_KIND_MULTIPLE_CHOICE,
    options=[pb.Option(key=key) for key in "ABCD"],
    answer_key=pb.AnswerKey(option_keys=["A", "C"]),
)
TRUTH = pb.Question(question_id="2", number=2, kind=pb.QUESTION_KIND_TRUE_FALSE, answer_key=pb.AnswerKey(truth=False))
BLANKS = pb.Question(
    question_id="3",
    number=3,
    kind=pb.QUESTION_KIND_FILL_IN_THE_BLANK,
    answer_key=pb.AnswerKey(blanks=[pb.Blank(accepted=["水", "水分"]), pb.Blank(accepted=["光"])]),
)
SHORT = pb.Question(
    question_id="4", number=4, kind=pb.QUESTION_KIND_SHORT_ANSWER, answer_key=pb.AnswerKey(reference="Because.")
)


def test_right_answers_are_the_keys() -> None:
    assert right(CHOICE).answer == pb.Answer(question_id="1", option_keys=["A", "C"])
    assert right(TRUTH).answer == pb.Answer(question_id="2", truth=False)
    assert right(BLANKS).answer == pb.Answer(question_id="3", blanks=["水", "光"])
    assert right(SHORT).answer == pb.Answer(question_id="4", text="Because.")


def test_wrong_answers_hold_nothing_of_the_key() -> None:
    assert wrong(CHOICE).answer == pb.Answer(question_id="1", option_keys=["B"])
    assert wrong(TRUTH).answer == pb.Answer(question_id="2", truth=True)
    assert wrong(BLANKS).answer == pb.Answer(question_id="3", blanks=["∅", "∅"])
    assert wrong(SHORT).answer == pb.Answer(question_id="4")


def test_every_third_answer_is_wrong() -> None:
    assert [one.right for one in plan([CHOICE, TRUTH, BLANKS, SHORT, CHOICE])] == [True, True, False, True, True]


@pytest.mark.parametrize("kind", sorted(set(pb.QuestionKind.values())))
def test_a_question_without_its_key_is_refused(kind: pb.QuestionKind.ValueType) -> None:
    with pytest.raises(NoKeyError, match="question 7"):
        right(pb.Question(number=7, kind=kind))


def graded(**changes: pb.Grade) -> pb.Submission:
    sound = {
        "1": pb.Grade(question_id="1", verdict=pb.VERDICT_CORRECT, points=2, max_points=2),
        "2": pb.Grade(question_id="2", verdict=pb.VERDICT_CORRECT, points=1, max_points=1),
        "3": pb.Grade(question_id="3", verdict=pb.VERDICT_INCORRECT, points=0, max_points=1),
        "4": pb.Grade(question_id="4", verdict=pb.VERDICT_NEEDS_REVIEW, max_points=3),
    }
    return pb.Submission(grades=(sound | {key.removeprefix("q"): grade for key, grade in changes.items()}).values())


def test_sound_grades_have_no_fault() -> None:
    assert faults(plan([CHOICE, TRUTH, BLANKS, SHORT]), graded()) == []


@pytest.mark.parametrize(
    ("grade", "fault"),
    [
        (
            pb.Grade(question_id="3", verdict=pb.VERDICT_CORRECT, points=1, max_points=1),
            "VERDICT_CORRECT where VERDICT_INCORRECT",
        ),
        (pb.Grade(question_id="3", verdict=pb.VERDICT_INCORRECT, points=1, max_points=1), "1.0 of 1.0 points"),
        (pb.Grade(question_id="x", verdict=pb.VERDICT_INCORRECT, max_points=1), "question 3 was not graded"),
    ],
)
def test_a_wrong_grade_is_named(grade: pb.Grade, fault: str) -> None:
    [found] = faults(plan([CHOICE, TRUTH, BLANKS, SHORT]), graded(q3=grade))
    assert fault in found


def test_a_guessed_score_for_review_is_a_fault() -> None:
    guessed = pb.Grade(question_id="4", verdict=pb.VERDICT_NEEDS_REVIEW, points=1, max_points=3)
    [found] = faults(plan([CHOICE, TRUTH, BLANKS, SHORT]), graded(q4=guessed))
    assert "question 4" in found
