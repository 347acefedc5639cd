"""Asking for a question of one kind.

A model is asked for one question a call: small models repeat themselves in lists, and one object is complete sooner
than five. The quote comes first in the schema, so that the question is written from it. The right answer and the wrong
ones are separate fields instead of letters: no key can be missing or double.

A small model copies what it reads last. So the system message describes the fields, a worked example about an invented
place follows, and the last message holds the material and the sentence to ask about, and nothing that could pass for a
question. All but the last message are the same for every question of a kind: an engine reads them once.

`question.md` is the conversation that asks for a question of any kind; the file of a kind has the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from services.exercises.domain.prompts.prompt import Prompt, StructuredAnswer, asked
from services.exercises.values.question import QuestionKind


class QuestionAnswer(StructuredAnswer):
    """A question as a model writes it. Its texts are stripped, and none but a list's is blank."""

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
    """What is exchanged in the quote to make it false: what a model is asked to make false, it may well leave true."""

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


_MAX_TOKENS = 500
_CONVERSATION = "question"


def _prompt(kind: QuestionKind, answer: type[QuestionAnswer], text: str = "") -> Prompt[QuestionAnswer]:
    return Prompt.load(kind.value, answer, _MAX_TOKENS, _CONVERSATION, text or kind.value)


FALSE_STATEMENT = _prompt(QuestionKind.TRUE_FALSE, FalseStatement, "false_statement")
QUESTIONS: Mapping[QuestionKind, Prompt[QuestionAnswer]] = MappingProxyType(
    {
        QuestionKind.SINGLE_CHOICE: _prompt(QuestionKind.SINGLE_CHOICE, SingleChoice),
        QuestionKind.MULTIPLE_CHOICE: _prompt(QuestionKind.MULTIPLE_CHOICE, MultipleChoice),
        QuestionKind.TRUE_FALSE: _prompt(QuestionKind.TRUE_FALSE, TrueStatement, "true_statement"),
        QuestionKind.FILL_IN_THE_BLANK: _prompt(QuestionKind.FILL_IN_THE_BLANK, FillInTheBlank),
        QuestionKind.SHORT_ANSWER: _prompt(QuestionKind.SHORT_ANSWER, ShortAnswer),
    }
)
"""By kind; of true/false the one for true statements."""
