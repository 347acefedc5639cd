"""Asking a model to answer its own question, without the key and in a fresh conversation.

The passage stands before the question, so that an engine which keeps what it has read reads a passage once. The answer
is a letter, a truth or a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from services.exercises.domain.prompts.prompt import Prompt, StructuredAnswer, asked
from services.exercises.values.question import QuestionKind

_NAME = "confirmed_answer"
_MAX_TOKENS = 60
_TEXT = "key_check"


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
_LETTER = Prompt.load(_NAME, OptionLetter, _MAX_TOKENS, _TEXT)
KEY_CHECKS: Mapping[QuestionKind, Prompt[KeyAnswer]] = MappingProxyType(
    {
        QuestionKind.SINGLE_CHOICE: _LETTER,
        QuestionKind.MULTIPLE_CHOICE: Prompt.load(_NAME, OptionLetters, _MAX_TOKENS, _TEXT),
        QuestionKind.TRUE_FALSE: Prompt.load(_NAME, Truth, _MAX_TOKENS, _TEXT),
        QuestionKind.FILL_IN_THE_BLANK: Prompt.load(_NAME, MissingWord, _MAX_TOKENS, _TEXT),
        QuestionKind.SHORT_ANSWER: _LETTER,
    }
)
"""By kind; the part of the text that has the kind's name is its question."""
