from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from services.client.errors import ApiError
from services.client.rest import TikuClient
from services.evaluation.grading import GradedAnswer, RestChatModel, agreement, measure, read_answers
from services.evaluation.sets import NotASetError
from tiku.llm.v1 import llm_pb2

QUESTION = """<?xml version="1.0"?>
<question id="X">
  <questionText>What does chlorophyll do?</questionText>
  <referenceAnswers><referenceAnswer id="a">It absorbs light.</referenceAnswer></referenceAnswers>
  <studentAnswers>
    <studentAnswer id="1" accuracy="correct">It absorbs light.</studentAnswer>
    <studentAnswer id="2" accuracy="contradictory">It reflects red light.</studentAnswer>
    <studentAnswer id="3" accuracy="incorrect"> </studentAnswer>
  </studentAnswers>
</question>
"""


def test_a_set_is_read_with_what_people_found(tmp_path: Path) -> None:
    (tmp_path / "X.xml").write_text(QUESTION, encoding="utf-8")
    question, reference = "What does chlorophyll do?", "It absorbs light."
    assert read_answers(tmp_path) == [
        GradedAnswer(question, reference, "It absorbs light.", True),
        GradedAnswer(question, reference, "It reflects red light.", False),
    ]


@pytest.mark.parametrize("content", ["<question/>", "no xml", "<question><questionText>?</questionText></question>"])
def test_what_is_no_set_says_so(tmp_path: Path, content: str) -> None:
    (tmp_path / "X.xml").write_text(content, encoding="utf-8")
    with pytest.raises(NotASetError):
        read_answers(tmp_path)


def test_agreement_counts_what_was_left_to_a_person_apart() -> None:
    told = agreement("m", [(True, True), (True, False), (False, False), (False, False), (True, None)])
    assert (told.answers, told.reviewed) == (5, 1)
    assert told.agreement == 0.75
    assert told.kappa == pytest.approx(0.5)
    assert told.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert told.macro_f1_of_all == pytest.approx((2 / 4 + 4 / 5) / 2)


def test_without_a_graded_answer_nothing_is_divided_by_zero() -> None:
    assert agreement("", [(True, None)]).macro_f1 == 0
    assert agreement("m", [(True, True)]).kappa == 0


class FakeStack:
    """Gives points to answers that absorb, and fails on one word."""

    def __init__(self, *, reason: str = "") -> None:
        self.reason = reason

    async def chat(self, request: llm_pb2.ChatRequest, seconds: float) -> llm_pb2.ChatResponse:
        answer = json.loads(request.messages[-1].content)["answer"]
        if self.reason or "fails" in answer:
            raise ApiError(503, self.reason or "PROVIDER_DOWN", "It is away.", (), "r")
        right = "absorbs" in answer
        result = {"evidence": answer if right else "", "points": 2 if right else 0}
        content = json.dumps({"results": [result], "feedback": ""})
        return llm_pb2.ChatResponse(message=llm_pb2.ChatMessage(content=content), model="fake-1")


ANSWERS = [
    GradedAnswer("What does it do?", "It absorbs light.", text, right)
    for text, right in (("It absorbs light", True), ("It eats", False), ("It fails", True))
]


async def test_the_grader_of_the_service_is_measured() -> None:
    steps: list[tuple[int, int]] = []
    model = RestChatModel(cast(TikuClient, FakeStack()), 5)
    told = await measure(model, ANSWERS, 5, lambda *step: steps.append(step))
    assert (told.model, told.answers, told.reviewed, told.agreement) == ("fake-1", 3, 1, 1.0)
    assert steps[-1] == (3, 3)


async def test_without_a_model_there_is_nothing_to_measure() -> None:
    model = RestChatModel(cast(TikuClient, FakeStack(reason="NO_CHAT_PROVIDER")), 5)
    with pytest.raises(ApiError):
        await measure(model, ANSWERS, 5, lambda *_: None)
