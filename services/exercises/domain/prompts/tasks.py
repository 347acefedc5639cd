"""What models are asked to do, and the type of what they answer: questions, their own keys, key points, gradings.

A question is asked about a sentence, which is its quote and the last thing that the model reads (ADR 0085). A small
model copies what it reads last. So the last message holds nothing that could pass for a question; the others are the
same for every question of a kind, begin in the same way for all kinds, and an engine reads them once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from services.common.values import Message
from services.exercises.domain.prompts.prompt import Prompt, StructuredAnswer
from services.exercises.values.chat import ChatRequest
from services.exercises.values.question import QuestionKind
from services.kit.json_answers import asked
from services.language.language import Language
from services.language.prompts import texts_in


class QuestionAnswer(StructuredAnswer):
    """A question as a model writes it. Its texts are stripped. A blank text is an error, except inside a list."""

    quote: str
    """The sentence that it is about; asked for only where the model is to choose one."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            match getattr(self, name):
                case str() as text if text.strip():
                    setattr(self, name, text.strip())
                case list() as texts:
                    setattr(self, name, [text.strip() for text in texts])
                case _:
                    raise ValueError(f"{name} is blank")


class SingleChoice(QuestionAnswer):
    """A question with one right option."""

    stem: str
    answer: str
    distractors: Annotated[list[str], asked(minItems=3, maxItems=3)]
    explanation: str


class MultipleChoice(QuestionAnswer):
    """A question with several right options, which the quote lists."""

    stem: str
    correct: Annotated[list[str], asked(minItems=2, maxItems=5)]
    wrong: Annotated[list[str], asked(minItems=3, maxItems=3)]
    explanation: str


class TrueStatement(QuestionAnswer):
    """A statement that says what the quote says."""

    stem: str


class FalseStatement(QuestionAnswer):
    """What is exchanged in the quote to make it false: a model that writes the statement itself may leave it true."""

    original: Annotated[str, asked(minLength=1, maxLength=40)]
    changed: Annotated[str, asked(minLength=1, maxLength=40)]


class FillInTheBlank(QuestionAnswer):
    """A statement with a gap."""

    stem: str
    answer: str
    explanation: str


class ShortAnswer(QuestionAnswer):
    """A question that is answered in a sentence or two."""

    stem: str
    reference: str
    rubric: Annotated[list[str], asked(minItems=2, maxItems=4)]


_QUOTE, _EXPLANATION = "quote", "explanation"


def question_request(
    prompt: Prompt[QuestionAnswer],
    language: Language,
    *,
    material: str,
    focus: str,
    avoid: str = "",
    explained: bool = True,
    model: str = "",
    temperature: float,
    seed: int,
) -> ChatRequest:
    """Return the request for a question about the sentence `focus`; about one of the model's choice if that is empty.

    `avoid` are questions that are not to be repeated, as JSON; empty for none. `explained` says whether the model is to
    explain the key.

    Raises:
        FailedPrecondition: there are no prompts in the language; reason NO_CHAT_PROVIDER.
    """
    request = prompt.request(
        language,
        material=material,
        focus=focus,
        own_quote="" if focus else texts_in(language, prompt.texts).parts["quoting"],
        avoid=avoid,
        without=[*[_QUOTE] * bool(focus), *[_EXPLANATION] * (not explained)],
        model=model,
        temperature=temperature,
        seed=seed,
    )
    if explained:
        return request
    *before, last = request.messages
    return replace(request, messages=(*map(_unexplained, before), last))


_DESCRIBED = re.compile(rf"^{_EXPLANATION}[:：].*\n", re.MULTILINE)


def _unexplained(message: Message) -> Message:
    """Return a message without the description of an explanation, or the example of one."""
    if message.role != "assistant":
        return Message(message.role, _DESCRIBED.sub("", message.content))
    example = {name: value for name, value in json.loads(message.content).items() if name != _EXPLANATION}
    return Message(message.role, json.dumps(example, ensure_ascii=False))


def question_in(prompt: Prompt[QuestionAnswer], value: Mapping[str, Any], focus: str) -> QuestionAnswer:
    """Return the question in a model's JSON, which quotes `focus` where it quotes no other.

    Without an explanation of its own, the quote explains it.

    Raises:
        RefusedError: a field is missing or of another type; reason INVALID_JSON.
    """
    quote = value.get(_QUOTE, focus)
    return prompt.answer.decode({_QUOTE: quote, _EXPLANATION: quote, **value})


def _prompt(kind: QuestionKind, answer: type[QuestionAnswer], text: str = "") -> Prompt[QuestionAnswer]:
    return Prompt.load(kind.value, answer, 500, "question", text or kind.value)


FALSE_STATEMENT = _prompt(QuestionKind.TRUE_FALSE, FalseStatement, "false_statement")
QUESTIONS: Mapping[QuestionKind, Prompt[QuestionAnswer]] = {
    QuestionKind.SINGLE_CHOICE: _prompt(QuestionKind.SINGLE_CHOICE, SingleChoice),
    QuestionKind.MULTIPLE_CHOICE: _prompt(QuestionKind.MULTIPLE_CHOICE, MultipleChoice),
    QuestionKind.TRUE_FALSE: _prompt(QuestionKind.TRUE_FALSE, TrueStatement, "true_statement"),
    QuestionKind.FILL_IN_THE_BLANK: _prompt(QuestionKind.FILL_IN_THE_BLANK, FillInTheBlank),
    QuestionKind.SHORT_ANSWER: _prompt(QuestionKind.SHORT_ANSWER, ShortAnswer),
}
"""By kind; the one of true/false asks for a true statement."""


class OptionLetter(StructuredAnswer):
    """The letter of one option, or of one sentence of the material."""

    answer: str


class OptionLetters(StructuredAnswer):
    """The letters of several options."""

    answer: list[str]


class Truth(StructuredAnswer):
    """Whether a statement is true."""

    answer: bool


class MissingWord(StructuredAnswer):
    """What stands in a gap."""

    answer: Annotated[str, asked(maxLength=40)]


KeyAnswer = OptionLetter | OptionLetters | Truth | MissingWord


def _key_verification(answer: type[KeyAnswer]) -> Prompt[KeyAnswer]:
    return Prompt.load("key_verification", answer, 60)


_LETTER = _key_verification(OptionLetter)
KEY_VERIFICATIONS: Mapping[QuestionKind, Prompt[KeyAnswer]] = {
    QuestionKind.SINGLE_CHOICE: _LETTER,
    QuestionKind.MULTIPLE_CHOICE: _key_verification(OptionLetters),
    QuestionKind.TRUE_FALSE: _key_verification(Truth),
    QuestionKind.FILL_IN_THE_BLANK: _key_verification(MissingWord),
    QuestionKind.SHORT_ANSWER: _LETTER,
}
"""By kind; the part of the text that has the kind's name is its question."""


class QuotedPoint(StructuredAnswer):
    """A sentence of the material, and what it teaches."""

    quote: str
    text: str


class KeyPoints(StructuredAnswer):
    """The key points of a material, the most important first."""

    key_points: list[QuotedPoint]


KEY_POINTS = Prompt.load("key_points", KeyPoints, 1200)
KEY_POINTS_OF_FILE = Prompt.load("key_points_of_file", KeyPoints, 1200)


class PointGrade(StructuredAnswer):
    """What of the answer makes one rubric point, verbatim or empty, and the points that it earns."""

    evidence: str
    points: float


class ShortAnswerGrade(StructuredAnswer):
    """A grading, one result a rubric point in their order."""

    results: list[PointGrade]
    feedback: str = ""


SHORT_ANSWER_GRADE = Prompt.load("short_answer_grade", ShortAnswerGrade, 600)
EXAMPLE_FEEDBACK = frozenset(
    ShortAnswerGrade.decode(json.loads(message.content)).feedback
    for texts in SHORT_ANSWER_GRADE.texts.values()
    for message in texts.messages
    if message.role == "assistant"
)
"""Feedback of the examples, which fits no other answer."""
