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
    question_in,
    question_request,
)
from services.exercises.values.question import QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.detection import LANGUAGES
from services.language.language import Language
from services.language.prompts import fill, texts_in

KINDS = [*QUESTIONS.values(), FALSE_STATEMENT]
PROMPTS = [*KINDS, *KEY_VERIFICATIONS.values(), KEY_POINTS, SHORT_ANSWER_GRADE]


@pytest.mark.parametrize("language", [language.code for language in LANGUAGES])
@pytest.mark.parametrize("prompt", KINDS, ids=lambda prompt: prompt.answer.__name__)
def test_the_fields_are_described_in_their_order_and_the_example_is_an_answer(
    prompt: Prompt[QuestionAnswer], language: str
) -> None:
    texts = prompt.texts[language]
    fields = list(prompt.answer.schema(["quote"])["properties"])
    assert re.findall(r"^(\w+)(?:：|: )", texts.parts["fields"], re.MULTILINE) == fields
    example = json.loads(texts.parts["example"])
    assert list(example) == fields
    assert question_in(prompt, example, texts.parts["example_focus"]).quote == texts.parts["example_focus"]
    assert texts.parts["example_focus"] in texts.messages[1].content.split("\n")[1]


@pytest.mark.parametrize("language", [*LANGUAGES], ids=lambda language: language.code)
@pytest.mark.parametrize("prompt", KINDS, ids=lambda prompt: prompt.answer.__name__)
def test_a_quote_is_asked_for_only_where_no_sentence_is_named(
    prompt: Prompt[QuestionAnswer], language: Language
) -> None:
    about = question_request(prompt, language, material="M", focus="F.", seed=0, temperature=0)
    free = question_request(prompt, language, material="M", focus="", seed=0, temperature=0)
    assert free.schema["required"] == ["quote", *about.schema["required"]]
    assert list(about.schema["properties"]) == about.schema["required"]
    assert texts_in(language, prompt.texts).parts["quoting"] in free.messages[-1].content.split("\n")
    assert "quote" not in "\n".join(message.content for message in about.messages)
    assert about.messages[-1].content.endswith("F.")


@pytest.mark.parametrize("prompt", KINDS, ids=lambda prompt: prompt.answer.__name__)
def test_an_explanation_need_not_be_asked_for(prompt: Prompt[QuestionAnswer]) -> None:
    language = LANGUAGES.by_code("en")
    asked = question_request(prompt, language, material="M", focus="F.", seed=0, temperature=0)
    short = question_request(prompt, language, material="M", focus="F.", explained=False, seed=0, temperature=0)
    assert short.schema["required"] == [name for name in asked.schema["required"] if name != "explanation"]
    assert "explanation" not in "\n".join(message.content for message in short.messages)
    assert [m.role for m in short.messages] == [m.role for m in asked.messages]
    assert json.loads(short.messages[2].content).keys() == set(short.schema["required"])
    assert short.messages[-1] == asked.messages[-1]


def test_what_the_material_says_of_an_explanation_stays() -> None:
    choice = QUESTIONS[QuestionKind.SINGLE_CHOICE]
    said = "explanation: a text.\nIt explains."
    request = question_request(
        choice, LANGUAGES.by_code("en"), material=said, focus="F.", explained=False, seed=0, temperature=0
    )
    assert said in request.messages[-1].content


@pytest.mark.parametrize("language", [language.code for language in LANGUAGES])
def test_all_kinds_begin_alike_as_far_as_the_material_of_the_example(language: str) -> None:
    texts = [prompt.texts[language].messages for prompt in KINDS]
    assert len({messages[0].content for messages in texts}) == 1
    assert len({messages[1].content.partition("\n\n")[0] for messages in texts}) == 1


def test_a_question_quotes_the_sentence_that_it_was_asked_about_unless_it_quotes_another() -> None:
    true = QUESTIONS[QuestionKind.TRUE_FALSE]
    assert question_in(true, {"stem": "S"}, "F.").quote == "F."
    assert question_in(true, {"quote": "Q.", "stem": "S"}, "F.").quote == "Q."
    with pytest.raises(RefusedError, match=Refusal.INVALID_JSON):
        question_in(true, {"stem": "S"}, "")


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
