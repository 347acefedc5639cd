"""An answer is judged by what its model says of what it read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.kit.errors import Unavailable
from services.retrieval.adapters.calibrations import toml
from services.retrieval.adapters.clients.fake import FakeChatModel, FakeJudge
from services.retrieval.domain.answering.answerability import AnswerabilityCheck
from services.retrieval.values.answer import AnswerDone, AnswerOutcome, Portion
from services.retrieval.values.calibration import JudgeCalibration
from services.retrieval.values.chat import Verdict
from tests.unit.retrieval.fakes import query
from tests.unit.retrieval.test_answerer import HITS, QUESTION, answerer
from tests.waiting import at_once

KNOWN = {"scripted": JudgeCalibration({"en": 0.5})}
CITED = ["Water boils at 100 degrees Celsius [1]."]


class LateJudge(FakeJudge):
    """Says nothing in time."""

    async def judge(self, question: str, text: str) -> Verdict:
        await asyncio.sleep(60)
        return await super().judge(question, text)


def portions(*texts: str) -> list[Portion]:
    return [Portion(number, text) for number, text in enumerate(texts, start=1)]


async def done(judge: FakeJudge, pieces: Sequence[str] = CITED, question: str = QUESTION) -> AnswerDone:
    subject = replace(answerer(FakeChatModel(pieces)), answerability=AnswerabilityCheck(judge, KNOWN))
    events = [event async for event in subject.answer(query(question))]
    end = events[-1]
    assert isinstance(end, AnswerDone)
    return end


async def test_what_holds_the_question_passes_and_what_does_not_is_refused() -> None:
    check = AnswerabilityCheck(FakeJudge(), KNOWN)
    holds, usage = await check.holds_answer("where do frogs live", portions("frogs live", "where do"))
    assert (holds, usage.total_tokens) == (True, 8)
    assert (await check.holds_answer("where do frogs live", portions("toads live here")))[0] is False


@pytest.mark.parametrize(
    "judge", [FakeJudge("another"), FakeJudge(error=Unavailable("Gone.")), FakeJudge("SCRIPTED-0.5B")]
)
async def test_only_a_model_that_was_measured_refuses(judge: FakeJudge) -> None:
    holds, _ = await AnswerabilityCheck(judge, KNOWN).holds_answer("where do frogs live", portions("toads"))
    assert holds is (judge.model != "SCRIPTED-0.5B")


async def test_a_language_that_was_not_measured_passes() -> None:
    assert (await AnswerabilityCheck(FakeJudge(), KNOWN).holds_answer("青蛙住在哪里", portions("蟾蜍")))[0]


async def test_a_model_that_doubts_what_it_answered_from_has_not_answered() -> None:
    judge = FakeJudge(error=None)
    end = await done(judge, question="At what temperature does water boil on the moon of Jupiter today?")
    assert end.outcome is AnswerOutcome.NOT_IN_MATERIAL
    assert end.text.startswith(CITED[0])
    assert end.usage.total_tokens == 15 + 8
    ((_, text),) = judge.asked
    assert all(hit.chunk.text in text for hit in HITS)


async def test_an_answer_that_the_model_stands_by_is_one() -> None:
    judge = FakeJudge(error=Unavailable("Gone."))
    assert (await done(judge)).outcome is AnswerOutcome.ANSWERED
    assert len(judge.asked) == 1


@pytest.mark.parametrize("pieces", [["NOT_IN_MATERIAL"], [], ["Napoleon crossed the Alps with elephants."]])
async def test_what_is_no_answer_is_not_judged(pieces: Sequence[str]) -> None:
    judge = FakeJudge()
    await done(judge, pieces)
    assert not judge.asked


async def test_an_overview_is_not_judged() -> None:
    judge = FakeJudge()
    await done(judge, question="Summarize the material.")
    assert not judge.asked


async def test_a_judge_that_is_late_is_not_waited_for() -> None:
    async with at_once(2.0):
        holds, _ = await AnswerabilityCheck(LateJudge(), KNOWN, 0.05).holds_answer("q", portions("text"))
    assert holds


def test_the_models_that_ship_are_calibrated_in_both_languages() -> None:
    assert {code for known in toml.load_judges().values() for code in known.least} == {"zh", "en"}
