"""Whatever a learner writes into a gap, the submission is graded and kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.values import Source
from services.exercises.adapters.clients.fake import FakeChatModel
from services.exercises.adapters.stores.fake import FakeDatabase, FakeSubmissionStore
from services.exercises.domain.grading.short_answers import ShortAnswerGrader
from services.exercises.domain.grading.submissions import Submissions
from services.exercises.messages import answer_value, submission_message
from services.exercises.values.exercise import Exercise, RunState
from services.exercises.values.question import AnswerKey, Generator, Question, QuestionKind
from services.exercises.values.submission import Submission, Verdict
from services.kit.ids import new_id
from services.language.values import same_value
from tests.unit.exercises.fakes import no_model
from tests.unit.language.hostile_values import HOSTILE
from tiku.exercises.v1 import exercises_pb2 as pb

KEYS = ["3.5 kg", "叶绿体", "1/2", "10-20", "H₂O", "1949年10月1日", "x²+1"]
QUESTION = Question(
    question_id=new_id(),
    number=1,
    kind=QuestionKind.FILL_IN_THE_BLANK,
    stem="____" * len(KEYS),
    options=(),
    answer_key=AnswerKey(blanks=tuple((key,) for key in KEYS)),
    explanation="",
    source=Source(0, 1, "q"),
    generator=Generator.CLOZE,
    model="",
    points=7.0,
)


@pytest.fixture(scope="module", autouse=True)
def _dictionaries() -> None:
    """Load what folds traditional characters, as the service does at its start: it reads files."""
    same_value("詞", "词")


async def submit(texts: Sequence[str]) -> Submission:
    """The stored submission of texts in the gaps, which come and go as messages."""
    database = FakeDatabase()
    run_state = RunState.DONE
    exercise = Exercise(
        new_id(), new_id(), "ann", "", "en", (), datetime.now(UTC), run_state=run_state, questions=(QUESTION,)
    )
    database.exercises[exercise.exercise_id] = exercise
    submissions = Submissions(FakeSubmissionStore(database), ShortAnswerGrader(FakeChatModel(lambda _: no_model()), 1))
    message = pb.Answer(
        question_id=QUESTION.question_id, blanks=[text.encode(errors="replace").decode() for text in texts]
    )
    submission = await submissions.submit(exercise, [answer_value(pb.Answer.FromString(message.SerializeToString()))])
    assert database.submissions == {submission.submission_id: submission}
    assert submission_message(submission).SerializeToString()
    return submission


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_text_is_a_wrong_answer(text: str) -> None:
    (grade,) = (await submit([text[:1024]] * len(KEYS))).grades
    assert grade.verdict is Verdict.INCORRECT


async def test_the_key_itself_is_right_beside_it() -> None:
    (grade,) = (await submit([*KEYS[:-1], "一" + "亿" * 600])).grades
    assert (grade.verdict, grade.points) == (Verdict.PARTIAL, 6.0)


@given(st.lists(st.text(max_size=80), min_size=len(KEYS), max_size=len(KEYS)))
async def test_any_text_is_graded(texts: list[str]) -> None:
    assert len((await submit(texts)).grades) == 1
