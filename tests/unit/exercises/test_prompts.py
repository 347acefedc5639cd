"""Prompts: the texts of every language say what the type of the answer says, and their examples are such answers."""

from __future__ import annotations

import json
import re

import pytest

from services.exercises.domain.prompts.prompt import Prompt, StructuredAnswer
from services.exercises.domain.prompts.tasks import (
    FALSE_STATEMENT,
    KEY_POINTS,
    KEY_VERIFICATIONS,
    QUESTIONS,
    SHORT_ANSWER_GRADE,
    QuestionAnswer,
)
from services.language.detection import LANGUAGES
from services.language.prompts import fill

KINDS = [*QUESTIONS.values(), FALSE_STATEMENT]
PROMPTS = [*KINDS, *KEY_VERIFICATIONS.values(), KEY_POINTS, SHORT_ANSWER_GRADE]


@pytest.mark.parametrize("language", [language.code for language in LANGUAGES])
@pytest.mark.parametrize("prompt", KINDS, ids=lambda prompt: prompt.answer.__name__)
def test_the_fields_are_described_in_their_order_and_the_example_is_an_answer(
    prompt: Prompt[QuestionAnswer], language: str
) -> None:
    texts = prompt.texts[language]
    fields = list(prompt.answer.schema()["properties"])
    assert re.findall(r"^(\w+)(?:：|: )", texts.parts["fields"], re.MULTILINE) == fields
    example = json.loads(texts.parts["example"])
    assert list(example) == fields
    assert prompt.answer.decode(example).quote == texts.parts["example_focus"]
    assert texts.parts["example_focus"] in texts.messages[1].content.split("\n")[1]


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: prompt.answer.__name__)
def test_every_language_asks_in_the_same_form(prompt: Prompt[StructuredAnswer]) -> None:
    forms = [
        [(m.role, re.findall(r"\{\w+\}", m.content), m.content.count("\n")) for m in texts.messages]
        for texts in prompt.texts.values()
    ]
    assert forms[0] == forms[1]
    parts = [[*texts.parts] for texts in prompt.texts.values()]
    assert parts[0] == parts[1]


def test_a_line_with_an_empty_value_is_left_out_and_a_value_is_not_filled_itself() -> None:
    text = "Material:\n{material}\nAsk about: {focus}\nAvoid: {avoid}"
    assert fill(text, {"material": "a\n{focus}", "focus": "", "avoid": "x"}) == "Material:\na\n{focus}\nAvoid: x"
