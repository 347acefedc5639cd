"""What every store of submissions owes the domain."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec

from services.exercises.domain.grading.objective import make_grade
from services.exercises.values.submission import Submission, Verdict
from services.kit.ids import new_id
from tests.contract.exercises_stores.conftest import Stores
from tests.contract.exercises_stores.examples import begun, question


async def test_submissions_come_back_as_they_were(stores: Stores) -> None:
    made = await begun(stores.runs)
    asked = question(1)
    grades = (make_grade(asked, 1.5, Verdict.CORRECT), make_grade(asked, None, Verdict.NEEDS_REVIEW, feedback="看"))
    as_json = json.loads(msgspec.json.encode(grades))
    submission = Submission(new_id(), made.exercise_id, "ann", grades, datetime.now(UTC))
    assert await stores.submissions.add(submission)
    assert await stores.stored_submissions() == [
        (submission.submission_id, made.exercise_id, "ann", as_json, submission.create_time)
    ]


async def test_an_exercise_takes_many_submissions_and_one_that_is_gone_takes_none(stores: Stores) -> None:
    made = await begun(stores.runs)
    ids = [new_id() for _ in range(3)]
    for submission_id in ids:
        assert await stores.submissions.add(Submission(submission_id, made.exercise_id, "ann", (), datetime.now(UTC)))
    assert not await stores.submissions.add(Submission(new_id(), new_id(), "ann", (), datetime.now(UTC)))
    assert [stored[0] for stored in await stores.stored_submissions()] == ids
