"""Confirming keys: the question without its key, and what counts as the same answer."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from services.exercises.domain.generation.key_verification import KeyVerification, is_certain
from services.exercises.values.question import Draft, Generator, Passage, QuestionKind, Substitution

PASSAGE = Passage(
    "4 The leaf\n\nA leaf catches light. Chlorophyll absorbs red light and blue light. Carotenoids absorb green light. "
    + "Water enters through the roots. " * 20
)
QUOTE = "Chlorophyll absorbs red light and blue light."
SINGLE = Draft(
    kind=QuestionKind.SINGLE_CHOICE,
    stem="Which pigment absorbs red light?",
    quote=QUOTE,
    explanation="The secret explanation.",
    generator=Generator.MODEL,
    options=("Carotene", "Chlorophyll", "Xanthophyll"),
    correct=(1,),
)
MULTIPLE = dataclasses.replace(
    SINGLE, kind=QuestionKind.MULTIPLE_CHOICE, options=("red", "green", "blue"), correct=(0, 2)
)
TRUE = dataclasses.replace(
    SINGLE, kind=QuestionKind.TRUE_FALSE, stem="Red light is absorbed.", options=(), correct=(), truth=True
)
BLANK = dataclasses.replace(TRUE, kind=QuestionKind.FILL_IN_THE_BLANK, stem="Red is absorbed by ____.", truth=None,
                            blanks=(("Chlorophyll",),))  # fmt: skip
SHORT = dataclasses.replace(TRUE, kind=QuestionKind.SHORT_ANSWER, stem="What absorbs red light?", truth=None,
                            reference="The secret reference.")  # fmt: skip


def key_verification(draft: Draft) -> KeyVerification:
    return KeyVerification(draft, QUOTE, PASSAGE, "m")


@pytest.mark.parametrize("draft", [SINGLE, MULTIPLE, TRUE, BLANK, SHORT], ids=lambda draft: draft.kind.value)
def test_the_question_is_asked_after_its_surroundings_and_without_its_key(draft: Draft) -> None:
    request = key_verification(draft).request
    assert (request.schema_name, request.temperature, request.model) == ("key_verification", 0.0, "m")
    prompt = request.messages[-1].content
    assert prompt.index(QUOTE) < prompt.index(draft.stem)
    assert "Carotenoids absorb green light." in prompt
    assert len(prompt) < 600
    assert "secret" not in json.dumps([turn.content for turn in request.messages])
    assert request.max_tokens <= 60


@pytest.mark.parametrize(
    ("draft", "answer", "holds"),
    [
        (SINGLE, "B", True),
        (SINGLE, "A", False),
        (SINGLE, "Z", False),
        (SINGLE, 2, False),
        (SINGLE, None, False),
        (MULTIPLE, ["A", "C"], True),
        # What the source lists is right, whether the model sees it or not; what else it ticks is a doubt.
        (MULTIPLE, ["C"], True),
        (MULTIPLE, ["A", "B", "C"], False),
        (MULTIPLE, [], False),
        (TRUE, True, True),
        (TRUE, False, False),
        (TRUE, "true", False),
        (BLANK, "chlorophyll.", True),
        (BLANK, "Chlorophyll a", True),
        (BLANK, "the leaf", False),
        (BLANK, "", False),
    ],
)
def test_an_answer_confirms_the_key_or_not(draft: Draft, answer: Any, *, holds: bool) -> None:
    assert key_verification(draft).holds({"answer": answer}) is holds


def test_a_short_answer_is_confirmed_by_the_sentence_that_answers_it() -> None:
    asked = key_verification(SHORT)
    lines = [line for line in asked.request.messages[-1].content.splitlines() if line[1:3] == ". "]
    letters = {line[3:]: line[0] for line in lines}
    assert "4 The leaf" not in letters
    assert asked.holds({"answer": letters[QUOTE]})
    assert not asked.holds({"answer": letters["Carotenoids absorb green light."]})


@pytest.mark.parametrize(
    ("draft", "certain"),
    [
        (SINGLE, False),
        (MULTIPLE, False),
        (SHORT, False),
        (TRUE, False),
        (dataclasses.replace(TRUE, stem=QUOTE), True),
        (dataclasses.replace(TRUE, truth=False, substitution=Substitution("red", "green")), True),
        (BLANK, False),
        (dataclasses.replace(BLANK, stem="____ absorbs red light and blue light."), True),
    ],
)
def test_what_is_right_by_construction_is_not_asked_for(draft: Draft, *, certain: bool) -> None:
    assert is_certain(draft, QUOTE) is certain
