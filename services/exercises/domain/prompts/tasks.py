"""What models are asked to do, and the type of what they answer: questions, their own keys, key points, gradings.

The quote comes first, so that the question is written from it (ADR 0018). A small model copies what it reads last. So
the last message holds nothing that could pass for a question; the others are the same for every question of a kind,
and an engine reads them once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

from services.exercises.domain.prompts.prompt import Prompt, StructuredAnswer
from services.exercises.values.question import QuestionKind
from services.kit.json_answers import asked


class QuestionAnswer(StructuredAnswer):
    """A question as a model writes it. Its texts are stripped. A blank text is an error, except inside a list."""

    quote: str

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
